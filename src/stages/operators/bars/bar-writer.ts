import type { Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { BAR_MARKS, type Schema } from '../../../columns/schema.js';
import type { Emit } from '../../../engine/operator.js';
import {
  type BarWindow,
  CELLS,
  CLOSE,
  COUNT,
  HIGH,
  LOW,
  OPEN,
  TURNOVER,
  TURNOVER_REST,
  VOLUME,
  VOLUME_REST,
} from './bar-window.js';

export const COMPLETE = BAR_MARKS.indexOf('complete');
export const EMPTY = BAR_MARKS.indexOf('empty');
export const GAP = BAR_MARKS.indexOf('gap');
export const PARTIAL = BAR_MARKS.indexOf('partial');

/** Bars are few: a batch of bars can be smaller than a batch of ticks. */
const ROWS_MAX = 1_024;
/** Batches emitted in one step, before the sink gets its turn. */
const STEP_BATCHES = 8;

/** Writes bars and control records into batches, in order, and emits full batches. */
export class BarWriter {
  readonly #pool: BatchPool;
  /** Whether rows have sizes; without sizes there are no volumes to write. */
  hasSizes: boolean;
  #batch: Batch | undefined;
  #emit: Emit | undefined;
  #emitted = 0;
  readonly #lateCounts: LateCounts | undefined;
  /** Bars written so far. */
  rows = 0;

  /** @param lateCounts - Source of the last column, if it was requested. */
  constructor(
    schema: Schema,
    batchRows: number,
    dictionaries: DictionarySet,
    hasSizes: boolean,
    lateCounts?: LateCounts,
  ) {
    this.#pool = new BatchPool(schema, Math.min(batchRows, ROWS_MAX), dictionaries);
    this.hasSizes = hasSizes;
    this.#lateCounts = lateCounts;
  }

  /** Sets where batches go until `end`. */
  begin(emit: Emit): void {
    this.#emit = emit;
    this.#emitted = 0;
  }

  /** Whether enough was emitted since `begin`; the rest waits until the sink has caught up. */
  get isFull(): boolean {
    return this.#emitted >= STEP_BATCHES;
  }

  /** Emits the unfinished batch. */
  end(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (!batch) return;
    this.#emitted++;
    this.#emit?.(batch);
  }

  /** Releases the batch that was not emitted. */
  close(): void {
    this.#batch?.release();
    this.#batch = undefined;
  }

  control(record: ControlRecord): void {
    this.#batch ??= this.#pool.acquire();
    this.#batch.controls.push({ row: this.#batch.length, record });
  }

  /**
   * Writes the bars of the first `count` places of the window's cells, in their order. All of them have
   * rows.
   */
  bars(window: BarWindow, places: Int32Array, count: number, mark: number): void {
    for (let done = 0; done < count; ) {
      const batch = this.#withRoom();
      const rows = Math.min(count - done, batch.capacity - batch.length);
      this.#copyBars(window, places, done, done + rows, mark, batch);
      done += rows;
    }
  }

  #copyBars(
    window: BarWindow,
    places: Int32Array,
    start: number,
    end: number,
    mark: number,
    batch: Batch,
  ): void {
    const [times, symbols, opens, highs, lows, closes, volumes, vwaps, counts, marks, lates] =
      batch.columns as BarColumns; // in the order of the bar schema
    const { cells, extras, firstSlot, startHigh, startLow } = window;
    const first = batch.length;
    for (let i = start; i < end; i++) {
      const row = first + i - start;
      const place = places[i]!;
      const cell = place * CELLS;
      times[2 * row] = startLow;
      times[2 * row + 1] = startHigh;
      symbols[row] = place + firstSlot - 1;
      opens[row] = cells[cell + OPEN]!;
      highs[row] = cells[cell + HIGH]!;
      lows[row] = cells[cell + LOW]!;
      closes[row] = cells[cell + CLOSE]!;
      counts[row] = cells[cell + COUNT]!;
      marks[row] = mark;
    }
    for (let i = start; this.#lateCounts && i < end; i++) {
      lates![first + i - start] = this.#lateCounts.take(places[i]! + firstSlot);
    }
    batch.length = first + end - start;
    this.rows += end - start;
    if (!this.hasSizes) {
      volumes.fill(Number.NaN, first, batch.length);
      vwaps.fill(Number.NaN, first, batch.length);
      return;
    }
    for (let i = start; i < end; i++) {
      const cell = places[i]! * CELLS;
      const volume = total(extras[cell + VOLUME]!, extras[cell + VOLUME_REST]!);
      const turnover = total(extras[cell + TURNOVER]!, extras[cell + TURNOVER_REST]!);
      volumes[first + i - start] = volume;
      vwaps[first + i - start] =
        volume === 0
          ? Number.NaN
          : within(turnover / volume, volume, cells[cell + LOW]!, cells[cell + HIGH]!);
    }
  }

  /** Writes a bar without rows: it has no prices. */
  fill(window: BarWindow, slot: number, mark: number): void {
    const batch = this.#withRoom();
    const row = batch.length++;
    const columns = batch.columns as BarColumns;
    columns[0][2 * row] = window.startLow;
    columns[0][2 * row + 1] = window.startHigh;
    columns[1][row] = slot - 1;
    for (let column = 2; column <= 7; column++) columns[column]![row] = Number.NaN;
    if (this.hasSizes) columns[6][row] = 0;
    columns[8][row] = 0;
    columns[9][row] = mark;
    if (this.#lateCounts) columns[10]![row] = this.#lateCounts.take(slot);
    this.rows++;
  }

  #withRoom(): Batch {
    if (this.#batch?.length === this.#batch?.capacity) this.end();
    this.#batch ??= this.#pool.acquire();
    return this.#batch;
  }
}

/**
 * Adds a sum and the remainder that its double could not hold. If the sum overflowed, the remainder is
 * meaningless.
 */
const total = (sum: number, rest: number): number => (rest - rest === 0 ? sum + rest : sum);

/** Clamps a mean of prices to their range, against rounding errors, unless sizes are negative. */
const within = (vwap: number, volume: number, low: number, high: number): number =>
  volume > 0 && Math.abs(vwap - (vwap < low ? low : high)) <= 1e-9 * Math.abs(vwap)
    ? Math.min(Math.max(vwap, low), high)
    : vwap;

/** Rows of a symbol that came late since its last bar. */
export interface LateCounts {
  /** Returns the count and resets it. */
  take(slot: number): number;
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
  Int32Array?,
];
