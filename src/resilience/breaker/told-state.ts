import type { BreakerState } from '../../shared-memory/breaker-memory.js';

/**
 * A state that somebody else has found: the breaker of the same provider in another process, by way of whoever keeps
 * them in step.
 */
export interface ToldState {
  readonly state: Extract<BreakerState, 'closed' | 'open' | 'halfOpen'>;
  /** A whole number of at least 1 that grows with each change of the state: one that is not higher is ignored. */
  readonly version: number;
  /** Of an open one: milliseconds that are left of its open time. Missing: as long as it would be open by itself. */
  readonly openLeftMs?: number | undefined;
}
