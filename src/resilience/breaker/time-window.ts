import type { Nanos } from '../../core/units.js';
import { BUCKET_CELLS, BUCKETS, BUCKETS_CELL } from '../../shared-memory/breaker-memory.js';
import { judgeRates, type RateLimits, type RateVerdict } from './rate-limits.js';

/** Bits of a bucket's cell: 0 to 25 = count, 26 to 55 = tick, 56 to 63 = epoch. */
const COUNT_BITS = 26n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const TICK_MASK = 2 ** 30 - 1;
const EPOCH_MASK = 0xff;

const SUCCEEDED = 0;
const FAILED = 1;
const SLOW = 2;

/**
 * The outcomes of all threads in the last `lengthMs`, in ten buckets: the current one and the nine
 * before, so that the window covers between nine tenths of its length and all of it. A cell holds a count
 * together with its tick and epoch. A count from another tick or epoch is never read, and the first
 * outcome that finds it replaces it. So nothing has to be cleared, however long nobody called.
 */
export class TimeWindow {
  readonly #longs: BigInt64Array;
  readonly #tickNs: number;
  readonly #limits: RateLimits;
  /**
   * Tick and epoch in which this thread saw the minimum volume reached: a success opens nothing until the
   * next tick.
   */
  #completeBase = -1n;
  #tick = -1;
  #epoch = -1;
  #base = 0n;

  constructor(longs: BigInt64Array, limits: RateLimits & { readonly lengthMs: number }) {
    this.#longs = longs;
    this.#tickNs = Math.ceil((limits.lengthMs * 1e6) / BUCKETS);
    this.#limits = limits;
  }

  /** Clears the buckets. Counts carry their epoch, but an epoch returns after a wrap. */
  forget(): void {
    for (let cell = 0; cell < BUCKETS * BUCKET_CELLS; cell++)
      Atomics.store(this.#longs, BUCKETS_CELL + cell, 0n);
  }

  record(epoch: number, failed: boolean, slow: boolean, now: Nanos): RateVerdict {
    const tick = Math.floor(Number(now) / this.#tickNs);
    if (tick !== this.#tick || epoch !== this.#epoch) {
      this.#tick = tick;
      this.#epoch = epoch;
      this.#base = baseOf(epoch, tick);
    }
    this.#count(failed ? FAILED : SUCCEEDED);
    if (slow) this.#count(SLOW);
    if (!failed && !slow && this.#completeBase === this.#base) return 'none';
    return this.#judge();
  }

  #count(kind: number): void {
    const cell = this.#cellOf(this.#tick, kind);
    let found = Atomics.load(this.#longs, cell);
    for (;;) {
      const count = countOf(found, this.#base);
      if (count === COUNT_MASK) return;
      const next = count === 0n ? this.#base + 1n : found + 1n;
      const before = Atomics.compareExchange(this.#longs, cell, found, next);
      if (before === found) return;
      found = before;
    }
  }

  #judge(): RateVerdict {
    let succeeded = this.#sum(SUCCEEDED);
    for (;;) {
      const failed = this.#sum(FAILED);
      const slow = this.#sum(SLOW);
      const again = this.#sum(SUCCEEDED);
      // The sums belong to one instant only if no success came in between.
      if (again !== succeeded) {
        succeeded = again;
        continue;
      }
      const total = succeeded + failed;
      if (total >= this.#limits.minimumVolume) this.#completeBase = this.#base;
      return judgeRates(total, failed, slow, this.#limits);
    }
  }

  #sum(kind: number): number {
    let sum = 0;
    for (let back = 0; back < BUCKETS; back++) {
      const tick = this.#tick - back;
      if (tick < 0) break;
      const found = Atomics.load(this.#longs, this.#cellOf(tick, kind));
      sum += Number(countOf(found, back === 0 ? this.#base : baseOf(this.#epoch, tick)));
    }
    return sum;
  }

  #cellOf(tick: number, kind: number): number {
    return BUCKETS_CELL + (tick % BUCKETS) * BUCKET_CELLS + kind;
  }
}

/** The count in a cell; 0 if it belongs to another tick or epoch. */
const countOf = (cell: bigint, base: bigint): bigint => {
  const count = cell - base;
  return count >= 0n && count <= COUNT_MASK ? count : 0n;
};

const baseOf = (epoch: number, tick: number): bigint =>
  BigInt.asIntN(64, (BigInt(epoch & EPOCH_MASK) << 56n) | (BigInt(tick & TICK_MASK) << COUNT_BITS));
