import type { Guard } from '../breaker/guard.js';
import type { Limiter } from '../rate/limiter.js';
import type { ScopeRef } from '../rate/scope-ref.js';

/** Budgets and breakers that specs may name. A `RateCoordinator` is one, and so is what `openRates` gives. */
export interface Guards {
  /** @throws {ScopeUnknownError} */
  limiter(ref: ScopeRef): Limiter;
  /** @throws {BreakerUnknownError} */
  breaker(provider: string): Guard;
  cooldown(ref: ScopeRef, ms: number): void;
}
