import type { Guard } from '../resilience/breaker/guard.js';
import type { Limiter } from '../resilience/rate/limiter.js';
import type { ScopeRef, ThrottledScope } from '../resilience/rate/scope-ref.js';

/** Budgets and breakers that specs may name. A `RateCoordinator` is one, and so is what `openRates` gives. */
export interface Guards {
  /** @throws {ScopeUnknownError} */
  limiter(ref: ScopeRef): Limiter;
  /** @throws {BreakerUnknownError} */
  breaker(provider: string): Guard;
  /** A call was throttled: cools the budget down, if there is one, for all threads. */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void;
}
