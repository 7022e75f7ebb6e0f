import { CHANGE_CELL, SIGNAL_CELL } from '../../shared-memory/breaker-memory.js';

/** Makes the thread that owns the breaker's machine check the memory. */
export function signalOwner(words: Int32Array): void {
  Atomics.add(words, SIGNAL_CELL, 1);
  Atomics.notify(words, SIGNAL_CELL);
}

/** Wakes everyone who waits until a call would be let through. */
export function announceChange(words: Int32Array): void {
  Atomics.add(words, CHANGE_CELL, 1);
  Atomics.notify(words, CHANGE_CELL);
}
