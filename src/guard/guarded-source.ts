import { classifyError } from '../breaker/classify.js';
import type { Permit as BreakerPermit, Guard } from '../breaker/guard.js';
import type { Batch } from '../core/batch.js';
import { type Clock, sleep } from '../core/clock.js';
import { BreakerOpenError, RuntimeError } from '../core/errors.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../core/event-order.js';
import { InvariantError } from '../core/invariant.js';
import type { PlainData } from '../core/plain-data.js';
import { retryAfterMsOf } from '../core/retry-after.js';
import type { Schema } from '../core/schema.js';
import { type Millis, millis } from '../core/units.js';
import type { Source, SourceCapabilities } from '../pipeline/source.js';
import type { StageHealth, StageStatistics } from '../protocol/pipeline-report.js';
import type { Limiter } from '../rate/limiter.js';
import type { Permit as RatePermit } from '../rate/permit.js';
import type { Logger } from '../telemetry/logger.js';

/** A budget that each read spends from. */
export interface ReadBudget {
  readonly limiter: Limiter;
  /** Permits of one read. */
  readonly cost: number;
  /** Nothing is read for so long, by anybody. */
  cooldown(ms: number): void;
}

export interface GuardedSourceOptions {
  readonly source: Source;
  readonly budget?: ReadBudget | undefined;
  readonly breaker?: Guard | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of a throttled read whose provider did not say for how long. */
const COOLDOWN_MS = 1_000;
/** Whatever a provider asks for: a date that was misread is no reason to wait for years. */
const COOLDOWN_MS_MAX = 86_400_000;
/** Before the first read that is made again; doubled with each further one in a row. */
const BACK_OFF_MS = 10;
const BACK_OFF_MS_MAX = 1_000;

/**
 * A source behind a budget and a breaker. Each `read` of it is a call: it takes the breaker's permit
 * and the budget's permits first. While the breaker is open, or the budget spent, nothing is read;
 * a read that fails and could succeed later is made again when the breaker allows it. So an outage
 * pauses the pipeline, and neither ends it nor burns through retries.
 *
 * A throttled read (status 429) starts a cooldown of the budget, for all threads, and is made again
 * after it; without a budget, this source alone waits. It is no failure to the breaker.
 */
export class GuardedSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  readonly order: EventOrder;
  readonly #source: Source;
  readonly #budget: ReadBudget | undefined;
  readonly #breaker: Guard | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  /** Of the read that is under way. */
  #breakerPermit: BreakerPermit | undefined;
  #ratePermit: RatePermit | undefined;
  /** Why nothing is read at the moment, beyond a budget's own pace. */
  #pausedBy: string | undefined;
  #breakerPauses = 0;
  #breakerPausedNs = 0n;
  #budgetWaits = 0;
  #budgetWaitedNs = 0n;
  #readsRetried = 0;
  /** Reads that failed since the last that did not. */
  #failuresInRow = 0;

  constructor({ source, budget, breaker, clock, log }: GuardedSourceOptions) {
    this.schema = source.schema;
    this.capabilities = source.capabilities;
    this.order = source.order ?? SYMBOLS_IN_ORDER;
    this.#source = source;
    this.#budget = budget;
    this.#breaker = breaker;
    this.#clock = clock;
    this.#log = log;
  }

  get rowsRejected(): number {
    return this.#source.rowsRejected ?? 0;
  }

  get bytesIn(): number {
    return this.#source.bytesIn ?? 0;
  }

  open(): Promise<void> | void {
    return this.#source.open?.();
  }

  close(): Promise<void> | void {
    this.#stopping.abort();
    return this.#source.close?.();
  }

  stop(): void {
    this.#stopping.abort();
    this.#source.stop();
  }

  position(): PlainData {
    return this.#source.position();
  }

  /** Behind a budget or a breaker any read may wait for long; nothing is read of the source before. */
  positionForRead(): PlainData {
    return this.#source.position();
  }

  resume(position: PlainData): Promise<void> | void {
    return this.#source.resume(position);
  }

  health(): StageHealth {
    if (this.#pausedBy === undefined) return this.#source.health?.() ?? { status: 'ok' };
    return { status: 'degraded', reason: `paused: ${this.#pausedBy}` };
  }

  statistics(): StageStatistics {
    return {
      ...this.#source.statistics?.(),
      ...(this.#breaker && {
        breakerPauses: this.#breakerPauses,
        breakerPausedMs: Number(this.#breakerPausedNs) / 1e6,
      }),
      ...(this.#budget && {
        budgetWaits: this.#budgetWaits,
        budgetWaitedMs: Number(this.#budgetWaitedNs) / 1e6,
      }),
      readsRetried: this.#readsRetried,
    };
  }

  read(): Promise<Batch | null> | Batch | null {
    return this.#takePermits() ? this.#readNow() : this.#readLater();
  }

  /** Takes all permits without waiting, or none. */
  #takePermits(): boolean {
    if (this.#breaker) {
      try {
        this.#breakerPermit = this.#breaker.permit();
      } catch (error) {
        if (error instanceof BreakerOpenError) return false;
        throw error;
      }
    }
    let isTaken = false;
    try {
      isTaken = !this.#budget || this.#budget.limiter.tryAcquire(this.#budget.cost) === 0;
      return isTaken;
    } finally {
      // A budget that was removed throws: a probe must not be lost to that.
      if (!isTaken) this.#breakerPermit?.ignore();
    }
  }

