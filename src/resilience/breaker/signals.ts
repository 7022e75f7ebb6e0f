import { CHANGE_CELL, SIGNAL_CELL } from '../../shared-memory/breaker-memory.js';

/** Has the thread that owns the breaker's machine look at the memory. */
export function signalOwner(words: Int32Array): void {
  Atomics.add(words, SIGNAL_CELL, 1);
  Atomics.notify(words, SIGNAL_CELL);
}

/** Wakes those who wait until a call would be let through. */
export function announceChange(words: Int32Array): void {
  Atomics.add(words, CHANGE_CELL, 1);
  Atomics.notify(words, CHANGE_CELL);
}
