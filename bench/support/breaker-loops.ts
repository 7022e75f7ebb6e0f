import type { Breaker } from '../../src/resilience/breaker/breaker-calls.js';
import type { BreakerHandle } from '../../src/resilience/breaker/breaker-handle.js';

export interface BreakerTask {
  readonly handle: BreakerHandle;
  readonly way: 'execute' | 'permit';
  readonly calls: number;
  /** Counts the threads that are ready: all begin together. */
  readonly gate: SharedArrayBuffer;
}

/** What the breaker is around. */
export const bareCall = async (): Promise<number> => 1;

export async function breakerLoop(breaker: Breaker, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await breaker.execute(bareCall);
}

export function permitLoop(breaker: Breaker, calls: number): void {
  for (let i = 0; i < calls; i++) breaker.permit().succeed();
}
