import { writeInt64 } from '../../core/int64.js';

/** Cells of a symbol in a window: a cache line each, so that a row touches one and not seven. */
export const CELLS = 8;
export const OPEN = 0;
export const HIGH = 1;
export const LOW = 2;
export const CLOSE = 3;
export const VOLUME = 4;
/** Sum of price × size. */
export const TURNOVER = 5;
export const COUNT = 6;

const scratch = new Int32Array(2);

/**
 * What has been seen of one window of time, by slot. A slot is the id of a symbol plus 1, so that
 * rows without a symbol (id −1) have one too.
 */
export class BarWindow {
  /** The window begins at `index` × length since 1970. */
  index = 0;
  /** Its begin in words: high signed, low unsigned. */
  startHigh = 0;
  startLow = 0;
  /** Whether a row stood at its very begin. */
  sawStart = false;
  /** Rubbish where the count is 0. */
  cells: Float64Array;
  /** Slots with rows, in order of appearance. */
  touched: Int32Array;
  touchedCount = 0;

  constructor(slots: number) {
    this.cells = new Float64Array(slots * CELLS);
    this.touched = new Int32Array(slots);
  }

  get slots(): number {
    return this.touched.length;
  }

  moveTo(index: number, everyNs: bigint): void {
    writeInt64(scratch, 0, BigInt(index) * everyNs);
    this.index = index;
    this.startLow = scratch[0]! >>> 0;
    this.startHigh = scratch[1]!;
  }

  countOf(slot: number): number {
    return slot < this.slots ? this.cells[slot * CELLS + COUNT]! : 0;
  }

  /** Rows of all symbols. */
  get count(): number {
    let count = 0;
    for (let i = 0; i < this.touchedCount; i++) count += this.countOf(this.touched[i]!);
    return count;
  }

  grow(slots: number): void {
    const { cells, touched } = this;
    this.cells = new Float64Array(slots * CELLS);
    this.cells.set(cells);
    this.touched = new Int32Array(slots);
    this.touched.set(touched);
  }

  /** Ready to be another window. */
  clear(): void {
    for (let i = 0; i < this.touchedCount; i++) this.cells[this.touched[i]! * CELLS + COUNT] = 0;
    this.touchedCount = 0;
    this.sawStart = false;
  }
}
