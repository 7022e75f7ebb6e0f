import type { Clock } from '../../core/clock.js';
import type { RateCoordinator } from '../rate/rate-coordinator.js';
import type { ScopeRef } from '../rate/scope-ref.js';

/** Budgets as whoever deals them needs them. */
export type DealtRates = Pick<
  RateCoordinator,
  'share' | 'unshare' | 'declared' | 'need' | 'cooldown' | 'status'
>;

export interface ScopeDealerParts {
  readonly name: string;
  readonly ref: ScopeRef;
  readonly rates: DealtRates;
  readonly clock: Clock;
  /** How long a share holds. */
  readonly ttlMs: number;
  /** Asks an owner to ask again now: it has more than its part, or is to learn of a cooldown. */
  onNudge(owner: string): void;
}
