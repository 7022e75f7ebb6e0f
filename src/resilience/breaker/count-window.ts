import { HEAD_CELL, RING_CELL, ringLength } from '../../shared-memory/breaker-memory.js';
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
  /** What is being judged. */
  readonly #entries: Int32Array;
  /** Epoch in which this thread has seen the volume complete: a success cannot open it from then on. */
  #completeEpoch = -1;

  constructor(words: Int32Array, limits: RateLimits & { readonly size: number }) {
    this.#words = words;
    this.#size = limits.size;
    this.#length = ringLength(limits.size);
    this.#lapOf = Math.log2(this.#length);
    this.#limits = limits;
    this.#entries = new Int32Array(2 * limits.size - 1);
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
    const size = this.#size;
    const oldest = position - size + 1;
    const last = Math.min(ahead, size - 1);
    // Read once: an entry that is written in between must not be taken off where it was not counted.
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

  /** Whether nothing that was judged was overwritten meanwhile. */
  #isWhole(oldest: number): boolean {
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
