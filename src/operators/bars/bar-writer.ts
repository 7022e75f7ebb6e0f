import type { Batch } from '../../core/batch.js';
import { BatchPool } from '../../core/batch-pool.js';
import type { ControlRecord } from '../../core/control-record.js';
import type { DictionarySet } from '../../core/dictionary.js';
import { BAR_MARKS, type Schema } from '../../core/schema.js';
import type { Emit } from '../../pipeline/operator.js';
import { type BarWindow, CELLS, CLOSE, COUNT, HIGH, LOW, OPEN, TURNOVER, VOLUME } from './bar-window.js';

export const COMPLETE = BAR_MARKS.indexOf('complete');
export const EMPTY = BAR_MARKS.indexOf('empty');
export const GAP = BAR_MARKS.indexOf('gap');
export const PARTIAL = BAR_MARKS.indexOf('partial');

/** Bars are few: a batch of them need not have the room of one of ticks. */
const ROWS_MAX = 1_024;

/** Puts bars and control records into batches, in order, and emits those that are full. */
export class BarWriter {
  readonly #pool: BatchPool;
  readonly #hasSizes: boolean;
  #batch: Batch | undefined;
  #emit: Emit | undefined;
  /** Bars written so far. */
  rows = 0;

  constructor(schema: Schema, batchRows: number, dictionaries: DictionarySet, hasSizes: boolean) {
    this.#pool = new BatchPool(schema, Math.min(batchRows, ROWS_MAX), dictionaries);
    this.#hasSizes = hasSizes;
  }

  /** Where batches go until `end`. */
  begin(emit: Emit): void {
    this.#emit = emit;
  }

  /** Emits what is left. */
  end(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch) this.#emit?.(batch);
  }

  /** Releases what was not emitted. */
  close(): void {
    this.#batch?.release();
    this.#batch = undefined;
  }

  control(record: ControlRecord): void {
    this.#batch ??= this.#pool.acquire();
    this.#batch.controls.push({ row: this.#batch.length, record });
  }

  /** Bars of the first `count` slots, all with rows, in their order. */
  bars(window: BarWindow, slots: Int32Array, count: number, mark: number): void {
    for (let done = 0; done < count; ) {
      const batch = this.#withRoom();
      const rows = Math.min(count - done, batch.capacity - batch.length);
      this.#copyBars(window, slots, done, done + rows, mark, batch);
      done += rows;
    }
  }

  #copyBars(
    window: BarWindow,
    slots: Int32Array,
    start: number,
    end: number,
    mark: number,
    batch: Batch,
  ): void {
    const [times, symbols, opens, highs, lows, closes, volumes, vwaps, counts, marks] =
      batch.columns as BarColumns; // in the order of the bar schema
    const { cells, startHigh, startLow } = window;
    const first = batch.length;
    for (let i = start; i < end; i++) {
      const row = first + i - start;
      const slot = slots[i]!;
      const cell = slot * CELLS;
      const volume = cells[cell + VOLUME]!;
      times[2 * row] = startLow;
      times[2 * row + 1] = startHigh;
      symbols[row] = slot - 1;
      opens[row] = cells[cell + OPEN]!;
      highs[row] = cells[cell + HIGH]!;
      lows[row] = cells[cell + LOW]!;
      closes[row] = cells[cell + CLOSE]!;
      volumes[row] = volume;
      vwaps[row] = volume === 0 ? Number.NaN : cells[cell + TURNOVER]! / volume;
      counts[row] = cells[cell + COUNT]!;
      marks[row] = mark;
    }
    batch.length = first + end - start;
    this.rows += end - start;
    if (this.#hasSizes) return;
    volumes.fill(Number.NaN, first, batch.length);
    vwaps.fill(Number.NaN, first, batch.length);
  }

  /** A bar without rows: no prices. */
  fill(window: BarWindow, slot: number, mark: number): void {
    const batch = this.#withRoom();
    const row = batch.length++;
    const columns = batch.columns as BarColumns;
    columns[0][2 * row] = window.startLow;
    columns[0][2 * row + 1] = window.startHigh;
    columns[1][row] = slot - 1;
    for (let column = 2; column <= 7; column++) columns[column]![row] = Number.NaN;
    if (this.#hasSizes) columns[6][row] = 0;
    columns[8][row] = 0;
    columns[9][row] = mark;
    this.rows++;
  }

  #withRoom(): Batch {
    if (this.#batch?.length === this.#batch?.capacity) this.end();
    this.#batch ??= this.#pool.acquire();
    return this.#batch;
  }
}

type BarColumns = [
  Int32Array,
  Int32Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Int32Array,
  Uint8Array,
];
