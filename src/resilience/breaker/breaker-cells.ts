import type { Nanos } from '../../core/units.js';
import {
  BREAKER_BYTES_MIN,
  HALF_OPEN,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  packWord,
  reasonOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import { SharedSettings } from './shared-settings.js';
import { announceChange, signalOwner } from './signals.js';

/**
 * The state of a breaker in shared memory, without a lock: any thread may call any method. Each change is
 * one compare-and-swap. What is written before the swap does no harm if the thread dies in between.
 */
export class BreakerCells {
  readonly memory: SharedArrayBuffer;
  /** Without the ring of a count window, which may grow. */
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly settings: SharedSettings;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, BREAKER_BYTES_MIN / 4);
    this.longs = new BigInt64Array(memory, 0, BREAKER_BYTES_MIN / 8);
    this.settings = new SharedSettings(this.words, this.longs);
  }

  load(): number {
    return Atomics.load(this.words, WORD_CELL);
  }

  /**
   * Changes the control word and wakes everyone who waits for a change.
   *
   * @returns Whether the word was `from` and is now `to`.
   */
  move(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.words, WORD_CELL, from, to) !== from) return false;
    announceChange(this.words);
    return true;
  }

  /**
   * Moves closed → open.
   *
   * @param word - The control word of the closed breaker at the time the call was let through.
   * @returns Whether this call opened the breaker.
   */
  trip(word: number, reason: number, now: Nanos): boolean {
    for (;;) {
      const openedAt = Atomics.load(this.longs, OPENED_AT_CELL);
      // Checked after the load above: a thread that opens the breaker in the meantime changes the cell,
      // and so does the main thread when it closes it again. So a thread that slept here cannot write its
      // old instant.
      if (this.load() !== word) return false;
      if (openedAt >= now) break;
      if (Atomics.compareExchange(this.longs, OPENED_AT_CELL, openedAt, now) === openedAt) break;
    }
    if (!this.move(word, packWord(OPEN, reason, nextEpoch(word)))) return false;
    signalOwner(this.words);
    return true;
  }

  /**
   * Moves open → half-open once the open time is over.
   *
   * @returns Whether it may be half-open now; the caller reads the state again.
   */
  beginProbing(word: number, now: Nanos): boolean {
    if (now < this.openUntil()) return false;
    if (this.move(word, packWord(HALF_OPEN, reasonOf(word), nextEpoch(word)))) signalOwner(this.words);
    return true;
  }

  openedAt(): Nanos {
    return Atomics.load(this.longs, OPENED_AT_CELL) as Nanos;
  }

  openUntil(): bigint {
    return Atomics.load(this.longs, OPENED_AT_CELL) + Atomics.load(this.longs, OPEN_FOR_CELL);
  }
}
