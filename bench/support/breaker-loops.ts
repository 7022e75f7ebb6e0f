import type { Breaker } from '../../src/resilience/breaker/breaker-calls.js';
import type { BreakerHandle } from '../../src/resilience/breaker/breaker-handle.js';

export interface BreakerTask {
  readonly handle: BreakerHandle;
  readonly way: 'execute' | 'permit';
  readonly calls: number;
  readonly threads: number;
  /** Two counts of the threads that are ready, for two loops: all begin each together. */
  readonly gate: SharedArrayBuffer;
}

export interface BreakerAnswer {
  readonly ns: number;
  readonly bareNs: number;
}

/** What the breaker is around. */
export const bareCall = async (): Promise<number> => 1;

export async function bareLoop(calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await bareCall();
}

export async function breakerLoop(breaker: Breaker, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await breaker.execute(bareCall);
}

export function permitLoop(breaker: Breaker, calls: number): void {
  for (let i = 0; i < calls; i++) breaker.permit().succeed();
}
