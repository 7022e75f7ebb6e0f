import {
  BUCKETS,
  SHARD_BUCKET_CELLS,
  SHARD_TICK_CELL,
  STRIPES,
  STRIPES_USED_CELL,
  shardCell,
} from '../../shared-memory/breaker-memory.js';
import { glance, tally } from '../../shared-memory/glance.js';
import type { BreakerCells } from './breaker-cells.js';
import { FAILED, SLOW, SUCCEEDED, type WindowSum } from './window-sum.js';

type Cells = Pick<BreakerCells, 'words' | 'longs'>;

/** Cells of a bucket. */
const TAG_LOW = 0;
const TAG_HIGH = 1;
const COUNTS = 2;

/** Bits of the high word of a tag: 0 to 6 = tick from its bit 32 on, 7 to 31 = epoch. */
const EPOCH_SHIFT = 7;
const TICK_HIGH_MASK = 0x7f;
const EPOCH_BITS = 25;
/** While a bucket is being cleared: no tick gets there. */
const NO_TAG = -1;

/** Counts stop here. */
const COUNT_MAX = 2 ** 31 - 2 ** 20;

/**
 * The buckets of a time window that one thread writes and all threads read. A bucket says by its tag which
 * tick of which epoch it counts. The tag is a lock for readers: the owner takes it away, clears the
 * counts, and sets the next one. A reader that finds the same tag before and after has read counts of
 * that tick; one that finds none reads beside the buckets which tick the owner has come to. What a dead thread has counted leaves the window by its tags.
 */
export class OwnShard {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  /** First cell of the current bucket. */
  #bucket = 0;

  constructor({ words, longs }: Cells) {
    this.#words = words;
    this.#longs = longs;
  }

