import {
  BUCKET_CELLS,
  BUCKETS,
  BUCKETS_CELL,
  BUCKETS_USED_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import { FAILED, SLOW, SUCCEEDED, type WindowSum } from './window-sum.js';

/**
 * Bits of a bucket's cell: 0 to 25 = count, 26 to 55 = lap, 56 to 63 = epoch. A lap is once round the
 * buckets; of the shortest window, it returns after three years.
 */
const COUNT_BITS = 26n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const LAP_MASK = 2 ** 30 - 1;
const EPOCH_SHIFT = 56n;
const EPOCH_MASK = 0xff;

/**
 * The buckets of a time window for threads without a shard of their own, and for what an epoch begins
 * with. A cell holds a count together with its lap and epoch. A count from an earlier lap or epoch is
 * never read, and the first outcome that finds it replaces it. So nothing has to be cleared, however long
 * nobody called.
 */
export class SharedBuckets {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  /** What the cells of the tick that was counted last hold besides their counts. */
  #base = 0n;
  #epoch = -1;
  #tick = -1;

  constructor({ words, longs }: Pick<BreakerCells, 'words' | 'longs'>) {
    this.#words = words;
    this.#longs = longs;
  }

  /** Clears the buckets before an epoch. Counts carry their epoch, but an epoch returns after a wrap. */
  forget(): void {
    for (let cell = 0; cell < BUCKETS * BUCKET_CELLS; cell++)
      Atomics.store(this.#longs, BUCKETS_CELL + cell, 0n);
    Atomics.store(this.#words, BUCKETS_USED_CELL, 0);
  }

  /** @param amount - At most `COUNT_MAX`. */
  add(epoch: number, tick: number, kind: number, amount: number): void {
    if (amount === 0) return;
    // Before the count, so that whoever misses it comes before this outcome.
    if (!this.#isUsed()) Atomics.store(this.#words, BUCKETS_USED_CELL, 1);
    const base = this.#baseAt(epoch, tick);
    const cell = cellOf(tick, kind);
    let found = Atomics.load(this.#longs, cell);
    for (;;) {
      const count = Number(countOf(found, base));
      // The outcome is late: the options have changed, or the breaker was opened and closed again.
      if (count === 0 && isOfLaterEpoch(found, base)) return;
      const next = base + BigInt(Math.min(count + amount, COUNT_MAX));
      const before = Atomics.compareExchange(this.#longs, cell, found, next);
      if (before === found) return;
      found = before;
    }
  }

  /** What is counted at one of the ten ticks that end with `last`. */
  countAt(epoch: number, tick: number, kind: number): number {
    return Number(countOf(Atomics.load(this.#longs, cellOf(tick, kind)), baseOf(epoch, lapOf(tick))));
  }

  /** First part of a sum: see `WindowSum`. */
  addFailures(sum: WindowSum): boolean {
    if (!this.#isUsed()) return true;
    for (let back = BUCKETS - 1; back >= 0; back--) {
      if (!this.#addAt(sum, back, SLOW) || !this.#addAt(sum, back, FAILED)) return false;
    }
    return true;
  }

  /** Second part of a sum. */
  addSuccesses(sum: WindowSum): boolean {
    if (!this.#isUsed()) return true;
    for (let back = BUCKETS - 1; back >= 0; back--) if (!this.#addAt(sum, back, SUCCEEDED)) return false;
    return true;
  }

  #baseAt(epoch: number, tick: number): bigint {
    if (epoch !== this.#epoch || tick !== this.#tick) {
      this.#epoch = epoch;
      this.#tick = tick;
      this.#base = baseOf(epoch, lapOf(tick));
    }
    return this.#base;
  }

  #isUsed(): boolean {
    return Atomics.load(this.#words, BUCKETS_USED_CELL) !== 0;
  }

  #addAt(sum: WindowSum, back: number, kind: number): boolean {
    const tick = sum.tick - back;
    const base = baseOf(sum.epoch, lapOf(tick));
    const found = Atomics.load(this.#longs, cellOf(tick, kind));
    const laps = lapsAfter(found, base);
    if (laps > 0) return sum.moveTo(tick + laps * BUCKETS);
    sum.add(kind, Number(countOf(found, base)));
    return true;
  }
}

/** Most that a bucket holds of one kind. */
export const COUNT_MAX = Number(COUNT_MASK);

const lapOf = (tick: number): number => Math.floor(tick / BUCKETS);

const cellOf = (tick: number, kind: number): number => BUCKETS_CELL + (tick % BUCKETS) * BUCKET_CELLS + kind;

/** The count in a cell; 0 if it belongs to another lap or epoch. */
const countOf = (cell: bigint, base: bigint): bigint => {
  const count = cell - base;
  return count >= 0n && count <= COUNT_MASK ? count : 0n;
};

/** How many laps later the cell was written, in the same epoch; 0 if it was not. */
const lapsAfter = (cell: bigint, base: bigint): number => {
  if ((cell & COUNT_MASK) === 0n || (cell ^ base) >> EPOCH_SHIFT !== 0n) return 0;
  const laps = (cell - base) >> COUNT_BITS;
  return laps > 0n ? Number(laps) : 0;
};

/** Whether a cell holds a count of a later epoch, which wraps. */
const isOfLaterEpoch = (cell: bigint, base: bigint): boolean =>
  (cell & COUNT_MASK) !== 0n && BigInt.asIntN(8, (cell >> EPOCH_SHIFT) - (base >> EPOCH_SHIFT)) > 0n;

const baseOf = (epoch: number, lap: number): bigint =>
  BigInt.asIntN(64, (BigInt(epoch & EPOCH_MASK) << EPOCH_SHIFT) | (BigInt(lap & LAP_MASK) << COUNT_BITS));
