import { TWO_32 } from '../../../columns/int64.js';
import { doubleOfBits, INFINITY_HIGH } from './time-bits.js';

/**
 * Cells of a symbol in a window: one cache line, so that a row without a size touches only one. The first
 * and last instant are kept beside the prices, since rows may arrive in any order.
 */
export const CELLS = 8;
export const OPEN = 0;
export const HIGH = 1;
export const LOW = 2;
export const CLOSE = 3;
export const COUNT = 4;
/** Keys of the rows that set open and close (`keyOf`). */
export const FIRST = 5;
export const LAST = 6;

/** Further cells of a symbol, used if rows have sizes or a sequence: the same number as above. */
export const VOLUME = 0;
/** The part of the sum that its double could not hold. */
export const VOLUME_REST = 1;
/** Sum of price × size. */
export const TURNOVER = 2;
export const TURNOVER_REST = 3;
/** Sequences of the rows that set open and close. */
export const FIRST_SEQUENCE = 4;
export const LAST_SEQUENCE = 5;

/**
 * The state of one window of time, by slot. A slot is the id of a symbol plus 1, so that rows without a
 * symbol (id −1) have a slot, too.
 *
 * An instant within the window is kept as a double that sorts like the instants. From 1970 to 2262 these
 * are the bits of the time itself, which a column already holds; otherwise it is the ns since the window
 * began.
 */
export class BarWindow {
  /** The first slot that has cells. */
  readonly firstSlot: number;
  readonly #hasExtras: boolean;
  /** Which window it is; later ones have greater numbers. */
  index = 0;
  /** Begin of the window in words: high signed, low unsigned. */
  startHigh = 0;
  startLow = 0;
  /** Whether the bits of its times sort as doubles. */
  hasPlainKeys = true;
  /** The greatest key of all rows; `-Infinity` if there are none. */
  lastKey = Number.NEGATIVE_INFINITY;
  /** Undefined content where the count is 0. */
  cells: Float64Array;
  /** Sums, which are 0 where the count is 0, and sequences. Empty if rows have neither. */
  extras: Float64Array;
  /** Cells that have rows (slot minus the first slot), in order of appearance. */
  touched: Int32Array;
  touchedCount = 0;

  /** Bytes of a window with this many slots. */
  static bytesOf(slots: number, hasExtras: boolean): number {
    const cells = slots * CELLS * Float64Array.BYTES_PER_ELEMENT;
    return (hasExtras ? 2 : 1) * cells + slots * Int32Array.BYTES_PER_ELEMENT;
  }

  constructor(firstSlot: number, slots: number, hasExtras: boolean) {
    this.firstSlot = firstSlot;
    this.#hasExtras = hasExtras;
    this.cells = new Float64Array(slots * CELLS);
    this.extras = new Float64Array(hasExtras ? slots * CELLS : 0);
    this.touched = new Int32Array(slots);
  }

  get slots(): number {
    return this.touched.length;
  }

  /** @param end - The first instant after it. */
  moveTo(index: number, start: bigint, end: bigint): void {
    this.index = index;
    this.startLow = Number(start & 0xffff_ffffn);
    this.startHigh = Number(start >> 32n);
    this.hasPlainKeys = start >= 0n && Number(end >> 32n) < INFINITY_HIGH;
  }

  /** The key of an instant within the window. */
  keyOf(low: number, high: number): number {
    if (!this.hasPlainKeys) return (high - this.startHigh) * TWO_32 + ((low >>> 0) - this.startLow);
    return doubleOfBits(low, high);
  }

  countOf(slot: number): number {
    const place = slot - this.firstSlot;
    return place >= 0 && place < this.slots ? this.cells[place * CELLS + COUNT]! : 0;
  }

  /** Rows of all symbols. */
  get count(): number {
    let count = 0;
    for (let i = 0; i < this.touchedCount; i++) count += this.cells[this.touched[i]! * CELLS + COUNT]!;
    return count;
  }

  grow(slots: number): void {
    const { cells, extras, touched } = this;
    this.cells = new Float64Array(slots * CELLS);
    this.cells.set(cells);
    if (this.#hasExtras) {
      this.extras = new Float64Array(slots * CELLS);
      this.extras.set(extras);
    }
    this.touched = new Int32Array(slots);
    this.touched.set(touched);
  }

  /** Clears the window for reuse. */
  clear(): void {
    for (let i = 0; i < this.touchedCount; i++) {
      const cell = this.touched[i]! * CELLS;
      this.cells[cell + COUNT] = 0;
      if (this.#hasExtras) this.extras.fill(0, cell, cell + CELLS);
    }
    this.touchedCount = 0;
    this.lastKey = Number.NEGATIVE_INFINITY;
  }
}
