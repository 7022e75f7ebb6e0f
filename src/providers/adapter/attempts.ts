import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallGate, GatedCall } from '../../engine/call-gate.js';

/** An attempt of a gated call. What it starts and does not wait for runs on in its name when it is over. */
interface Attempt {
  isOver: boolean;
}

const attempts = new AsyncLocalStorage<Attempt>();

/** A gate whose attempts can be told by `isWithinAttempt`. */
export function watchedGate(gate: CallGate): CallGate {
  return {
    call(call, options) {
      if (typeof call !== 'function') return gate.call(call, options); // which refuses it
      return gate.call((signal) => attempts.run({ isOver: false }, made, call, signal), options);
    },
    observeUsed: (usage) => gate.observeUsed?.(usage),
  };
}

async function made<T>(call: GatedCall<T>, signal: AbortSignal): Promise<T> {
  const attempt = attempts.getStore() as Attempt; // it runs in one
  try {
    return await call(signal);
  } finally {
    attempt.isOver = true;
  }
}

/** Whether the code that runs is called by an attempt of a watched gate, which may fail and be made again. */
export function isWithinAttempt(): boolean {
  return attempts.getStore()?.isOver === false;
}
