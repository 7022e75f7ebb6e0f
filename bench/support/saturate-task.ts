import type { RateHandle } from '../../src/resilience/rate/rate-handle.js';
import type { ScopeRef } from '../../src/resilience/rate/scope-ref.js';

/** What a thread of the bench `saturation` does: loops that acquire, one permit after the other. */
export interface SaturateTask {
  readonly rates: RateHandle;
  readonly ref: ScopeRef;
  readonly loops: number;
  readonly cost: number;
  /** Two 64-bit words: threads that are ready, and the instant at which the last of them was. */
  readonly gate: SharedArrayBuffer;
  readonly threads: number;
  readonly durationMs: number;
}

/** What it tells. */
export interface Saturated {
  readonly permits: number;
  /** Longest wait for a permit. */
  readonly waitMsMax: number;
}
