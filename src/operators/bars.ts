import type { Batch } from '../core/batch.js';
import type { ControlRecord } from '../core/control-record.js';
import type { Dictionary } from '../core/dictionary.js';
import { PipelineError } from '../core/errors.js';
import { unreachable } from '../core/invariant.js';
import type { PlainData } from '../core/plain-data.js';
import { findColumn, type Schema } from '../core/schema.js';
import { placesOf } from '../core/selection.js';
import type { OperatorFactory } from '../pipeline/factories.js';
import type { Emit, Operator, OperatorTally } from '../pipeline/operator.js';
import type { StageContext } from '../pipeline/stage.js';
import type { StageStatistics } from '../protocol/pipeline-report.js';
import type { BarsOptions } from '../settings/bars-options.js';
import { type BarColumnNames, barSchema, checkBarColumns, chooseBarColumns } from './bars/bar-columns.js';
import { BarWriter } from './bars/bar-writer.js';
import { ALL_SLOTS } from './bars/blind-spots.js';
import { type BarInput, foldRows } from './bars/fold-rows.js';
import { LateRows } from './bars/late-rows.js';
import { timesOf } from './bars/time-span.js';
import { WindowLine, type WindowLineState } from './bars/window-line.js';

/** Windows that lateness may keep open at once. */
const WINDOWS_OPEN_MAX = 1_000;

/** Rows that the kernels take at a time: they stay in the first cache from one pass to the next. */
const ROWS_AT_ONCE = 512;

/**
 * Bars by event time, per symbol: open, high, low, close, volume, vwap, count and a mark that tells
 * what is behind them.
 *
 * | mark       | the window                                                                        |
 * | ---------- | --------------------------------------------------------------------------------- |
 * | `complete` | was seen from begin to end                                                        |
 * | `partial`  | was not: the stream began, ended or was reset in it                               |
 * | `gap`      | has data known to be missing (a `gap` or `stale` record); before all other marks  |
 * | `empty`    | was seen whole and had no rows of a symbol seen before; only with `emptyBars`     |
 *
 * A bar is emitted when event time is past its end by `lateness`, in order of window and symbol id,
 * so that it depends neither on batches nor on wall time. Rows without a finite price count as
 * filtered; a size that is not finite counts as 0. Sums are plain sums of doubles in the order of the rows.
 */
export const barsOperator: OperatorFactory<BarsOptions> = {
  plan(options, input, problems) {
    const open = Math.ceil(options.lateness / options.every) + 2;
    if (open > WINDOWS_OPEN_MAX) {
      problems.add(
        ['lateness'],
        `expected at most ${WINDOWS_OPEN_MAX - 2} times "every", found ${Math.ceil(options.lateness / options.every)} times`,
      );
    }
    checkBarColumns(options, input, problems);
    return barSchema(input);
  },
  create: (options, input, context) => new BarsOperator(options, input, context),
};

class BarsOperator implements Operator {
  readonly output: Schema;
  readonly takesSelections = true;
  readonly #options: BarsOptions;
  readonly #context: StageContext;
  readonly #columns: BarColumnNames;
  readonly #symbols: Dictionary;
  readonly #writer: BarWriter;
  readonly #line: WindowLine;
  readonly #late: LateRows;
  readonly #unpriced = new Int32Array(1);
  #rowsUnpriced = 0;
  /** Rows that it was given, up to the batch in hand. */
  #rowsIn = 0;
  #folded = 0;
  #hasWarned = false;

