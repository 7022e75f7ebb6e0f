import { BREAKER_BYTES_MIN, HEAD_CELL, ringLength } from '../../shared-memory/breaker-memory.js';
import { glance } from '../../shared-memory/glance.js';
import type { BreakerCells } from './breaker-cells.js';
import { gaugeOf, judgeRates, type RateLimits, type RateVerdict, type WindowGauge } from './rate-limits.js';

/** Bits of an entry: 0 = 1 (present), 1 = failed, 2 = slow, 3 to 12 = lap, 13 to 31 = epoch. */
const PRESENT = 1;
const FAILED = 2;
const SLOW = 4;
const KIND_MASK = FAILED | SLOW;
const LAP_SHIFT = 3;
const LAPS_MAX = 0x400;
const EPOCH_SHIFT = 13;
const EPOCH_BITS = 32 - EPOCH_SHIFT;
/** Letters for outcomes as saved: succeeded, failed, slow, slow and failed. */
const OUTCOMES = 'sfSF';

/** Bits of the head: 0 to 19 = position, 20 to 31 = epoch. */
const HEAD_EPOCH_SHIFT = 20;
const POSITION_MASK = 2 ** HEAD_EPOCH_SHIFT - 1;
/** After the last position comes this one: a multiple of every ring's length, as the end is. */
const POSITION_AGAIN = 2 ** (HEAD_EPOCH_SHIFT - 1);

/** Instead of a position: the outcome belongs to an epoch that is over. */
const LATE = -1;

/**
 * The last `size` outcomes of all threads in an epoch. They are ordered by position: a thread takes a
 * position by a compare-and-swap on the head, which also holds the epoch. That is all that a success
 * does. A failed or slow call then writes an entry at its position; a position without an entry is a
 * success.
 *
 * The window is exact in this sense: of every `size` consecutive outcomes, the failed or slow one that is
 * written last judges all of them, and the success that completes the volume does, too. No other success
 * can open the breaker: it adds nothing to a count and cannot complete the volume. A thread that was
 * killed between its position and its entry leaves a success behind. An outcome that was overtaken by as
 * many others as the ring has spare entries (at least `size`) no longer judges anything.
 */
export class CountWindow {
  readonly #words: Int32Array;
  readonly #ring: Int32Array;
  readonly #size: number;
  readonly #length: number;
  readonly #lapOf: number;
  readonly #lapMask: number;
  readonly #limits: RateLimits;
  /** Copy of the entries being judged. */
  readonly #entries: Int32Array;
  /** The first outcome of a thread in an epoch is always judged: the epoch may have begun with outcomes. */
  #judgedEpoch = -1;

  constructor({ memory, words }: BreakerCells, limits: RateLimits & { readonly size: number }) {
    this.#words = words;
    this.#size = limits.size;
    this.#length = ringLength(limits.size);
    this.#ring = new Int32Array(memory, BREAKER_BYTES_MIN, this.#length);
    this.#lapOf = Math.log2(this.#length);
    // Laps go on without a gap where positions begin again.
    this.#lapMask = Math.min(LAPS_MAX, POSITION_AGAIN / this.#length) - 1;
    this.#limits = limits;
    this.#entries = new Int32Array(2 * limits.size - 1);
  }