  /** Reads once it may, and again after a read that failed and may succeed later. */
  async #readLater(): Promise<Batch | null> {
    const { signal } = this.#stopping;
    for (;;) {
      await this.#untilCallable();
      if (signal.aborted || !(await this.#takeBudget())) return null;
      try {
        this.#breakerPermit = this.#breaker?.permit();
      } catch (error) {
        // Others were faster to take the probes: the budget's permits are gone, and the wait begins anew.
        this.#release();
        if (error instanceof BreakerOpenError) continue;
        throw error;
      }
      try {
        const batch = await this.#source.read();
        this.#succeeded();
        return batch;
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  async #untilCallable(): Promise<void> {
    const { signal } = this.#stopping;
    const refusal = signal.aborted ? undefined : this.#breaker?.refusal();
    if (!this.#breaker || !refusal) return;
    const since = this.#clock.now();
    const { breaker, state } = refusal;
    this.#pausedBy = `the breaker "${breaker}" is ${state}`;
    this.#breakerPauses++;
    this.#log.warn({ breaker, state }, 'intake paused by the breaker');
    await this.#breaker.whenCallable(signal);
    this.#pausedBy = undefined;
    const paused = this.#clock.now() - since;
    this.#breakerPausedNs += paused;
    if (signal.aborted) return;
    this.#log.info({ breaker, pausedMs: Number(paused) / 1e6 }, 'intake goes on');
  }

  /** @returns Whether it was taken: not, when the source was asked to end meanwhile. */
  async #takeBudget(): Promise<boolean> {
    if (!this.#budget) return true;
    const { limiter, cost } = this.#budget;
    const { signal } = this.#stopping;
    const since = this.#clock.now();
    try {
      this.#ratePermit = await limiter.acquire({ cost, signal });
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
    this.#pausedBy = undefined;
    if (this.#ratePermit.waitedNs > 0) {
      this.#budgetWaits++;
      this.#budgetWaitedNs += this.#clock.now() - since;
    }
    return true;
  }

  #readNow(): Promise<Batch | null> | Batch | null {
    let batch: Promise<Batch | null> | Batch | null;
    try {
      batch = this.#source.read();
    } catch (error) {
      return this.#readAgain(error);
    }
    if (batch instanceof Promise) return this.#settleLater(batch);
    this.#succeeded();
    return batch;
  }

  async #settleLater(reading: Promise<Batch | null>): Promise<Batch | null> {
    let batch: Batch | null;
    try {
      batch = await reading;
    } catch (error) {
      return this.#readAgain(error);
    }
    this.#succeeded();
    return batch;
  }

  async #readAgain(error: unknown): Promise<Batch | null> {
    await this.#failed(error);
    return this.#readLater();
  }

  #succeeded(): void {
    this.#failuresInRow = 0;
    this.#breakerPermit?.succeed();
    this.#release();
  }

  /** Counts a failed read, and waits until it may be made again. @throws it, where that is no use. */
  async #failed(error: unknown): Promise<void> {
    const found = classifyError(error);
    if (found === 'failure') this.#breakerPermit?.fail();
    else this.#breakerPermit?.ignore();
    this.#release();
    // Asked to end, a read may well be cut off: that is its end.
    if (this.#stopping.signal.aborted && (found !== 'failure' || mayHelpAgain(error))) return;
    if (found === 'throttled') return this.#pause(error);
    if (!this.#breaker || found === 'ignored' || !mayHelpAgain(error)) throw error;
    this.#willReadAgain(error);
    // Until it opens, a breaker lets one failure follow the next at once; disabled, without an end.
    if (this.#breaker.refusal()) return;
    this.#pausedBy = 'the last read failed';
    await sleep(this.#clock, this.#backOff(), this.#stopping.signal);
    this.#pausedBy = undefined;
  }

  /** Waits for as long as the provider asks for: with a budget, so does everybody else. */
  async #pause(error: unknown): Promise<void> {
    const asked = retryAfterMsOf(error, Number(this.#clock.wall()) / 1e6) ?? COOLDOWN_MS;
    const ms = millis(Math.min(COOLDOWN_MS_MAX, Math.max(asked, this.#backOff())));
    this.#log.warn({ cooldownMs: ms }, 'the provider asks for a pause');
    this.#willReadAgain(error);
    this.#pausedBy = `the provider asked for ${ms} ms`;
    if (this.#budget) {
      this.#budget.cooldown(ms); // over when the budget gives a permit again
      return;
    }
    await sleep(this.#clock, ms, this.#stopping.signal);
    this.#pausedBy = undefined;
  }

  #willReadAgain(error: unknown): void {
    this.#readsRetried++;
    this.#log.warn(
      { error: error instanceof Error ? error.message : String(error) },
      'read failed, to be made again',
    );
  }

  #backOff(): Millis {
    return millis(Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** this.#failuresInRow++));
  }

  #release(): void {
    if (this.#ratePermit) this.#ratePermit.release();
    else this.#budget?.limiter.release();
    this.#ratePermit = undefined;
  }
}

/** Whether the same call may succeed later: not after a bug, here or in a source of the user's. */
function mayHelpAgain(error: unknown): boolean {
  if (error instanceof RuntimeError) return error.retryable;
  return !(
    error instanceof InvariantError ||
    // `fetch` has a TypeError, too, where the network fails: with the cause in it.
    (error instanceof TypeError && error.cause === undefined) ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}
