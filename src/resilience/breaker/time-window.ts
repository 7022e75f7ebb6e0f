import type { Nanos } from '../../core/units.js';
import { BUCKET_CELLS, BUCKETS, BUCKETS_CELL } from '../../shared-memory/breaker-memory.js';
import { gaugeOf, judgeRates, type RateLimits, type RateVerdict, type WindowGauge } from './rate-limits.js';

/**
 * Bits of a bucket's cell: 0 to 25 = count, 26 to 55 = lap, 56 to 63 = epoch. A lap is once round the
 * buckets; of the shortest window, it returns after three years.
 */
const COUNT_BITS = 26n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const LAP_MASK = 2 ** 30 - 1;
const EPOCH_SHIFT = 56n;
const EPOCH_MASK = 0xff;

const SUCCEEDED = 0;
const FAILED = 1;
const SLOW = 2;

const NS_PER_MS = 1e6;

/** The outcomes of one part of a time window. */
export interface WindowPart {
  /** Milliseconds since the part began. */
  readonly ageMs: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Each is also one of the others. */
  readonly slow: number;
}

/**
 * The outcomes of all threads in the last `lengthMs`, in ten buckets: the current one and the nine
 * before, so that the window covers between nine tenths of its length and all of it. A cell holds a count
 * together with its lap and epoch. A count from an earlier lap or epoch is never read, and the first
 * outcome that finds it replaces it. So nothing has to be cleared, however long nobody called.
 */
export class TimeWindow {
  readonly #longs: BigInt64Array;
  readonly #tickNs: number;
  readonly #limits: RateLimits;
  /** Whether the minimum volume was seen to be reached in this tick: then a success opens nothing. */
  #isComplete = false;
  #tick = -1;
  #epoch = -1;
  /** What the cells of this lap and of the one before hold besides their counts. */
  #base = 0n;
  #baseBefore = 0n;

  constructor(longs: BigInt64Array, limits: RateLimits & { readonly lengthMs: number }) {
    this.#longs = longs;
    this.#tickNs = Math.ceil((limits.lengthMs * NS_PER_MS) / BUCKETS);
    this.#limits = limits;
  }

  /** Clears the buckets. Counts carry their epoch, but an epoch returns after a wrap. */
  forget(): void {
    for (let cell = 0; cell < BUCKETS * BUCKET_CELLS; cell++)
      Atomics.store(this.#longs, BUCKETS_CELL + cell, 0n);
  }

  record(epoch: number, failed: boolean, slow: boolean, now: Nanos): RateVerdict {
    this.#goTo(epoch, this.#tickOf(Number(now)));
    this.#add(failed ? FAILED : SUCCEEDED, 1n);
    if (slow) this.#add(SLOW, 1n);
    if (!failed && !slow && this.#isComplete) return 'none';
    return this.#judge();
  }

  gauge(epoch: number, now: Nanos): WindowGauge {
    this.#goTo(epoch, this.#tickOf(Number(now)));
    const failed = this.#sum(FAILED);
    return gaugeOf(this.#sum(SUCCEEDED) + failed, failed, this.#sum(SLOW));
  }

  /** The parts that the window holds, oldest first. */
  outcomes(epoch: number, now: Nanos): WindowPart[] {
    this.#goTo(epoch, this.#tickOf(Number(now)));
    const parts: WindowPart[] = [];
    for (let tick = this.#tick - BUCKETS + 1; tick <= this.#tick; tick++) {
      const [succeeded, failed, slow] = [SUCCEEDED, FAILED, SLOW].map((kind) => this.#countAt(tick, kind));
      const beganAtNs = (tick - BUCKETS) * this.#tickNs;
      const ageMs = Math.max(0, (Number(now) - beganAtNs) / NS_PER_MS);
      if (succeeded! + failed! > 0)
        parts.push({ ageMs, succeeded: succeeded!, failed: failed!, slow: slow! });
    }
    return parts;
  }

  /**
   * Adds outcomes without judging them. They count from when their part began, so they leave the window
   * up to a tenth of its length early, and never late.
   */
  restore(epoch: number, parts: readonly WindowPart[], now: Nanos): void {
    const current = this.#tickOf(Number(now));
    for (const { ageMs, succeeded, failed, slow } of parts) {
      const tick = this.#tickOf(Number(now) - ageMs * NS_PER_MS);
      if (tick <= current - BUCKETS) continue;
      this.#goTo(epoch, tick);
      this.#add(SUCCEEDED, BigInt(succeeded));
      this.#add(FAILED, BigInt(failed));
      this.#add(SLOW, BigInt(slow));
    }
  }

  /** One window after the start of the clock, so that what was restored may be older than the clock. */
  #tickOf(nowNs: number): number {
    return Math.floor(nowNs / this.#tickNs) + BUCKETS;
  }

  #goTo(epoch: number, tick: number): void {
    if (tick === this.#tick && epoch === this.#epoch) return;
    this.#tick = tick;
    this.#epoch = epoch;
    this.#isComplete = false;
    const lap = Math.floor(tick / BUCKETS);
    this.#base = baseOf(epoch, lap);
    this.#baseBefore = baseOf(epoch, lap - 1);
  }

  #add(kind: number, amount: bigint): void {
    if (amount === 0n) return;
    const base = this.#base;
    const cell = cellOf(this.#tick, kind);
    let found = Atomics.load(this.#longs, cell);
    for (;;) {
      const count = countOf(found, base);
      // The outcome is late: the options have changed, or the breaker was opened and closed again.
      if (count === 0n && isOfLaterEpoch(found, base)) return;
      const next = base + min(count + amount, COUNT_MASK);
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
      if (total >= this.#limits.minimumVolume) this.#isComplete = true;
      return judgeRates(total, failed, slow, this.#limits);
    }
  }

  #sum(kind: number): number {
    let sum = 0;
    for (let back = 0; back < BUCKETS; back++) sum += this.#countAt(this.#tick - back, kind);
    return sum;
  }

  /** @param tick - One of the ten that the window covers. */
  #countAt(tick: number, kind: number): number {
    const isOfThisLap = tick % BUCKETS <= this.#tick % BUCKETS;
    const found = Atomics.load(this.#longs, cellOf(tick, kind));
    return Number(countOf(found, isOfThisLap ? this.#base : this.#baseBefore));
  }
}

const cellOf = (tick: number, kind: number): number => BUCKETS_CELL + (tick % BUCKETS) * BUCKET_CELLS + kind;

/** The count in a cell; 0 if it belongs to another lap or epoch. */
const countOf = (cell: bigint, base: bigint): bigint => {
  const count = cell - base;
  return count >= 0n && count <= COUNT_MASK ? count : 0n;
};

/** Whether a cell holds a count of a later epoch, which wraps. */
const isOfLaterEpoch = (cell: bigint, base: bigint): boolean =>
  (cell & COUNT_MASK) !== 0n && BigInt.asIntN(8, (cell >> EPOCH_SHIFT) - (base >> EPOCH_SHIFT)) > 0n;

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

const baseOf = (epoch: number, lap: number): bigint =>
  BigInt.asIntN(64, (BigInt(epoch & EPOCH_MASK) << EPOCH_SHIFT) | (BigInt(lap & LAP_MASK) << COUNT_BITS));
