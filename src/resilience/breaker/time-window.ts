import type { Clock, TimerHandle } from '../../core/clock.js';
import type { Nanos } from '../../core/units.js';
import { BUCKETS } from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import { gaugeOf, judgeRates, type RateLimits, type RateVerdict, type WindowGauge } from './rate-limits.js';
import { COUNT_MAX, SharedBuckets } from './shared-buckets.js';
import { OwnShard, WindowShards } from './window-shards.js';
import { FAILED, SLOW, SUCCEEDED, WindowSum } from './window-sum.js';

/** Successes that a thread may count between two looks at the clock, the one at the look included. */
const CALLS_A_LOOK = 32;

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

/** A thread that counts. */
export interface WindowGuard {
  /** First cell of the shard that only this thread writes; `undefined` if it has none. */
  readonly shard: number | undefined;
  readonly clock: Clock;
}

/**
 * The outcomes of all threads in the last `lengthMs`, in ten buckets: the current one and the nine
 * before, so that the window covers between nine tenths of its length and all of it. Each thread counts in
 * a shard of its own; a judgement adds them up.
 *
 * Failures, slow calls, and successes before the volume is complete are dated by the clock, added by an
 * atomic operation, and judged. So of two outcomes at the same time, the one that is added later sees
 * both. A success in a bucket whose volume this thread has seen complete can open nothing: it is counted
 * without an atomic operation, and dated by the thread's last look at the clock. The next look is due
 * after 32 calls, and in the first call after the bucket's time is over: a timer says when that is. The
 * timer is set by calls alone, one at a time, and keeps no process alive.
 */
export class TimeWindow {
  readonly #tickNs: number;
  readonly #limits: RateLimits;
  readonly #guard: WindowGuard | undefined;
  readonly #shared: SharedBuckets;
  readonly #shards: WindowShards;
  readonly #own: OwnShard;
  readonly #sum = new WindowSum();
  /** Whether the minimum volume was seen to be reached in this tick: then a success opens nothing. */
  #isComplete = false;
  #tick = -1;
  #epoch = -1;
  /** Successes that may be counted in the current bucket before the next look at the clock. */
  #left = 0;
  #timer: TimerHandle | undefined;

  /** @param guard - Left out by who only reads. */
  constructor(
    cells: Pick<BreakerCells, 'words' | 'longs'>,
    limits: RateLimits & { readonly lengthMs: number },
    guard?: WindowGuard,
  ) {
    this.#tickNs = Math.ceil((limits.lengthMs * NS_PER_MS) / BUCKETS);
    this.#limits = limits;
    this.#guard = guard;
    this.#shared = new SharedBuckets(cells);
    this.#shards = new WindowShards(cells);
    this.#own = new OwnShard(cells);
  }

  /** Whether the next success in this epoch, which is the current one, needs no look at the clock. */
  isQuiet(epoch: number): boolean {
    return this.#left > 0 && epoch === this.#epoch;
  }

  /** Counts a success while that is quiet. */
  succeedQuietly(): void {
    this.#left--;
    this.#own.tallySuccess();
  }

  record(epoch: number, failed: boolean, slow: boolean, now: Nanos): RateVerdict {
    this.#goTo(epoch, this.#tickOf(Number(now)));
    const outcome = failed ? FAILED : SUCCEEDED;
    const isPlain = !failed && !slow && this.#isComplete;
    const shard = this.#guard?.shard;
    if (shard === undefined) {
      this.#left = 0;
      this.#shared.add(epoch, this.#tick, outcome, 1);
      if (slow) this.#shared.add(epoch, this.#tick, SLOW, 1);
    } else {
      if (!this.#own.enter(shard, epoch, this.#tick)) return 'none';
      if (isPlain && this.#own.hasRoom()) this.#own.tallySuccess();
      else this.#own.add(outcome);
      if (slow) this.#own.add(SLOW);
    }
    const verdict = isPlain ? 'none' : this.#judge();
    if (shard !== undefined && this.#isComplete) this.#rest(now);
    return verdict;
  }

  /** Ends what goes on without a look at the clock, and its timer. */
  close(): void {
    this.#left = 0;
    if (this.#timer !== undefined) this.#guard?.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  gauge(epoch: number, now: Nanos): WindowGauge {
    this.#addUp(epoch, this.#tickOf(Number(now)));
    const { succeeded, failed, slow } = this.#sum;
    return gaugeOf(succeeded + failed, failed, slow);
  }

  /** The parts that the window holds, oldest first. */
  outcomes(epoch: number, now: Nanos): WindowPart[] {
    const current = this.#tickOf(Number(now));
    const parts: WindowPart[] = [];
    for (let tick = current - BUCKETS + 1; tick <= current; tick++) {
      const [slow, failed, succeeded] = [SLOW, FAILED, SUCCEEDED].map(
        (kind) => this.#shared.countAt(epoch, tick, kind) + this.#shards.countAt(epoch, tick, kind),
      );
      const beganAtNs = (tick - BUCKETS) * this.#tickNs;
      const ageMs = Math.max(0, (Number(now) - beganAtNs) / NS_PER_MS);
      if (succeeded! + failed! > 0)
        parts.push({ ageMs, succeeded: succeeded!, failed: failed!, slow: slow! });
    }
    return parts;
  }

  /**
   * Begins an epoch with these outcomes, without judging them. They count from when their part began, so
   * they leave the window up to a tenth of its length early, and never late.
   */
  begin(epoch: number, parts: readonly WindowPart[], now: Nanos): void {
    this.#shared.forget();
    const current = this.#tickOf(Number(now));
    for (const { ageMs, succeeded, failed, slow } of parts) {
      const tick = this.#tickOf(Number(now) - ageMs * NS_PER_MS);
      if (tick <= current - BUCKETS) continue;
      // More than a bucket holds are scaled down together: rates stay as they are.
      const scale = Math.max(1, succeeded / COUNT_MAX, failed / COUNT_MAX);
      this.#shared.add(epoch, tick, SUCCEEDED, Math.floor(succeeded / scale));
      this.#shared.add(epoch, tick, FAILED, Math.floor(failed / scale));
      this.#shared.add(epoch, tick, SLOW, Math.floor(slow / scale));
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
    this.#left = 0;
  }

  #judge(): RateVerdict {
    this.#addUp(this.#epoch, this.#tick);
    const { succeeded, failed, slow, tick } = this.#sum;
    const total = succeeded + failed;
    if (total >= this.#limits.minimumVolume && tick === this.#tick) this.#isComplete = true;
    return judgeRates(total, failed, slow, this.#limits);
  }

  /** Begins again only when another thread has made progress meanwhile. */
  #addUp(epoch: number, tick: number): void {
    const sum = this.#sum;
    sum.begin(epoch, tick);
    while (
      !(
        this.#shared.addFailures(sum) &&
        this.#shards.addFailures(sum) &&
        this.#shards.addSuccesses(sum) &&
        this.#shared.addSuccesses(sum)
      )
    );
  }

  /** Lets the next calls go without a look at the clock. */
  #rest(now: Nanos): void {
    this.#left = this.#own.hasRoom() ? CALLS_A_LOOK - 1 : 0;
    const { clock } = this.#guard!;
    if (this.#timer !== undefined) return;
    const leftMs = ((this.#tick - BUCKETS + 1) * this.#tickNs - Number(now)) / NS_PER_MS;
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#left = 0;
      },
      Math.max(1, Math.floor(leftMs)),
    );
    clock.unref?.(this.#timer);
  }
}
