import type { Batch } from '../../../columns/batch.js';
import type { ColumnMemory } from '../../../columns/column-memory.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import type { EventOrder } from '../../../columns/event-order.js';
import { gatherColumn } from '../../../columns/gather-rows.js';
import { type Instant, isLaterThan } from '../../../columns/instants.js';
import { readInt64, TWO_32 } from '../../../columns/int64.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import { type ColumnData, elementsPerRow, type Schema } from '../../../columns/schema.js';
import { type SequenceReader, sequenceReader } from '../../../columns/sequence.js';
import type { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import { loadAnswers, saveAnswers } from './begun-batch.js';
import { type AwaitingRow, type LagSettings, laterRowsLag, mainLags } from './input-lags.js';
import { InputWatermarks, type WatermarkState } from './input-watermarks.js';
import type { AsOfColumns, AsOfLateness, Join, JoinState } from './join.js';
import { KeptRowsWriter, readKeptRows, savedAt } from './kept-rows.js';
import { RowSearch, type RowSearchSettings, UNKNOWN } from './row-search.js';
import { NO_ROW, SideRows } from './side-rows.js';
import { SymbolInstants } from './symbol-instants.js';

export interface AsOfSettings extends AsOfColumns, Pick<RowSearchSettings, 'direction' | 'toleranceNs'> {
  readonly mainOrder: EventOrder;
  readonly sideOrder: EventOrder;
  readonly lag: LagSettings;
  readonly memory: ColumnMemory;
  readonly dictionaries: DictionarySet;
}

interface SavedProgress {
  readonly main: WatermarkState;
  readonly side: WatermarkState;
  readonly answered: readonly (readonly [number, number, number])[];
  readonly dropped: readonly (readonly [number, number, number])[];
}

/** Stands for a row whose values were copied before a restore: any slot but that of no row. */
const SOME_ROW = 1;
/** After this many side rows, those that are no longer needed are dropped. */
const ROWS_BETWEEN_DROPS = 65_536;

/**
 * Joins each row of the main input with the row of the side input as of its time, by symbol.
 *
 * A row at `t` is answered once the side watermark rules out rows that would change the answer. For
 * `backward`, that is once it is past `t`, so that a trade gets a quote of the same instant.
 */
export class AsOfJoin implements Join {
  readonly #settings: AsOfSettings;
  readonly #late: AsOfLateness;
  readonly #rows: SideRows;
  readonly #mainWatermarks: InputWatermarks;
  readonly #sideWatermarks: InputWatermarks;
  readonly #search: RowSearch;
  /** By symbol: time of the latest main row that was answered. */
  readonly #answered: SymbolInstants;
  readonly #widths: readonly number[];
  readonly #scratch: Instant = { high: 0, low: 0 };
  /** The batch of the side input that rows are taken of, and the next one of it. */
  #side: Batch | undefined;
  #sideRow = 0;
  #sideControl = 0;
  #readSequence: SequenceReader = sequenceReader('int64');
  #addedSinceDrop = 0;
  #main: Batch | undefined;
  #target: readonly ColumnData[] = [];
  #age: Float64Array | undefined;
  #mainRow = 0;
  #gathered = 0;
  /** Whether rows of the main batch still wait. */
  #isBegun = false;
  /** Answers of the next main batch that were found before a restore. */
  #restoredAnswers: PlainData | undefined;
  /** For each row of the main batch, the slot of the row that it is joined with. */
  #matches = new Int32Array(0);

  constructor(settings: AsOfSettings, late: AsOfLateness) {
    this.#settings = settings;
    this.#late = late;
    const { taken, lag, memory } = settings;
    this.#rows = new SideRows({
      columns: taken,
      rowsMax: lag.rowsMax,
      memory,
      onOverflow: () => this.#lagError(),
    });
    this.#widths = taken.map(({ column }) => elementsPerRow(column.type));
    this.#mainWatermarks = new InputWatermarks(settings.mainOrder, memory.share('asof'));
    this.#sideWatermarks = new InputWatermarks(settings.sideOrder, memory.share('asof'));
    this.#answered = new SymbolInstants(memory.share('asof'));
    this.#search = new RowSearch(settings, this.#rows, this.#sideWatermarks);
  }

  /** Number of side rows that are kept. */
  get rowsKept(): number {
    return this.#rows.size;
  }

  begin(main: Batch, target: readonly ColumnData[], age: Float64Array | undefined): void {
    this.#age = age;
    this.#main = main;
    this.#target = target;
    this.#mainRow = 0;
    this.#gathered = 0;
    this.#isBegun = true;
    if (this.#matches.length < main.length) this.#matches = new Int32Array(main.capacity);
    if (this.#restoredAnswers === undefined) return;
    const { taken, dictionaries } = this.#settings;
    const note = (row: number, isMatched: boolean) => {
      this.#matches[row] = isMatched ? SOME_ROW : NO_ROW;
    };
    this.#mainRow = loadAnswers(this.#restoredAnswers, { taken, target, age }, note, dictionaries);
    this.#gathered = this.#mainRow;
    this.#restoredAnswers = undefined;
  }

  give(side: Batch): void {
    this.#side = side;
    this.#sideRow = 0;
    this.#sideControl = 0;
    const sequence = side.schema.columns[this.#settings.side.sequence];
    if (sequence) this.#readSequence = sequenceReader(sequence.type);
  }

  endSide(): void {
    this.#sideWatermarks.end();
  }

  /** No more rows of the main input before an instant are expected, whatever that says itself. */
  passMain(at: bigint): void {
    this.#mainWatermarks.passRecord(at, undefined);
  }

  /** The same for the side input. */
  passSide(at: bigint): void {
    this.#sideWatermarks.passRecord(at, undefined);
  }

  advance(): boolean {
    const main = this.#main!;
    const { time, symbol } = this.#settings.main;
    const times = main.columns[time] as Int32Array;
    const symbols = symbol < 0 ? undefined : (main.columns[symbol] as Int32Array);
    const { length } = main;
    const matches = this.#matches;
    for (let row = this.#mainRow; row < length; row++) {
      const id = symbols === undefined ? 0 : symbols[row]!;
      if (id < 0) {
        matches[row] = NO_ROW;
        continue;
      }
      const high = times[2 * row + 1]!;
      const low = times[2 * row]! >>> 0;
      this.#rows.reserveSymbol(id);
      // The watermark passes before the side input is read for this row, so side rows before it can be dropped.
      const isLate = this.#mainWatermarks.isPast(id, high, low);
      this.#mainWatermarks.passRow(id, high, low);
      let match = this.#search.find(id, high, low);
      if (match === UNKNOWN) this.#mainRow = row;
      while (match === UNKNOWN) {
        if (!this.#takeSideRow()) return false;
        if (this.#isDropDue) this.#settle(row);
        match = this.#search.find(id, high, low);
      }
      if (isLate && this.#search.isMissing(id, high, low)) {
        match = NO_ROW;
        this.#late.mainRow(main, row);
      }
      matches[row] = match;
      this.#answered.raise(id, high, low);
    }
    for (const { record } of main.controls) {
      if (record.type === 'watermark')
        this.#passWatermark(this.#mainWatermarks, main, symbol, record.at, record.symbol);
    }
    this.#mainRow = length;
    this.#isBegun = false;
    this.#settle(length);
    return true;
  }

  /** Takes the rest of the side batch, so that the next one can be given before a main row needs it. */
  takeAll(): void {
    while (this.#side) {
      this.#takeSideRow();
      if (this.#isDropDue) this.#settle(this.#mainRow);
    }
    this.#settle(this.#mainRow);
  }

  markMatched(keep: Uint8Array): void {
    const { length } = this.#main!;
    for (let row = 0; row < length; row++) keep[row] = this.#matches[row] === NO_ROW ? 0 : 1;
  }

  snapshot(): JoinState {
    const { taken, dictionaries } = this.#settings;
    const rows = this.#rows;
    const kept = new KeptRowsWriter(taken, dictionaries);
    if (this.#side) rows.copyValues(this.#side, this.#sideRow);
    for (let symbol = 0; symbol < rows.symbols; symbol++) {
      for (const slot of rows.slotsOf(symbol)) {
        const sequence = rows.sequenceOf(slot);
        const row = {
          symbol,
          high: rows.high[slot]!,
          low: rows.low[slot]!,
          sequenceHigh: sequence?.high ?? 0,
          sequenceLow: sequence?.low ?? 0,
        };
        kept.add(row, rows.values, slot);
      }
    }
    this.#gather(this.#gathered, this.#mainRow);
    this.#gathered = this.#mainRow;
    const answers = { taken, target: this.#target, age: this.#age };
    const isMatched = (row: number) => this.#matches[row] !== NO_ROW;
    // After a restore, the next checkpoint may come before the batch is begun again.
    const begun = this.#isBegun
      ? saveAnswers(answers, this.#mainRow, isMatched, dictionaries)
      : this.#restoredAnswers;
    return {
      kept: kept.save(),
      ...(begun !== undefined && { begun }),
      side: this.#side
        ? { batch: saveBatch(this.#side), row: this.#sideRow, control: this.#sideControl }
        : null,
      progress: {
        main: { ...this.#mainWatermarks.snapshot() },
        side: { ...this.#sideWatermarks.snapshot() },
        answered: this.#answered.entries(),
        dropped: rows.droppedSnapshot(),
      },
      hasEnded: this.#sideWatermarks.hasEnded,
    };
  }

  restore({ kept, side, begun, progress, hasEnded }: JoinState, sideSchema: Schema): void {
    const { taken, dictionaries } = this.#settings;
    const rows = this.#rows;
    readKeptRows(kept, taken, dictionaries, (row, batch, at) => {
      rows.reserveSymbol(row.symbol);
      rows.addInSequence(row.symbol, row.high, row.low, { high: row.sequenceHigh, low: row.sequenceLow });
      rows.copyRow(batch, at, savedAt(taken));
    });
    const { main, side: sideAt, answered, dropped } = progress as unknown as SavedProgress;
    this.#mainWatermarks.restore(main);
    this.#sideWatermarks.restore(sideAt);
    for (const [symbol, high, low] of answered) this.#answered.set(symbol, high, low);
    rows.restoreDropped(dropped);
    this.#restoredAnswers = begun;
    if (hasEnded) this.#sideWatermarks.end();
    if (!side) return;
    this.give(loadBatch(side.batch, sideSchema, dictionaries));
    this.#sideRow = side.row;
    this.#sideControl = side.control;
  }

  close(): void {
    this.#side?.release();
    this.#side = undefined;
    this.#rows.close();
    this.#mainWatermarks.close();
    this.#sideWatermarks.close();
    this.#answered.close();
  }

  /** Takes the next row of the side batch, or the records after its last row. @returns `false` if there is no batch. */
  #takeSideRow(): boolean {
    const side = this.#side;
    if (side === undefined) return false;
    const row = this.#sideRow;
    const { controls } = side;
    while (this.#sideControl < controls.length && controls[this.#sideControl]!.row <= row) {
      const { record } = controls[this.#sideControl++]!;
      if (record.type !== 'watermark') continue;
      this.#passWatermark(this.#sideWatermarks, side, this.#settings.side.symbol, record.at, record.symbol);
    }
    if (row === side.length) {
      this.#rows.copyValues(side, row);
      this.#side = undefined;
      side.release();
      return true; // its last records may have answered the row
    }
    this.#sideRow = row + 1;
    this.#addSideRow(side, row);
    return true;
  }

  #addSideRow(side: Batch, row: number): void {
    const { time, symbol, sequence } = this.#settings.side;
    const times = side.columns[time] as Int32Array;
    const id = symbol < 0 ? 0 : (side.columns[symbol] as Int32Array)[row]!;
    if (id < 0) {
      this.#rows.skip();
      return;
    }
    const high = times[2 * row + 1]!;
    const low = times[2 * row]! >>> 0;
    const rows = this.#rows;
    rows.reserveSymbol(id);
    if (this.#isLate(id, high, low)) {
      rows.skip();
      this.#late.sideRow(side, row);
    } else if (sequence < 0) {
      rows.add(id, high, low);
    } else {
      const place = this.#scratch;
      this.#readSequence(side.columns[sequence]!, row, place);
      rows.addInSequence(id, high, low, place);
    }
    this.#addedSinceDrop++;
    this.#sideWatermarks.passRow(id, high, low);
  }

  /** @param column - Index of the symbol column; −1: none. */
  #passWatermark(
    watermarks: InputWatermarks,
    of: Batch,
    column: number,
    at: bigint,
    symbol: string | undefined,
  ): void {
    if (symbol === undefined) watermarks.passRecord(at, undefined);
    if (symbol === undefined || column < 0) return;
    const id = of.dictionary(of.schema.columns[column]!).find(symbol);
    if (id !== undefined) watermarks.passRecord(at, id);
  }

  /** Copies the matched values up to a row of the main batch, and drops side rows that are no longer needed. */
  #settle(end: number): void {
    if (this.#side) this.#rows.copyValues(this.#side, this.#sideRow);
    this.#gather(this.#gathered, end);
    this.#gathered = end;
    this.#addedSinceDrop = 0;
    const { direction } = this.#settings;
    this.#rows.dropBefore((symbol) => this.#mainWatermarks.of(symbol), direction !== 'forward');
  }

  /** Whether it is worth a look which side rows are no longer needed, or there is no room before one. */
  get #isDropDue(): boolean {
    return this.#addedSinceDrop >= ROWS_BETWEEN_DROPS || this.#rows.isFull;
  }

  /** The row that waits for a later one of the side input, whose time has passed it. */
  get awaiting(): AwaitingRow | undefined {
    const { direction, toleranceNs, main } = this.#settings;
    if (!this.#isBegun || direction === 'backward') return undefined;
    const { columns } = this.#main!; // it is begun
    const times = columns[main.time] as Int32Array;
    const row = this.#mainRow;
    const id = main.symbol < 0 ? 0 : (columns[main.symbol] as Int32Array)[row]!;
    if (!this.#sideWatermarks.isPast(id, times[2 * row + 1]!, times[2 * row]! >>> 0)) return undefined;
    return this.#awaitingAt(row, toleranceNs === undefined ? 'any' : 'tolerance');
  }

  /** Who is to blame that all side rows that may be kept are, where another one comes. */
  #lagError(): PipelineError {
    const { lag, main, side, direction, toleranceNs, sideOrder } = this.#settings;
    const waitsForAny = direction !== 'backward' && toleranceNs === undefined;
    const meanwhile = `${lag.rowsMax} rows are kept`;
    const { awaiting } = this;
    if (awaiting) return laterRowsLag(lag, awaiting, meanwhile);
    if (!this.#side || !this.#isBegun || (!waitsForAny && sideOrder.scope === 'all')) return mainLags(lag);
    const row = this.#mainRow;
    const atNs = readInt64(this.#main!.columns[main.time] as Int32Array, row); // it is begun
    if (readInt64(this.#side.columns[side.time] as Int32Array, this.#sideRow - 1) <= atNs)
      return mainLags(lag);
    return laterRowsLag(lag, this.#awaitingAt(row, waitsForAny ? 'any' : 'watermark'), meanwhile);
  }

  #awaitingAt(row: number, waitsFor: AwaitingRow['waitsFor']): AwaitingRow {
    const { main } = this.#settings;
    const of = this.#main!; // it is begun
    const atNs = readInt64(of.columns[main.time] as Int32Array, row);
    const column = of.schema.columns[main.symbol];
    const symbol = column ? of.dictionary(column).at((of.columns[main.symbol] as Int32Array)[row]!) : null;
    return { symbol, atNs, waitsFor };
  }

  #gather(start: number, end: number): void {
    if (start === end) return; // there may be no batch
    const matches = this.#matches;
    const { high, low } = this.#rows;
    const age = this.#age;
    if (age) {
      const times = this.#main!.columns[this.#settings.main.time] as Int32Array;
      for (let row = start; row < end; row++) {
        const slot = matches[row]!;
        age[row] =
          slot === NO_ROW
            ? Number.NaN
            : (times[2 * row + 1]! - high[slot]!) * TWO_32 + ((times[2 * row]! >>> 0) - low[slot]!);
      }
    }
    const slots = matches.subarray(start, end);
    this.#target.forEach((to, i) => {
      gatherColumn(this.#rows.values[i]!, to, this.#widths[i]!, slots, 0, end - start, start);
    });
  }

  /** Whether a side row is behind the side watermark, and main rows that it concerns were answered without it. */
  #isLate(symbol: number, high: number, low: number): boolean {
    if (!this.#sideWatermarks.isPast(symbol, high, low)) return false;
    const answered = this.#answered;
    if (!answered.has(symbol)) return false;
    return (
      this.#settings.direction !== 'backward' ||
      !isLaterThan(high, low, answered.high[symbol]!, answered.low[symbol]!)
    );
  }
}
