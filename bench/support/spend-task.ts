import type { RateHandle } from '../../src/resilience/rate/rate-handle.js';

/** What a thread of the bench `try-acquire` spends from. */
export type SpendTask =
  | { readonly way: 'budget'; readonly rates: RateHandle; readonly provider: string }
  /** A bare cell, by its place among 64-bit words. */
  | { readonly way: 'cell'; readonly cells: SharedArrayBuffer; readonly at: number };

export interface SpendOrder {
  readonly task: SpendTask;
  readonly calls: number;
  /** Counts the threads that are ready: all begin at once. */
  readonly gate: SharedArrayBuffer;
  readonly threads: number;
}
