import type { TradingCalendar } from '../../../calendars/trading-calendar.js';
import type { Batch } from '../../../columns/batch.js';
import type { MemoryShare } from '../../../columns/column-memory.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { Dictionary } from '../../../columns/dictionary.js';
import type { EventOrder } from '../../../columns/event-order.js';
import { findColumn, type Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import { unreachable } from '../../../core/invariant.js';
import type { PlainData } from '../../../core/plain-data.js';
import { nanos } from '../../../core/units.js';
import { unknownHours } from '../../../engine/event-time/unknown-hours.js';
import type { OperatorFactory } from '../../../engine/factories.js';
import type { Emit, Operator, OperatorTally } from '../../../engine/operator.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import {
  type BarColumnNames,
  barSchema,
  checkBarColumns,
  checkSessionOptions,
  chooseBarColumns,
  reachOf,
} from './bar-columns.js';
import { barInputOf } from './bar-input.js';
import type { BarInput, LateArrival } from './bar-timelines.js';
import { BarWriter } from './bar-writer.js';
import { ALL_SLOTS } from './blind-spots.js';
import { FixedWindows } from './fixed-windows.js';
import { LateCounter } from './late-counter.js';
import { LateRows } from './late-row-policy.js';
import { MarketPrices } from './market-prices.js';
import type { BarsOptions } from './options.js';
import { RowsOutside } from './rows-outside.js';
import { SessionWindows } from './session-windows.js';
import { SharedTimeline, type SharedTimelineState } from './shared-timeline.js';
import { SymbolTimelines, type SymbolTimelinesState } from './symbol-timelines.js';
import { WarnedOnce } from './warned-once.js';

/**
 * Bars by event time, per symbol: open, high, low, close, volume, vwap, count, and a mark that says what
 * the bar is based on.
 *
 * | mark       | the window                                                                        |
 * | ---------- | --------------------------------------------------------------------------------- |
 * | `complete` | was seen from begin to end                                                        |
 * | `partial`  | was not: the stream began, ended or was reset in it, or rows in it were left out  |
 * | `gap`      | has data known to be missing (a `gap` or `stale` record); overrides other marks   |
 * | `empty`    | was seen whole and had no rows of a symbol seen before; only with `emptyBars`     |
 *
 * A bar is emitted when the watermark has passed its end by `lateness`, so bars depend neither on
 * batches, nor on wall time, nor on the order in which rows came. Open and close are those of the first
 * and last instant. Rows at the same instant are ordered by the column `sequence` if there is one,
 * otherwise by arrival. Rows without a finite price, and trades marked `offMarket`, count as filtered; a size that is not finite counts
 * as 0. Sums are compensated. Bars of bars are built from their open, high, low, close, volume, vwap and
 * count, unless `price` names one column.
 */
export const barsOperator: OperatorFactory<BarsOptions> = {
  plan(options, input, problems, { hasDeadLetters }) {
    checkSessionOptions(options, problems);
    checkBarColumns(options, input, problems);
    if (options.late === 'keep' && options.lateColumn === undefined && !hasDeadLetters) {
      problems.add(
        ['late'],
        'expected "deadLetter.path" in the spec, or "lateColumn", since "keep" must record late rows',
      );
    }
    if (options.lateColumn !== undefined && options.late !== 'keep') {
      problems.add(['lateColumn'], 'expected "late: keep" as well');
    }
    return barSchema(input, options);
  },
  create: (options, input, context) => new BarsOperator(options, input, context),
};

/** A batch that is not finished yet, and how far it was processed. */
interface InHand {
  readonly batch: Batch;
  readonly input: BarInput;
  row: number;
  control: number;
}

class BarsOperator implements Operator {
  readonly output: Schema;
  readonly order: EventOrder;
  readonly takesSelections = true;
  readonly readsOnly = true;
  readonly #options: BarsOptions;
  readonly #context: StageContext;
  readonly #columns: BarColumnNames;
  readonly #symbols: Dictionary;
  readonly #writer: BarWriter;
  readonly #timelines: SharedTimeline | SymbolTimelines;
  readonly #late: LateRows;
  readonly #lateCounter: LateCounter | undefined;
  readonly #memory: MemoryShare;
  /** The windows, if they are in sessions. */
  readonly #sessions: SessionWindows | undefined;
  readonly #outside = new RowsOutside((timeNs) => this.#refuseUnknown(timeNs));
  #calendar: TradingCalendar | undefined;
  readonly #marketPrices = new MarketPrices();
  #inHand: InHand | undefined;
  #isFlushing = false;
  /** Rows received, not counting the current batch. */
  #rowsIn = 0;
  /** The last watermark of all symbols that was passed on. */
  #passedNs: bigint | undefined;
  readonly #warnings: WarnedOnce;

