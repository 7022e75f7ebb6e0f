import type { BreakerReason, BreakerState } from '../../shared-memory/breaker-memory.js';
import type { BreakerGauges } from './trip-conditions.js';

/** What a breaker is doing now. */
export interface BreakerStatus {
  readonly state: BreakerState;
  /** Why it is not closed. */
  readonly reason?: BreakerReason;
  /** Of an open one: milliseconds that are left of its open time. */
  readonly openLeftMs?: number;
  /** Openings since it was last closed. */
  readonly openings: number;
  /** Holds that were not released. */
  readonly holds: number;
  /** What its conditions have counted, while it is closed: what each holds, and the rates of windows. */
  readonly gauges?: BreakerGauges;
}
