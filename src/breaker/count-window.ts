import { HEAD_CELL, RING_CELL, ringLength } from '../protocol/breaker-memory.js';
import { judgeRates, type RateLimits, type RateVerdict } from './rate-limits.js';

/** An entry: 1 in bit 0, failed in bit 1, slow in bit 2, lap in bits 3 to 12, epoch in 13 to 31. */
const PRESENT = 1;
const FAILED = 2;
const SLOW = 4;
const LAP_SHIFT = 3;
const LAP_MASK = 0x3ff;
const EPOCH_SHIFT = 13;

/**
 * The last `size` outcomes of all threads. Their order is that in which they took a position, one
 * atomic add each; then each writes its entry there.
 *
 * Exact means: of every `size` outcomes that follow each other, the last one to be written judges them
 * all. A position that is taken and not written is a call in flight; if its thread was killed between
 * the two steps, the window has one outcome less until it has moved on. An outcome that was overtaken
 * by as many as the ring has to spare (`size` at least) judges nothing any more.
 */
export class CountWindow {
  readonly #words: Int32Array;
  readonly #size: number;
  readonly #length: number;
  readonly #lapOf: number;
  readonly #limits: RateLimits;
  /** Epoch in which this thread has seen the volume complete: a success cannot open it from then on. */
  #completeEpoch = -1;

  constructor(words: Int32Array, limits: RateLimits & { readonly size: number }) {
    this.#words = words;
    this.#size = limits.size;
    this.#length = ringLength(limits.size);
    this.#lapOf = Math.log2(this.#length);
    this.#limits = limits;
  }

  /** Entries carry their epoch; they are wiped as well, since an epoch comes again after a wrap. */
  forget(): void {
    for (let at = 0; at < this.#length; at++) Atomics.store(this.#words, RING_CELL + at, 0);
  }

  record(epoch: number, failed: boolean, slow: boolean): RateVerdict {
    const position = Atomics.add(this.#words, HEAD_CELL, 1);
    const entry = this.#mark(epoch, position) | (failed ? FAILED : 0) | (slow ? SLOW : 0);
    Atomics.store(this.#words, RING_CELL + (position & (this.#length - 1)), entry);
    const ahead = (Atomics.load(this.#words, HEAD_CELL) - position - 1) | 0;
    if (ahead === 0 && !failed && !slow && this.#completeEpoch === epoch) return 'none';
    return this.#judge(epoch, position, ahead);
  }

  /** Judges the windows that hold the position, the one that ends there first. */
  #judge(epoch: number, position: number, ahead: number): RateVerdict {
    let total = 0;
    let failed = 0;
    let slow = 0;
    const count = (at: number, by: 1 | -1) => {
      const entry = this.#entryAt(epoch, at);
      if (entry === 0) return;
      total += by;
      if (entry & FAILED) failed += by;
      if (entry & SLOW) slow += by;
    };
    for (let at = position - this.#size + 1; at !== position + 1; at++) count(at, 1);
    const last = Math.min(ahead, this.#size - 1);
    for (let end = 0; ; end++) {
      const verdict = judgeRates(total, failed, slow, this.#limits);
      if (total >= this.#limits.minimumVolume) this.#completeEpoch = epoch;
      if (verdict !== 'none') return this.#isWhole(position) ? verdict : 'none';
      if (end === last) return 'none';
      count(position + end + 1, 1);
      count(position + end + 1 - this.#size, -1);
    }
  }

  /** Whether nothing that was judged was overwritten meanwhile. */
  #isWhole(position: number): boolean {
    const oldest = position - this.#size + 1;
    return ((Atomics.load(this.#words, HEAD_CELL) - oldest) | 0) <= this.#length;
  }

  /** 0: not written yet, or of another epoch. */
  #entryAt(epoch: number, position: number): number {
    const entry = Atomics.load(this.#words, RING_CELL + (position & (this.#length - 1)));
    return (entry & ~(FAILED | SLOW)) === this.#mark(epoch, position) ? entry : 0;
  }

  #mark(epoch: number, position: number): number {
    return (epoch << EPOCH_SHIFT) | (((position >>> this.#lapOf) & LAP_MASK) << LAP_SHIFT) | PRESENT;
  }
}