  constructor(options: BarsOptions, input: Schema, context: StageContext) {
    this.#options = options;
    this.#context = context;
    this.output = barSchema(input);
    this.#columns = chooseBarColumns(options, input);
    this.#symbols = context.dictionaries.get(findColumn(input, 'symbol')?.dictionary ?? 'symbol');
    const hasSizes = this.#columns.size !== undefined;
    this.#writer = new BarWriter(this.output, context.batchRows, context.dictionaries, hasSizes);
    this.#line = new WindowLine(
      {
        everyNs: options.every,
        latenessNs: options.lateness,
        emptyBars: options.emptyBars === 'emit',
        fillMax: options.fillMax,
      },
      this.#writer,
    );
    this.#late = new LateRows(options.late === 'deadLetter' ? context.rejects : undefined);
  }

  process(batch: Batch, emit: Emit): void | Promise<void> {
    const rejectedBefore = this.#late.rejected;
    this.#writer.begin(emit);
    try {
      this.#line.reserve(this.#symbols.size + 1);
      const input = this.#inputOf(batch);
      let row = 0;
      for (const { row: place, record } of batch.controls) {
        this.#fold(input, row, place);
        row = place;
        this.#heed(record);
        this.#writer.control(record);
      }
      this.#fold(input, row, batch.length);
      this.#rowsIn += batch.length;
    } finally {
      batch.release();
    }
    this.#writer.end();
    this.#warnOnce();
    if (this.#late.rejected > rejectedBefore) return this.#context.rejects.flush();
  }

  flush(emit: Emit): void {
    this.#writer.begin(emit);
    this.#line.finish();
    this.#writer.end();
  }

  close(): void {
    this.#writer.close();
  }

  snapshot(): PlainData {
    const { every, lateness } = this.#options;
    return { every, lateness, rowsIn: this.#rowsIn, line: this.#line.snapshot() };
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` for the state of bars of another length. */
  restore(state: PlainData): void {
    const { every, lateness, rowsIn, line } = state as unknown as BarsState;
    if (every !== this.#options.every || lateness !== this.#options.lateness || !line) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Expected the state of bars of ${this.#options.every} ns with a lateness of ${this.#options.lateness} ns, ` +
          `found ${Number(every)} ns and ${Number(lateness)} ns; were the options changed?`,
      );
    }
    this.#rowsIn = rowsIn;
    this.#line.restore(line);
  }

  tally(): OperatorTally {
    return {
      folded: this.#folded,
      derived: this.#writer.rows,
      filtered: this.#rowsUnpriced,
      dropped: this.#late.dropped,
      rejected: this.#late.rejected,
    };
  }

  statistics(): StageStatistics {
    return {
      windowsOpen: this.#line.windowsOpen,
      rowsLate: this.#late.dropped + this.#late.rejected,
      rowsWithoutPrice: this.#rowsUnpriced,
      barsNotFilled: this.#line.barsNotFilled,
    };
  }

  #inputOf(batch: Batch): BarInput {
    return {
      times: timesOf(batch.int32('time')),
      symbols: batch.int32('symbol'),
      prices: batch.float64(this.#columns.price),
      sizes: this.#columns.size === undefined ? undefined : batch.float64(this.#columns.size),
      places: placesOf(batch),
    };
  }

  #fold(input: BarInput, start: number, end: number): void {
    const line = this.#line;
    const unpriced = this.#unpriced;
    let row = start;
    unpriced[0] = 0;
    let late = 0;
    while (row < end) {
      const window = line.current;
      const stop = Math.min(end, row + ROWS_AT_ONCE);
      if (window) {
        const next = line.span.firstOutside(input.times, input.places, row, stop);
        foldRows(window, input, row, next, unpriced);
        row = next;
      }
      if (row === stop) continue;
      const place = input.places[row]!;
      if (line.enter(input.times.words, place)) continue;
      const symbol = this.#symbols.at(input.symbols[place]!);
      this.#late.add(input, place, symbol, this.#rowsIn + row + 1, line.notLateNs);
      late++;
      row++;
    }
    this.#rowsUnpriced += unpriced[0];
    this.#folded += end - start - unpriced[0] - late;
  }

  #heed(record: ControlRecord): void {
    switch (record.type) {
      case 'gap':
        this.#line.gap(this.#slotOf(record.symbol), record.from, record.to);
        break;
      case 'stale':
        this.#line.stale(this.#slotOf(record.symbol), record.since);
        break;
      case 'reset':
        this.#line.reset(record.at);
        break;
      case 'end':
        this.#line.finish(); // the last bars stand before the record
        break;
      case 'watermark':
      case 'switched':
        break; // what a switch missed is told by a gap
      default:
        unreachable(record);
    }
  }

  #slotOf(symbol: string | undefined): number {
    return symbol === undefined ? ALL_SLOTS : this.#symbols.idOf(symbol) + 1;
  }

  #warnOnce(): void {
    if (this.#hasWarned || this.#line.barsNotFilled === 0) return;
    this.#hasWarned = true;
    this.#context.log.warn(
      { fillMax: this.#options.fillMax },
      'bars without rows left out: more in a row than fillMax',
    );
  }
}

interface BarsState {
  readonly every: number;
  readonly lateness: number;
  readonly rowsIn: number;
  readonly line: WindowLineState | undefined;
}