  /**
   * Counts a success, unless it has to be judged.
   *
   * @returns `false` if it is not counted: `record` does it.
   */
  succeedQuietly(epoch: number): boolean {
    if (epoch !== this.#judgedEpoch) return false;
    const position = this.#take(epoch, this.#limits.minimumVolume - 1);
    if (position === LATE) return false;
    this.#forgetEntry(epoch, position);
    return true;
  }

  record(epoch: number, failed: boolean, slow: boolean): RateVerdict {
    const kind = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    const position = this.#take(epoch, LATE);
    if (position === LATE) return 'none';
    if (kind === 0) this.#forgetEntry(epoch, position);
    else Atomics.store(this.#ring, position & (this.#length - 1), this.#mark(epoch, position) | kind);
    const completes = position + 1 === this.#limits.minimumVolume;
    if (kind === 0 && !completes && epoch === this.#judgedEpoch) return 'none';
    this.#judgedEpoch = epoch;
    return this.#judge(epoch, position);
  }

  /** The outcomes of an epoch that the window holds, oldest first, a letter of `OUTCOMES` each. */
  outcomes(epoch: number): string {
    const head = Atomics.load(this.#words, HEAD_CELL);
    if (!isOfEpoch(head, epoch)) return '';
    const end = head & POSITION_MASK;
    let text = '';
    for (let position = Math.max(0, end - this.#size); position < end; position++) {
      text += OUTCOMES[this.#kindAt(epoch, position) / FAILED];
    }
    return text;
  }

  /**
   * Begins an epoch with these outcomes; if there are more than the window holds, with the latest. Judges
   * nothing. From now on, outcomes of other epochs are late.
   */
  begin(epoch: number, outcomes: string): void {
    Atomics.store(this.#words, HEAD_CELL, epoch << HEAD_EPOCH_SHIFT);
    for (let at = 0; at < this.#length; at++) Atomics.store(this.#ring, at, 0);
    const kept = outcomes.slice(-this.#size);
    for (const [position, letter] of [...kept].entries()) {
      const kind = OUTCOMES.indexOf(letter) * FAILED;
      if (kind !== 0) Atomics.store(this.#ring, position, this.#mark(epoch, position) | kind);
    }
    Atomics.store(this.#words, HEAD_CELL, (epoch << HEAD_EPOCH_SHIFT) | kept.length);
  }

  gauge(epoch: number): WindowGauge {
    const outcomes = this.outcomes(epoch);
    const count = (kind: number) =>
      [...outcomes].filter((letter) => (OUTCOMES.indexOf(letter) * FAILED) & kind).length;
    return gaugeOf(outcomes.length, count(FAILED), count(SLOW));
  }

  /**
   * Takes the next position.
   *
   * @param not - A position that is not to be taken.
   * @returns The position; or `LATE`, and nothing was taken.
   */
  #take(epoch: number, not: number): number {
    // A glance is what the swap expects: if it was old, the swap fails and tells the value.
    let head = glance(this.#words, HEAD_CELL);
    for (;;) {
      if (!isOfEpoch(head, epoch)) return LATE;
      const position = head & POSITION_MASK;
      if (position === not) return LATE;
      const next = position === POSITION_MASK ? POSITION_AGAIN : position + 1;
      const found = Atomics.compareExchange(this.#words, HEAD_CELL, head, (epoch << HEAD_EPOCH_SHIFT) | next);
      if (found === head) return position;
      head = found;
    }
  }

  /** Clears what an earlier lap has left at the position of a success: its lap returns after a wrap. */
  #forgetEntry(epoch: number, position: number): void {
    const at = position & (this.#length - 1);
    const found = glance(this.#ring, at);
    // Only if unchanged, and never an entry of a thread that is a lap ahead of this one.
    if (found !== 0 && this.#isBefore(found, epoch, position)) {
      Atomics.compareExchange(this.#ring, at, found, 0);
    }
  }

  #isBefore(entry: number, epoch: number, position: number): boolean {
    const epochs = (epoch - (entry >>> EPOCH_SHIFT)) << (32 - EPOCH_BITS);
    if (epochs !== 0) return epochs > 0;
    const laps = ((position >>> this.#lapOf) - (entry >>> LAP_SHIFT)) & this.#lapMask;
    return laps <= this.#lapMask >>> 1;
  }

  /** Judges the windows that contain the position, starting with the one that ends there. */
  #judge(epoch: number, position: number): RateVerdict {
    const head = Atomics.load(this.#words, HEAD_CELL);
    if (!isOfEpoch(head, epoch)) return 'none';
    const size = this.#size;
    const oldest = position - size + 1;
    const last = Math.min(distance(position, head & POSITION_MASK) - 1, size - 1);
    // Read once: an entry written in between must not be subtracted where it was never added.
    const entries = this.#entries;
    for (let at = 0; at < size + last; at++) entries[at] = this.#kindAt(epoch, oldest + at);

    let failed = 0;
    let slow = 0;
    for (let end = 0; end < size + last; end++) {
      const added = entries[end]!;
      const dropped = end < size ? 0 : entries[end - size]!;
      failed += ((added & FAILED) - (dropped & FAILED)) / FAILED;
      slow += ((added & SLOW) - (dropped & SLOW)) / SLOW;
      if (end < size - 1) continue;
      const total = Math.min(size, oldest + end + 1);
      const verdict = judgeRates(total, failed, slow, this.#limits);
      if (verdict !== 'none') return this.#isWhole(epoch, oldest) ? verdict : 'none';
    }
    return 'none';
  }

  /** Whether nothing that was judged has been overwritten meanwhile. */
  #isWhole(epoch: number, oldest: number): boolean {
    const head = Atomics.load(this.#words, HEAD_CELL);
    return isOfEpoch(head, epoch) && distance(Math.max(0, oldest), head & POSITION_MASK) <= this.#length;
  }

  /** What the entry at a position says: 0 for a success, and for what was before the epoch. */
  #kindAt(epoch: number, position: number): number {
    if (position < 0) return 0;
    const entry = Atomics.load(this.#ring, position & (this.#length - 1));
    return (entry & ~KIND_MASK) === this.#mark(epoch, position) ? entry & KIND_MASK : 0;
  }

  #mark(epoch: number, position: number): number {
    const lap = (position >>> this.#lapOf) & this.#lapMask;
    return (epoch << EPOCH_SHIFT) | (lap << LAP_SHIFT) | PRESENT;
  }
}

const isOfEpoch = (head: number, epoch: number): boolean =>
  (head ^ (epoch << HEAD_EPOCH_SHIFT)) >>> HEAD_EPOCH_SHIFT === 0;

/** From one position to a later one, or to the same. */
const distance = (from: number, to: number): number => (to >= from ? to - from : to - from + POSITION_AGAIN);
