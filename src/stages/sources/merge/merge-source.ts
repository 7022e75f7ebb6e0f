import type { CalendarData } from '../../../calendars/calendar-data.js';
import { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import {
  AFTER_ALL,
  BEFORE_ALL,
  type Instant,
  instantOfText,
  isAfter,
  textOfInstant,
} from '../../../columns/instants.js';
import { TWO_32 } from '../../../columns/int64.js';
import type { Schema } from '../../../columns/schema.js';
import type { TimerHandle } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import { calendarOfAll, capabilitiesOfAll, orderOfAll } from '../../../engine/inputs/promise-of-inputs.js';
import type { Source } from '../../../engine/source.js';
import type { SourceCapabilities } from '../../../engine/source-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageHealth, StageStatistics } from '../../../wire/pipeline-report.js';
import { LateNotice } from './late-notice.js';
import { MergeInput } from './merge-input.js';
import { MergedStream } from './merged-stream.js';
import type { MergeOptions } from './options.js';
import { RowOrder } from './row-order.js';

/** A read that waits for live inputs returns after this time, without rows: a checkpoint is taken between reads. */
const WAIT_NS_MAX = 200_000_000n;
/** How long one input may hold up the others before that is worth telling. */
const HOLD_UP_NS = 1_000_000_000n;

/**
 * Merges its inputs in order of time. A row is passed on once the watermarks of all inputs say that none will
 * come before it, so the input that is behind is the one that is read. Live inputs are read all the time.
 */
export class MergeSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  readonly order: EventOrder;
  readonly calendar: CalendarData | undefined;
  /** It passes on the least watermark of its inputs, which themselves go by the clock. */
  readonly tellsTime = true;
  readonly #options: MergeOptions;
  readonly #context: StageContext;
  readonly #inputs: readonly MergeInput[];
  readonly #stream: MergedStream;
  /** The last instant that the stream has told of: by a watermark, or by its rows if they tell the time. */
  readonly #told: Instant = { ...BEFORE_ALL };
  readonly #tellsByRows: boolean;
  readonly #rowOrder: RowOrder;
  #isStopped = false;
  #wake: (() => void) | undefined;
  #hasNews = false;
  /** Since when rows have waited for an input, and for which. Pauses do not count: they move `since`. */
  #heldUp: { readonly by: MergeInput; readonly at: Instant; since: bigint } | undefined;
  /** Rows that it held when it was resumed. */
  #rowsRestored = 0;

  constructor(options: MergeOptions, schema: Schema, context: StageContext) {
    const { inputs, batchRows, dictionaries } = context;
    this.#options = options;
    this.#context = context;
    this.schema = schema;
    this.capabilities = capabilitiesOfAll(Object.values(inputs));
    // Rows come out in order of time. The promise is still that of the inputs: behind a control record, rows may stand
    // that are out of order by as much as their input promises.
    this.order = orderOfAll(Object.values(inputs));
    this.calendar = calendarOfAll(Object.values(inputs));
    this.#tellsByRows = this.order.scope === 'all' && this.order.maxDelayNs === 0;
    const order = new RowOrder(schema);
    this.#rowOrder = order;
    const notice = new LateNotice(context);
    this.#inputs = Object.entries(inputs).map(
      ([id, input]) => new MergeInput({ id, input, schema, order, batchRows, dictionaries, notice }),
    );
    this.#stream = new MergedStream({ schema, order, inputs: this.#inputs, batchRows, dictionaries });
  }

  get rowsRejected(): number {
    return this.#inputs.reduce((rows, input) => rows + input.rowsRejected, 0);
  }

  get rowsLeftOut(): number {
    return this.#inputs.reduce((rows, input) => rows + input.rowsLeftOut, 0);
  }

  get bytesIn(): number {
    return this.#inputs.reduce((bytes, input) => bytes + input.bytesIn, 0);
  }

  /** Rows of live inputs that were read are lost unless they are delivered. */
  get holdsRows(): boolean {
    return this.capabilities.delivery !== 'replayable' && !this.#isOver();
  }

  read(): Promise<Batch | null> | Batch | null {
    const ready = this.#next();
    if (ready === undefined) return this.#readOn();
    this.#heldUp = undefined;
    return ready;
  }

  /**
   * After it, inputs that can be replayed are not read any more, and live ones to their end. What was read of
   * live inputs is delivered.
   */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  standStill(ns: bigint): void {
    if (this.#heldUp) this.#heldUp.since += ns;
  }

  position(): PlainData {
    return {
      told: textOfInstant(this.#told),
      inputs: Object.fromEntries(this.#inputs.map((input) => [input.id, input.snapshot()])),
    };
  }

  resume(position: PlainData): void {
    const { told, inputs } = (position ?? {}) as Partial<SavedMerge>;
    const lacking = this.#inputs.find(({ id }) => inputs?.[id] === undefined);
    if (typeof told !== 'string' || lacking) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `expected a position of the source "merge", {told, inputs}, with ${lacking?.id ?? 'its inputs'}, found something else`,
      );
    }
    Object.assign(this.#told, instantOfText(told));
    for (const input of this.#inputs) input.restore(inputs![input.id]!);
    this.#rowsRestored = this.#rowsHeld;
  }

  statistics(): StageStatistics {
    let latest: Readonly<Instant> = BEFORE_ALL;
    for (const input of this.#inputs) {
      if (isAfter(input.latest.high, input.latest.low, latest)) latest = input.latest;
    }
    const statistics: Record<string, number> = {
      rowsHeld: this.#inputs.reduce((rows, input) => rows + input.rows.rows, 0),
      rowsLate: this.#inputs.reduce((rows, input) => rows + input.rowsLate, 0),
    };
    for (const { id, rows, watermark, hasTime, hasEnded } of this.#inputs) {
      statistics[`${id}.rowsHeld`] = rows.rows;
      if (!hasTime) continue;
      const lag = (latest.high - watermark.high) * TWO_32 + latest.low - watermark.low;
      statistics[`${id}.eventTimeLagMs`] = hasEnded ? 0 : Math.max(0, lag) / 1e6;
    }
    return statistics;
  }

  health(): StageHealth {
    if (!this.#heldUp) return { status: 'ok' };
    const { by, since } = this.#heldUp;
    const rows = this.#rowsHeld;
    const heldNs = this.#context.clock.now() - since;
    if (rows === 0 || heldNs < HOLD_UP_NS) return { status: 'ok' };
    return {
      status: 'degraded',
      reason: `${by.id} holds up the others: ${rows} rows have waited for it for ${heldNs / 1_000_000_000n} s`,
    };
  }

  close(): void {
    for (const input of this.#inputs) input.close();
  }

  /** Returns what there is now; `undefined` if an input has to be waited for. */
  #next(): Batch | null | undefined {
    const failed = this.#inputs.find(({ failure }) => failure);
    if (failed?.failure && !this.#deliversBeforeFailure()) throw failed.failure.error;
    if (this.#isStopped && this.#isReplay) return null;

    const behind = failed ? undefined : this.#behind();
    for (const input of this.#inputs) {
      if (behind && !this.#isGivenUp(input)) input.release();
      else input.releaseAll();
    }
    const at = behind?.watermark ?? AFTER_ALL;
    const batch = this.#stream.take({
      at,
      input: behind ? this.#inputs.indexOf(behind) : this.#inputs.length,
    });
    if (batch) return this.#tell(batch);
    if (failed?.failure) throw failed.failure.error;
    return this.#isOver() ? null : this.#tell(undefined);
  }

  async #readOn(): Promise<Batch | null> {
    const { clock, dictionaries } = this.#context;
    const until = clock.now() + WAIT_NS_MAX;
    for (;;) {
      this.#hasNews = false;
      this.#request();
      const ready = this.#next();
      if (ready !== undefined) {
        this.#heldUp = undefined;
        return ready;
      }
      if (this.#hasNews || this.#passOver()) continue;
      this.#checkHeld();
      if (!(await this.#news(until))) return new Batch(this.schema, 1, dictionaries);
    }
  }

  get #isReplay(): boolean {
    return this.capabilities.delivery === 'replayable';
  }

  /** Begins reads of the input that is behind, of those of which nothing is known yet, and of live ones. */
  #request(): void {
    const behind = this.#behind();
    for (const input of this.#inputs) {
      if (this.#isGivenUp(input)) continue;
      const isNew = !input.hasTime && input.rows.rows === 0;
      if (input === behind || input.isLive || isNew) input.read(this.#arrived);
    }
  }

  readonly #arrived = (): void => {
    this.#hasNews = true;
    this.#wake?.();
  };

  /**
   * Waits until an input has something.
   *
   * @param until - If inputs are live, no longer than until then.
   * @returns `false` after a stop, and if there is nothing by then.
   */
  async #news(until: bigint): Promise<boolean> {
    const { clock } = this.#context;
    const isLive = !this.#isReplay;
    const wasStopped = this.#isStopped;
    await new Promise<void>((resolve) => {
      const timer: TimerHandle | undefined = isLive
        ? clock.setTimeout(() => this.#wake?.(), Math.ceil(Number(until - clock.now()) / 1e6))
        : undefined;
      this.#wake = () => {
        this.#wake = undefined;
        if (isLive) clock.clearTimeout(timer!);
        resolve();
      };
    });
    return this.#hasNews && this.#isStopped === wasStopped;
  }

  /** The input with the least watermark, which the others wait for; `undefined` if there is none to wait for. */
  #behind(): MergeInput | undefined {
    let behind: MergeInput | undefined;
    for (const input of this.#inputs) {
      if (input.hasEnded || input.isPassedOver || this.#isGivenUp(input)) continue;
      const { watermark } = input;
      if (!behind || isAfter(behind.watermark.high, behind.watermark.low, watermark)) behind = input;
    }
    return behind;
  }

  /** Whether nothing is expected of an input any more: after a stop, those that can be replayed are not read. */
  #isGivenUp(input: MergeInput): boolean {
    return this.#isStopped && !input.isLive;
  }

  #isOver(): boolean {
    return this.#inputs.every((input) => input.rows.isEmpty && (input.hasEnded || this.#isGivenUp(input)));
  }

  /** Rows of live inputs cannot be read again. With a store, the checkpoint has them. */
  #deliversBeforeFailure(): boolean {
    return this.capabilities.delivery !== 'replayable' && this.#context.checkpointed !== true;
  }

  /**
   * Waits no longer for a live input whose time has stood still for too long: one that has never had a row, or
   * none since a restart, has no time that the clock could move.
   *
   * @returns Whether there is one more that is not waited for.
   */
  #passOver(): boolean {
    const behind = this.#behind();
    if (!behind || this.#inputs.every(({ rows }) => rows.rows === 0)) {
      this.#heldUp = undefined;
      return false;
    }
    const now = this.#context.clock.now();
    const { watermark, isLive, hasToldTime } = behind;
    const before = this.#heldUp;
    if (before?.by !== behind || before.at.high !== watermark.high || before.at.low !== watermark.low) {
      this.#heldUp = { by: behind, at: { ...watermark }, since: now };
      return false;
    }
    if (!isLive || hasToldTime || now - before.since < BigInt(this.#options.idle)) return false;
    behind.isPassedOver = true;
    const { id } = behind;
    this.#context.log.warn({ input: id }, 'an input does not tell its time: the others go on without it');
    return true;
  }

  get #rowsHeld(): number {
    return this.#inputs.reduce((sum, input) => sum + input.rows.rows, 0);
  }

  #checkHeld(): void {
    const behind = this.#behind();
    if (!behind) return;
    const { rowsMax } = this.#options;
    const rows = this.#rowsHeld;
    // A start that resumes with more than that gives the input that is behind the time to deliver.
    if (
      rows <= Math.max(rowsMax, this.#rowsRestored) ||
      this.#inputs.every((input) => input.rows.batches <= 1)
    )
      return;
    const { title, isLive, tellsByRows, hasTime } = behind;
    const advice =
      isLive || tellsByRows || hasTime
        ? 'see whether it still delivers, or raise "rowsMax"'
        : 'its rows tell the time of their own symbol only, and it emits no watermark before its end: give it an ' +
          'order of time (`order: time` of replay), or raise "rowsMax"';
    throw new PipelineError(
      'INPUT_LAGS',
      `${title} lags behind the others: ${rows} rows wait for its time (${rowsMax} may): ${advice}`,
      { retryable: isLive },
    );
  }

  /** Adds a watermark if there is news of the time. @param batch - If there is none, one is made for it. */
  #tell(batch: Batch | undefined): Batch | undefined {
    if (batch && batch.length > 0 && this.#tellsByRows) {
      const times = this.#rowOrder.timesOf(batch);
      this.#raise(times[2 * batch.length - 1]!, times[2 * batch.length - 2]! >>> 0);
    }
    const least: Instant = { ...AFTER_ALL };
    for (const input of this.#inputs) {
      if (!this.#isGivenUp(input) && !input.isPassedOver) input.lower(least);
    }
    if (!Number.isFinite(least.high) || !this.#raise(least.high, least.low)) return batch;
    const told = batch ?? new Batch(this.schema, 1, this.#context.dictionaries);
    const at = ((BigInt(least.high) << 32n) | BigInt(least.low)) as Nanos;
    told.controls.push({ row: told.length, record: { type: 'watermark', at } });
    return told;
  }

  #raise(high: number, low: number): boolean {
    if (!isAfter(high, low, this.#told)) return false;
    this.#told.high = high;
    this.#told.low = low;
    return true;
  }
}

interface SavedMerge {
  readonly told: string;
  readonly inputs: Readonly<Record<string, PlainData>>;
}
