import type { BreakerHandle } from '../../src/resilience/breaker/breaker-handle.js';
import type { Guard } from '../../src/resilience/breaker/guard.js';

export interface BreakerTask {
  readonly handle: BreakerHandle;
  readonly way: 'execute' | 'permit';
  readonly calls: number;
  /** Counts the threads that are ready: all begin together. */
  readonly gate: SharedArrayBuffer;
}

/** What is guarded. */
export const bareCall = async (): Promise<number> => 1;

export async function breakerLoop(guard: Guard, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await guard.execute(bareCall);
}

export function permitLoop(guard: Guard, calls: number): void {
  for (let i = 0; i < calls; i++) guard.permit().succeed();
}