  /**
   * Goes to the bucket of a tick, and clears it if it was used for another.
   *
   * @param shard - First cell of the shard.
   * @returns `false` if another call of this thread has come to a later epoch: then the outcome is late.
   */
  enter(shard: number, epoch: number, tick: number): boolean {
    const words = this.#words;
    const bucket = shard + (tick % BUCKETS) * SHARD_BUCKET_CELLS;
    const low = lowOf(tick);
    const high = highOf(epoch, tick);
    this.#bucket = bucket;
    const found = glance(words, bucket + TAG_HIGH);
    if (found === high && glance(words, bucket + TAG_LOW) === low) return true;
    if (found !== NO_TAG && isLaterEpoch(found, epoch)) return false;
    Atomics.store(this.#longs, (shard + SHARD_TICK_CELL) / 2, BigInt(tick)); // before the tag is gone
    Atomics.store(words, bucket + TAG_HIGH, NO_TAG);
    for (const kind of [SUCCEEDED, FAILED, SLOW]) Atomics.store(words, bucket + COUNTS + kind, 0);
    Atomics.store(words, bucket + TAG_LOW, low);
    Atomics.store(words, bucket + TAG_HIGH, high);
    return true;
  }

  /** Counts so that every judgement that comes later sees it. */
  add(kind: number): void {
    const cell = this.#bucket + COUNTS + kind;
    if (glance(this.#words, cell) < COUNT_MAX) Atomics.add(this.#words, cell, 1);
  }

  /** Whether there is room for so many successes more. */
  hasRoom(): boolean {
    return glance(this.#words, this.#bucket + COUNTS + SUCCEEDED) < COUNT_MAX;
  }

  /** Counts a success that others may see a moment late. */
  tallySuccess(): void {
    tally(this.#words, this.#bucket + COUNTS + SUCCEEDED);
  }
}

/** The shards of all threads, for a judgement. */
export class WindowShards {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  /** By stripe: the buckets that are part of the sum, a bit each. */
  readonly #counted = new Int32Array(STRIPES);

  constructor({ words, longs }: Cells) {
    this.#words = words;
    this.#longs = longs;
  }

  /** First part of a sum: see `WindowSum`. */
  addFailures(sum: WindowSum): boolean {
    const words = this.#words;
    const stripes = this.#stripes();
    for (let stripe = 1; stripe <= stripes; stripe++) {
      let counted = 0;
      for (let back = BUCKETS - 1; back >= 0; back--) {
        const tick = sum.tick - back;
        const slot = tick % BUCKETS;
        const bucket = shardCell(stripe) + slot * SHARD_BUCKET_CELLS;
        const high = Atomics.load(words, bucket + TAG_HIGH);
        if (high === NO_TAG) {
          // What was in it, failures and successes, is no longer in the window of the tick that comes.
          const next = Number(Atomics.load(this.#longs, (shardCell(stripe) + SHARD_TICK_CELL) / 2));
          if (next > sum.tick) return sum.moveTo(next);
          continue;
        }
        if (high >>> EPOCH_SHIFT !== sum.epoch) continue;
        const found = tickOf(Atomics.load(words, bucket + TAG_LOW), high);
        if (found > tick && found % BUCKETS === slot) return sum.moveTo(found);
        if (found !== tick) continue;
        sum.slow += Atomics.load(words, bucket + COUNTS + SLOW);
        sum.failed += Atomics.load(words, bucket + COUNTS + FAILED);
        counted |= 1 << slot;
      }
      this.#counted[stripe] = counted;
    }
    this.#counted.fill(0, stripes + 1);
    return true;
  }

  /** Second part of a sum. */
  addSuccesses(sum: WindowSum): boolean {
    for (let stripe = 1; stripe < STRIPES; stripe++) {
      const counted = this.#counted[stripe]!;
      if (counted === 0) continue;
      for (let back = BUCKETS - 1; back >= 0; back--) {
        const tick = sum.tick - back;
        if ((counted & (1 << (tick % BUCKETS))) === 0) continue;
        const bucket = this.#bucketOf(stripe, tick);
        sum.succeeded += Atomics.load(this.#words, bucket + COUNTS + SUCCEEDED);
        if (!this.#isTagged(bucket, sum.epoch, tick)) return sum.moveTo(sum.tick);
      }
    }
    return true;
  }

  /** What is counted at a tick. */
  countAt(epoch: number, tick: number, kind: number): number {
    let count = 0;
    const stripes = this.#stripes();
    for (let stripe = 1; stripe <= stripes; stripe++) {
      const bucket = this.#bucketOf(stripe, tick);
      if (!this.#isTagged(bucket, epoch, tick)) continue;
      const found = Atomics.load(this.#words, bucket + COUNTS + kind);
      if (this.#isTagged(bucket, epoch, tick)) count += found;
    }
    return count;
  }

  #stripes(): number {
    return Math.max(0, Math.min(Atomics.load(this.#words, STRIPES_USED_CELL), STRIPES - 1));
  }

  #bucketOf(stripe: number, tick: number): number {
    return shardCell(stripe) + (tick % BUCKETS) * SHARD_BUCKET_CELLS;
  }

  /** The high word first: when it is back with the same epoch, the low word is that of another tick. */
  #isTagged(bucket: number, epoch: number, tick: number): boolean {
    return (
      Atomics.load(this.#words, bucket + TAG_HIGH) === highOf(epoch, tick) &&
      Atomics.load(this.#words, bucket + TAG_LOW) === lowOf(tick)
    );
  }
}

const lowOf = (tick: number): number => tick | 0;
const highOf = (epoch: number, tick: number): number =>
  (epoch << EPOCH_SHIFT) | (Math.floor(tick / 2 ** 32) & TICK_HIGH_MASK);
const tickOf = (low: number, high: number): number => (high & TICK_HIGH_MASK) * 2 ** 32 + (low >>> 0);

/** Whether a tag is of a later epoch, which wraps. */
const isLaterEpoch = (high: number, epoch: number): boolean =>
  ((high >>> EPOCH_SHIFT) - epoch) << (32 - EPOCH_BITS) > 0;
