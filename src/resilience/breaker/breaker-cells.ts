import type { Nanos } from '../../core/units.js';
import {
  HALF_OPEN,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  packWord,
  reasonOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerHandle } from './breaker-handle.js';
import { Probes } from './probes.js';
import { announceChange, signalOwner } from './signals.js';

/**
 * The state of a breaker in shared memory, without a lock: every method may be called by any thread.
 * Each change is one compare-and-swap, and what is prepared before it is harmless if the thread dies
 * in between.
 */
export class BreakerCells {
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly probes: Probes;

  constructor({ memory, settings }: Pick<BreakerHandle, 'memory' | 'settings'>) {
    this.words = new Int32Array(memory);
    this.longs = new BigInt64Array(memory);
    this.probes = new Probes(this.words, this.longs, settings);
  }

  load(): number {
    return Atomics.load(this.words, WORD_CELL);
  }

  /** @returns Whether the word was `from` and is `to` now. Those who wait for a change are woken. */
  move(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.words, WORD_CELL, from, to) !== from) return false;
    announceChange(this.words);
    return true;
  }

  /**
   * closed → open.
   *
   * @param word - The control word of the closed breaker in whose time the call was let through.
   * @returns Whether this call did it.
   */
  trip(word: number, reason: number, now: Nanos): boolean {
    for (;;) {
      const openedAt = Atomics.load(this.longs, OPENED_AT_CELL);
      // After the load above: whoever opens it in the meantime changes the cell, and so does the main
      // thread when it closes it again. A thread that slept here cannot put its old instant there.
      if (this.load() !== word) return false;
      if (openedAt >= now) break;
      if (Atomics.compareExchange(this.longs, OPENED_AT_CELL, openedAt, now) === openedAt) break;
    }
    if (!this.move(word, packWord(OPEN, reason, nextEpoch(word)))) return false;
    signalOwner(this.words);
    return true;
  }

  /** Open → half-open, if its time is over. @returns Whether it may be half-open now: look again. */
  beginProbing(word: number, now: Nanos): boolean {
    if (now < this.openUntil()) return false;
    if (this.move(word, packWord(HALF_OPEN, reasonOf(word), nextEpoch(word)))) signalOwner(this.words);
    return true;
  }

  openedAt(): bigint {
    return Atomics.load(this.longs, OPENED_AT_CELL);
  }

  openUntil(): bigint {
    return Atomics.load(this.longs, OPENED_AT_CELL) + Atomics.load(this.longs, OPEN_FOR_CELL);
  }
}