  constructor(options: BarsOptions, input: Schema, context: StageContext) {
    const { scope, maxDelayNs } = context.stream.order;
    this.#options = options;
    this.#context = context;
    this.output = barSchema(input, options);
    this.order = { scope, maxDelayNs: 0 }; // bars come in order of their begin
    this.#columns = chooseBarColumns(options, input);
    this.#symbols = context.dictionaries.get(findColumn(input, 'symbol')?.dictionary ?? 'symbol');
    this.#lateCounter = options.lateColumn === undefined ? undefined : new LateCounter();
    this.#writer = new BarWriter(
      this.output,
      context.batchRows,
      context.dictionaries,
      this.#columns.price !== undefined && this.#columns.size !== undefined,
      this.#lateCounter,
    );
    this.#memory = context.memory.share('bars');
    this.#warnings = new WarnedOnce(context.log);
    const hold = options.lateness + maxDelayNs;
    if (options.calendar !== undefined) this.#sessions = new SessionWindows(options.every, hold);
    const settings = {
      memory: this.#memory,
      windows: this.#sessions ?? new FixedWindows(options.every as number, hold), // `session` has a calendar
      outside: this.#outside,
      reachNs: reachOf(options, input),
      latenessNs: options.lateness,
      maxDelayNs,
      emptyBars: options.emptyBars === 'emit',
      fillMax: options.fillMax,
      hasExtras: this.#columns.size !== undefined || this.#columns.sequence !== undefined,
    };
    const onLate = (from: BarInput, late: LateArrival) => this.#takeLate(from, late);
    this.#timelines =
      scope === 'all'
        ? new SharedTimeline(settings, this.#writer, () => this.#symbols.size + 1, onLate)
        : new SymbolTimelines(settings, this.#writer, onLate);
    this.#late = new LateRows({
      stage: context.id,
      policy: options.late ?? (context.stream.bounded ? 'stop' : 'drop'),
      rejects: context.rejects,
      hasColumn: this.#lateCounter !== undefined,
      clock: context.clock,
      log: context.log,
    });
  }

  /** Loads the calendar, if bars are in sessions. */
  async open(): Promise<void> {
    const { calendar, hours = 'regular' } = this.#options;
    if (calendar === undefined) return;
    const { openNamedCalendar } = await import('../../../calendars/named-calendar.js');
    this.#calendar = await openNamedCalendar(calendar, this.#context.calendars, { hours });
    this.#sessions?.open(this.#calendar);
  }

  process(batch: Batch, emit: Emit): void | Promise<void> {
    const input = barInputOf(batch, this.#columns, this.#writer, this.#marketPrices);
    this.#inHand = { batch, input, row: 0, control: 0 };
    return this.emitMore(emit);
  }

  /** Whether it stopped in the middle of a batch, or of the last bars, so that the sink can catch up. */
  get hasMore(): boolean {
    return this.#inHand !== undefined || this.#isFlushing;
  }

  emitMore(emit: Emit): void | Promise<void> {
    const rejectedBefore = this.#late.rejected;
    this.#writer.begin(emit);
    let isDone = false;
    try {
      isDone = this.#isFlushing ? this.#timelines.finish() : this.#goOn();
    } catch (error) {
      this.#letGo();
      throw error;
    }
    if (isDone) this.#letGo();
    this.#writer.end();
    this.#warn();
    if (this.#late.rejected > rejectedBefore) return this.#context.rejects.flush();
  }

  flush(emit: Emit): void | Promise<void> {
    this.#isFlushing = true;
    return this.emitMore(emit);
  }

  close(): void {
    this.#letGo();
    this.#writer.close();
    this.#memory.resize(0);
  }

  watermark(): bigint | undefined {
    return this.#timelines.heldTo(ALL_SLOTS);
  }

  snapshot(): PlainData {
    const { every, lateness } = this.#options;
    return {
      every,
      lateness,
      inSessions: this.#sessions !== undefined,
      rowsIn: this.#rowsIn,
      passed: this.#passedNs === undefined ? null : String(this.#passedNs),
      sized: this.#writer.hasSizes,
      late: this.#lateCounter?.snapshot() ?? null,
      lines: this.#timelines.snapshot(),
    };
  }

  /**
   * @throws {PipelineError} `CHECKPOINT_INVALID` for the state of bars with another length, or of rows in
   *   another order.
   */
  restore(state: PlainData): void {
    const { every, lateness, inSessions, rowsIn, passed, sized, late, lines } = state as unknown as BarsState;
    if (every !== this.#options.every || lateness !== this.#options.lateness || !lines) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Expected the state of bars of ${lengthText(this.#options.every)} with a lateness of ${this.#options.lateness} ns, ` +
          `found ${lengthText(every)} and ${Number(lateness)} ns; were the options changed?`,
      );
    }
    const isOfSessions = this.#sessions !== undefined;
    if ((inSessions ?? isOfSessions) !== isOfSessions) {
      const [expected, found] = isOfSessions
        ? ['in sessions', 'without a calendar']
        : ['without a calendar', 'in sessions'];
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Expected the state of bars ${expected}, found that of bars ${found}; was "calendar" added or taken away?`,
      );
    }
    this.#rowsIn = rowsIn;
    this.#passedNs = passed === null ? undefined : BigInt(passed);
    this.#writer.hasSizes = sized;
    if (late) this.#lateCounter?.restore(late);
    if (lines.scope === 'all' && this.#timelines instanceof SharedTimeline) this.#timelines.restore(lines);
    else if (lines.scope === 'symbol' && this.#timelines instanceof SymbolTimelines)
      this.#timelines.restore(lines);
    else {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'Expected the state of bars over rows that are ordered as they are now; was the order of the source changed?',
      );
    }
  }

  tally(): OperatorTally {
    const { dropped, rejected, count } = this.#late;
    return {
      folded: this.#timelines.rowsTaken - this.#timelines.rowsUnpriced,
      derived: this.#writer.rows,
      filtered: this.#timelines.rowsUnpriced + this.#outside.count,
      dropped,
      rejected,
      late: count,
    };
  }

  statistics(): StageStatistics {
    return {
      windowsOpen: this.#timelines.windowsOpen,
      rowsLate: this.#late.count,
      rowsWithoutPrice: this.#timelines.rowsUnpriced,
      barsNotFilled: this.#timelines.barsNotFilled,
      ...(this.#sessions && { rowsOutside: this.#outside.outside, rowsUnknown: this.#outside.unknown }),
    };
  }

  /** @returns Whether the current batch is finished. */
  #goOn(): boolean {
    const inHand = this.#inHand;
    if (!inHand) return true;
    const { batch, input } = inHand;
    for (;;) {
      const placed = batch.controls[inHand.control];
      const end = placed?.row ?? batch.length;
      inHand.row = this.#timelines.take(input, inHand.row, end);
      if (inHand.row < end) return false;
      if (!placed) break;
      if (!this.#heed(placed.record)) return false;
      inHand.control++;
    }
    this.#rowsIn += batch.length;
    return true;
  }

  #letGo(): void {
    const { batch } = this.#inHand ?? {};
    this.#inHand = undefined;
    this.#isFlushing = false;
    batch?.release();
  }

  /** @returns Whether the record is finished, and has been passed on. */
  #heed(record: ControlRecord): boolean {
    switch (record.type) {
      case 'gap':
        this.#timelines.gap(this.#slotOf(record.symbol), record.from, record.to);
        break;
      case 'stale':
        this.#timelines.stale(this.#slotOf(record.symbol), record.since);
        break;
      case 'reset':
        this.#timelines.reset(record.at);
        break;
      case 'watermark': {
        const slot = this.#slotOf(record.symbol);
        if (!this.#timelines.watermark(slot, record.at)) return false;
        this.#passOn(slot, record);
        return true;
      }
      case 'end':
        if (!this.#timelines.finish()) return false; // the last bars come before the record
        break;
      case 'backfilled':
        break; // its rows have come, and what is still missing is reported as a gap
      case 'switched':
        this.#heedSwitch(record);
        break;
      default:
        unreachable(record);
    }
    this.#writer.control(record);
    return true;
  }

  /** Where the seam is known, rows that are missing are told as a gap. Rows of both sources may overlap in time. */
  #heedSwitch({ at, since, seam }: ControlRecord & { readonly type: 'switched' }): void {
    if (seam === 'exact') return;
    const [from, to] = since <= at ? [since, at] : [at, since];
    this.#timelines.gap(ALL_SLOTS, from, to + 1n); // the windows of both rows lack some, or have some twice
  }

  /** Passes on a watermark, held back to the begin of the first window that is open or may still open. */
  #passOn(slot: number, { symbol, at: reached }: ControlRecord & { readonly type: 'watermark' }): void {
    const at = this.#timelines.heldTo(slot, reached);
    if (at === undefined) return;
    if (this.#sessions?.isOver(reached)) {
      const { name, to } = this.#calendar!;
      this.#warnings.once({ calendar: name, to }, CALENDAR_ENDED);
    }
    if (slot !== ALL_SLOTS) {
      this.#writer.control({ type: 'watermark', at: nanos(at), ...(symbol !== undefined && { symbol }) });
      return;
    }
    if (this.#passedNs !== undefined && at <= this.#passedNs) return;
    this.#passedNs = at;
    this.#writer.control({ type: 'watermark', at: nanos(at) });
  }

  #slotOf(symbol: string | undefined): number {
    return symbol === undefined ? ALL_SLOTS : this.#symbols.idOf(symbol) + 1;
  }

  #takeLate(input: BarInput, { row, place, slot, mover, ...late }: LateArrival): void {
    this.#lateCounter?.add(slot);
    const symbolOf = (of: number) => this.#symbols.at(of - 1);
    // Until the watermark passes the end of the first window that the lateness keeps open.
    const { lateness } = this.#options;
    const waitNs = this.#timelines.firstEnd(slot)! + BigInt(lateness) - late.endNs;
    const unknown = { stage: this.#context.id, row: this.#rowsIn + row + 1 };
    this.#late.add(() => ({
      ...late,
      symbol: symbolOf(slot),
      spot: input.origin?.at(place) ?? unknown,
      waitNs,
      delayNs: waitNs - BigInt(lateness) + BigInt(this.#context.stream.order.maxDelayNs),
      isBySymbol: this.#timelines instanceof SymbolTimelines,
      values: input.valuesAt(place),
      mover: mover && {
        timeNs: mover.timeNs,
        row: mover.row && { symbol: symbolOf(mover.row.slot), spot: mover.row.spot },
      },
    }));
  }

  /** A row is at a time of which nobody knows whether the market is open. */
  #refuseUnknown(timeNs: bigint): void {
    if (this.#options.unknown === 'drop') return;
    throw unknownHours(this.#calendar!, timeNs, '`unknown: drop` goes on'); // only sessions have such times
  }

  #warn(): void {
    const { fillMax, calendar, every } = this.#options;
    if (this.#timelines.barsNotFilled > 0) {
      this.#warnings.once({ fillMax }, 'bars without rows left out: more in a row than fillMax');
    }
    if (this.#outside.reaching > 0) {
      this.#warnings.once(
        { calendar, every },
        'input bars reach over the edges of bars, which are `partial`: use shorter ones, or those of the same calendar',
      );
    }
  }
}

const CALENDAR_ENDED =
  'the calendar knows no further session, so there are no more bars: extend it by a file, or take a newer version';

const lengthText = (every: BarsOptions['every']): string =>
  every === 'session' ? 'one session' : `${Number(every)} ns`;

interface BarsState {
  readonly every: BarsOptions['every'];
  readonly lateness: number;
  readonly inSessions?: boolean;
  readonly rowsIn: number;
  readonly passed: string | null;
  readonly sized: boolean;
  readonly late: readonly (readonly number[])[] | null;
  readonly lines: SharedTimelineState | SymbolTimelinesState | undefined;
}
