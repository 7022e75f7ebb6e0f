import { BREAKER_BYTES_MIN, HEAD_CELL, ringLength } from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import { gaugeOf, judgeRates, type RateLimits, type RateVerdict, type WindowGauge } from './rate-limits.js';

/** Bits of an entry: 0 = 1 (present), 1 = failed, 2 = slow, 3 to 12 = lap, 13 to 31 = epoch. */
const PRESENT = 1;
const FAILED = 2;
const SLOW = 4;
const LAP_SHIFT = 3;
const LAP_MASK = 0x3ff;
const EPOCH_SHIFT = 13;
/** Letters for outcomes as saved: succeeded, failed, slow, slow and failed. */
const OUTCOMES = 'sfSF';

/**
 * The last `size` outcomes of all threads. They are ordered by position: a thread takes a position with
 * one atomic add, then writes its entry there.
 *
 * The window is exact in this sense: of every `size` consecutive outcomes, the last one written judges
 * all of them. A position that is taken but not written is a call in flight. If its thread was killed
 * between the two steps, the window has one outcome less until it has moved on. An outcome that was
 * overtaken by as many others as the ring has spare entries (at least `size`) no longer judges anything.
 */
export class CountWindow {
  readonly #words: Int32Array;
  readonly #ring: Int32Array;
  readonly #size: number;
  readonly #length: number;
  readonly #lapOf: number;
  readonly #limits: RateLimits;
  /** Copy of the entries being judged. */
  readonly #entries: Int32Array;
  /**
   * Epoch in which this thread saw the minimum volume reached: from then on a success cannot open the
   * breaker.
   */
  #completeEpoch = -1;

  constructor({ memory, words }: BreakerCells, limits: RateLimits & { readonly size: number }) {
    this.#words = words;
    this.#size = limits.size;
    this.#length = ringLength(limits.size);
    this.#ring = new Int32Array(memory, BREAKER_BYTES_MIN, this.#length);
    this.#lapOf = Math.log2(this.#length);
    this.#limits = limits;
    this.#entries = new Int32Array(2 * limits.size - 1);
  }

  /** Clears the ring. Entries carry their epoch, but an epoch returns after a wrap. */
  forget(): void {
    for (let at = 0; at < this.#length; at++) Atomics.store(this.#ring, at, 0);
  }

  record(epoch: number, failed: boolean, slow: boolean): RateVerdict {
    const position = this.#append(epoch, (failed ? FAILED : 0) | (slow ? SLOW : 0));
    const ahead = (Atomics.load(this.#words, HEAD_CELL) - position - 1) | 0;
    if (ahead === 0 && !failed && !slow && this.#completeEpoch === epoch) return 'none';
    return this.#judge(epoch, position, ahead);
  }

  /** The outcomes of an epoch that the window holds, oldest first, a letter of `OUTCOMES` each. */
  outcomes(epoch: number): string {
    const head = Atomics.load(this.#words, HEAD_CELL);
    let text = '';
    for (let position = (head - this.#size) | 0; position !== head; position = (position + 1) | 0) {
      const entry = this.#entryAt(epoch, position);
      if (entry & PRESENT) text += OUTCOMES[(entry & (FAILED | SLOW)) / FAILED];
    }
    return text;
  }

  /** Adds outcomes without judging them; if there are more than it holds, the latest. */
  restore(epoch: number, outcomes: string): void {
    for (const letter of outcomes.slice(-this.#size)) this.#append(epoch, OUTCOMES.indexOf(letter) * FAILED);
  }

  gauge(epoch: number): WindowGauge {
    const outcomes = this.outcomes(epoch);
    const count = (kind: number) =>
      [...outcomes].filter((letter) => (OUTCOMES.indexOf(letter) * FAILED) & kind).length;
    return gaugeOf(outcomes.length, count(FAILED), count(SLOW));
  }

  /** @returns The position of the outcome. */
  #append(epoch: number, outcome: number): number {
    const position = Atomics.add(this.#words, HEAD_CELL, 1);
    Atomics.store(this.#ring, position & (this.#length - 1), this.#mark(epoch, position) | outcome);
    return position;
  }

  /** Judges the windows that contain the position, starting with the one that ends there. */
  #judge(epoch: number, position: number, ahead: number): RateVerdict {
    const size = this.#size;
    const oldest = position - size + 1;
    const last = Math.min(ahead, size - 1);
    // Read once: an entry written in between must not be subtracted where it was never added.
    const entries = this.#entries;
    for (let at = 0; at < size + last; at++) entries[at] = this.#entryAt(epoch, oldest + at);

    let total = 0;
    let failed = 0;
    let slow = 0;
    for (let end = 0; end < size + last; end++) {
      const added = entries[end]!;
      const dropped = end < size ? 0 : entries[end - size]!;
      total += (added & PRESENT) - (dropped & PRESENT);
      failed += ((added & FAILED) - (dropped & FAILED)) / FAILED;
      slow += ((added & SLOW) - (dropped & SLOW)) / SLOW;
      if (end < size - 1) continue;
      if (total >= this.#limits.minimumVolume) this.#completeEpoch = epoch;
      const verdict = judgeRates(total, failed, slow, this.#limits);
      if (verdict !== 'none') return this.#isWhole(oldest) ? verdict : 'none';
    }
    return 'none';
  }

  /** Whether nothing that was judged has been overwritten meanwhile. */
  #isWhole(oldest: number): boolean {
    return ((Atomics.load(this.#words, HEAD_CELL) - oldest) | 0) <= this.#length;
  }

  /** The entry at a position; 0 if it is not written yet or belongs to another epoch. */
  #entryAt(epoch: number, position: number): number {
    const entry = Atomics.load(this.#ring, position & (this.#length - 1));
    return (entry & ~(FAILED | SLOW)) === this.#mark(epoch, position) ? entry : 0;
  }

  #mark(epoch: number, position: number): number {
    return (epoch << EPOCH_SHIFT) | (((position >>> this.#lapOf) & LAP_MASK) << LAP_SHIFT) | PRESENT;
  }
}
