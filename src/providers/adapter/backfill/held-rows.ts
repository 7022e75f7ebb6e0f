import { appendRows, type Batch } from '../../../columns/batch.js';
import { gatherRows } from '../../../columns/gather-rows.js';
import type { GrowingBatches } from '../../../columns/growing-batches.js';
import { compareInt64 } from '../../../columns/int64.js';

/** Rows of one symbol that wait for earlier ones, in the order of their numbers or times. */
export class HeldRows {
  readonly #batches: GrowingBatches;
  /** The column that they are in order of. */
  #orderAt: number;
  #batch: Batch | undefined;
  #order = new Int32Array(0);
  /** How many of them are in `#order`. */
  #sorted = 0;
  /** How many of these have been taken. */
  #taken = 0;
  /** Rows that were taken and whose place is free again. */
  #left = 0;
  /** The place of the first row after the mark. */
  #marked = 0;

  /** @param orderAt - Index of a column of words: `sequence` or `time`. */
  constructor(batches: GrowingBatches, orderAt: number) {
    this.#batches = batches;
    this.#orderAt = orderAt;
  }

  /** How many have been added. */
  get added(): number {
    return this.#left + this.#length;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#length - this.#taken;
  }

  /** The first row that was added after the mark, even if it was taken; −1 if none was. */
  get marked(): number {
    return this.#marked < this.#length ? this.#marked : -1;
  }

  get #length(): number {
    return this.#batch?.length ?? 0;
  }

  /** What the rows are in. */
  get batch(): Batch {
    return this.#batch as Batch; // asked for once there is a row
  }

  /** The mark stands behind the rows that were added so far. */
  mark(): void {
    this.#marked = this.#length;
  }

  add(from: Batch, row: number): void {
    this.#batch ??= this.#batches.acquire(1);
    if (this.#taken > 1 && this.#batch.length === this.#batch.capacity) this.#leaveTaken(this.#batch);
    this.#batch = this.#batches.withRoomFor(this.#batch, 1);
    appendRows(from, row, row + 1, this.#batch);
  }

  /** From now on they are in order of another column. */
  orderBy(column: number): void {
    if (column === this.#orderAt) return;
    this.#orderAt = column;
    if (this.#sorted > this.#taken) this.#arrange(this.#order, this.#sorted);
  }

  /** The first row that waits; −1 if none does. */
  first(): number {
    if (this.waiting === 0) return -1;
    this.#sort();
    return this.#order[this.#taken]!;
  }

  /** The last one in order. Only if one waits. */
  last(): number {
    this.#sort();
    return this.#order[this.#sorted - 1]!;
  }

  /** How many from the first one on have its value in a column of words. */
  alike(column: number): number {
    this.#sort();
    const words = this.batch.columns[column] as Int32Array;
    const first = this.#order[this.#taken]!;
    let at = this.#taken + 1;
    while (at < this.#sorted && compareInt64(words, this.#order[at]!, words, first) === 0) at++;
    return at - this.#taken;
  }

  /** The first one does not wait any more. */
  take(): void {
    this.#taken++;
  }

  /** Keeps the rows that wait, in their order, and the one at the mark. */
  #leaveTaken(batch: Batch): void {
    this.#sort();
    const order = this.#order;
    const { waiting } = this;
    let markedAt = order.subarray(0, batch.length).indexOf(this.marked);
    // The last place of those that were taken.
    if (markedAt >= 0 && markedAt < this.#taken) {
      order[this.#taken - 1] = this.#marked;
      markedAt = this.#taken - 1;
    }
    const start = Math.min(this.#taken, markedAt < 0 ? this.#taken : markedAt);
    const rows = batch.length - start;
    const kept = this.#batches.acquire(2 * rows);
    gatherRows(batch, order.subarray(start), rows, kept);
    batch.release();
    this.#batch = kept;
    this.#left += start;
    this.#marked = markedAt < 0 ? rows : markedAt - start;
    this.#taken = rows - waiting;
    this.#sorted = 0; // they are in order: each stands in its place
    this.#sort();
  }

  release(): void {
    this.#batch?.release();
    this.#batch = undefined;
  }

  /** Rows that were taken stand in front; those that came since are put in their places behind them. */
  #sort(): void {
    const added = this.#length;
    if (this.#sorted === added) return;
    const order = new Int32Array(this.batch.capacity);
    order.set(this.#order.subarray(0, this.#sorted));
    // Places up to here hold all rows that were added before, in some order.
    for (let row = this.#sorted; row < added; row++) order[row] = row;
    this.#arrange(order, added);
    this.#order = order;
    this.#sorted = added;
  }

  /** Puts those that wait in order. */
  #arrange(order: Int32Array, end: number): void {
    const words = this.batch.columns[this.#orderAt] as Int32Array;
    order.subarray(this.#taken, end).sort((a, b) => compareInt64(words, a, words, b) || a - b);
  }
}
