import type { BreakerHandle } from './breaker/breaker-handle.js';
import type { RateHandle } from './rate/rate-handle.js';

/** Budgets and breakers as plain data: may be posted to any thread of the process and opened there. */
export interface ResilienceHandle {
  readonly kind: 'tickloom.resilience';
  readonly rates: RateHandle;
  /** Breakers by the name of their provider. */
  readonly breakers: Readonly<Record<string, BreakerHandle>>;
}
