import type { Batch } from '../../../columns/batch.js';
import type { ColumnMemory, MemoryShare } from '../../../columns/column-memory.js';
import { type Instant, isLaterThan } from '../../../columns/instants.js';
import { allocateColumn, type Column, type ColumnData, elementsPerRow } from '../../../columns/schema.js';
import type { PipelineError } from '../../../core/errors.js';
import { copyValue } from './kept-rows.js';
import { SymbolInstants } from './symbol-instants.js';

/** The slot that means "no row". Its values are null. */
export const NO_ROW = 0;
/** The slot that receives the values of rows that are not kept. */
const DISCARDED = 1;
const FIRST = 2;
const ROWS_MIN = 1_024;
const SYMBOLS_MIN = 64;

/** Columns and limits of the kept side rows. */
export interface SideRowsSettings {
  /** The columns to keep, with their indexes in a side batch. */
  readonly columns: readonly { readonly column: Column; readonly at: number }[];
  /** Most rows that may be kept at one time. */
  readonly rowsMax: number;
  readonly memory: ColumnMemory;
  /** Makes the error for one row more. */
  onOverflow(): PipelineError;
}

/**
 * The side rows that main rows may still be joined with: one linked list per symbol, ordered by time, then
 * sequence, then arrival. A row is a slot in typed arrays.
 *
 * The values of added rows are copied later, column by column, by `copyValues`.
 */
export class SideRows {
  /** Words of the time and links of the list, by slot. */
  high = new Int32Array(0);
  low = new Uint32Array(0);
  newer = new Int32Array(0);
  older = new Int32Array(0);
  /** Values of `settings.columns`, by slot. */
  readonly values: ColumnData[];
  /** By symbol: the ends of its list, and the slot where the last search ended; `NO_ROW`: none. */
  oldest = new Int32Array(0);
  newest = new Int32Array(0);
  cursor = new Int32Array(0);
  /** Number of rows kept now. */
  size = 0;
  /** By symbol: time of the latest dropped row. */
  readonly #dropped: SymbolInstants;
  readonly #settings: SideRowsSettings;
  readonly #memory: MemoryShare;
  readonly #widths: readonly number[];
  #sequenceHigh = new Int32Array(0);
  #sequenceLow = new Uint32Array(0);
  #hasSequence = false;
  #capacity = 0;
  #end = FIRST;
  #free = new Int32Array(0);
  #freeCount = 0;
  /** Slots of rows whose values are not copied yet, in the order of their batch. */
  #uncopied = new Int32Array(ROWS_MIN);
  #uncopiedCount = 0;
  /** Symbols that rows were added to since the last `dropBefore`. */
  #touched = new Int32Array(SYMBOLS_MIN);
  #touchedCount = 0;
  #isTouched = new Uint8Array(0);

  constructor(settings: SideRowsSettings) {
    this.#settings = settings;
    this.#memory = settings.memory.share('asof');
    this.#dropped = new SymbolInstants(settings.memory.share('asof'));
    this.#take(this.#uncopied.byteLength + this.#touched.byteLength);
    this.#widths = settings.columns.map(({ column }) => elementsPerRow(column.type));
    this.values = settings.columns.map(({ column }) => allocateColumn(column.type, 0));
    this.#growRows(ROWS_MIN);
    this.#growSymbols(SYMBOLS_MIN);
  }

  /** Whether no more rows may be kept. */
  get isFull(): boolean {
    return this.size >= this.#settings.rowsMax;
  }

  get symbols(): number {
    return this.oldest.length;
  }

  /** Makes room for a symbol. */
  reserveSymbol(symbol: number): void {
    if (symbol < this.oldest.length) return;
    this.#growSymbols(Math.max(symbol + 1, 2 * this.oldest.length));
  }

  /**
   * Adds a row to the list of its symbol. Call `reserveSymbol` for the symbol before.
   *
   * @throws What `onOverflow` returns if `isFull`.
   */
  add(symbol: number, high: number, low: number): void {
    let before = this.newest[symbol]!;
    while (before !== NO_ROW && isLaterThan(this.high[before]!, this.low[before]!, high, low)) {
      before = this.older[before]!;
    }
    this.#insert(symbol, high, low, before);
  }

  /** Adds a row with a sequence: rows of one instant are ordered by it, lowest first. Throws like `add`. */
  addInSequence(symbol: number, high: number, low: number, sequence: Readonly<Instant>): void {
    this.#hasSequence = true;
    let before = this.newest[symbol]!;
    while (before !== NO_ROW) {
      const timeHigh = this.high[before]!;
      const timeLow = this.low[before]!;
      const isBehind =
        timeHigh === high && timeLow === low
          ? isLaterThan(this.#sequenceHigh[before]!, this.#sequenceLow[before]!, sequence.high, sequence.low)
          : isLaterThan(timeHigh, timeLow, high, low);
      if (!isBehind) break;
      before = this.older[before]!;
    }
    const slot = this.#insert(symbol, high, low, before);
    this.#sequenceHigh[slot] = sequence.high;
    this.#sequenceLow[slot] = sequence.low;
  }

  /** Skips a row of the batch that is not kept. */
  skip(): void {
    this.#noteUncopied(DISCARDED);
  }

  /** Copies the values of rows added or skipped since the last copy. `end` is the batch row after the last of them. */
  copyValues(batch: Batch, end: number): void {
    const count = this.#uncopiedCount;
    if (count === 0) return;
    const start = end - count;
    const slots = this.#uncopied;
    this.#settings.columns.forEach(({ at }, i) => {
      const from = batch.columns[at]!;
      const to = this.values[i]!;
      if (from instanceof Float64Array) scatterFloats(from, start, slots, count, to as Float64Array);
      else if (from instanceof Uint8Array) scatterBytes(from, start, slots, count, to as Uint8Array);
      else if (this.#widths[i] === 2) scatterPairs(from, start, slots, count, to as Int32Array);
      else scatterInts(from, start, slots, count, to as Int32Array);
    });
    this.#uncopiedCount = 0;
  }

  /** Copies the values of the row added last from a batch with other column indexes. */
  copyRow(batch: Batch, row: number, places: readonly { readonly at: number }[]): void {
    const slot = this.#uncopied[--this.#uncopiedCount]!;
    this.values.forEach((to, i) => {
      copyValue(batch.columns[places[i]!.at]!, row, to, slot, this.#widths[i]!);
    });
  }

  /** Returns, for each symbol with dropped rows, its id and the words of the latest dropped row's time. */
  droppedSnapshot(): (readonly [number, number, number])[] {
    return this.#dropped.entries();
  }

  restoreDropped(dropped: readonly (readonly [number, number, number])[]): void {
    for (const [symbol, high, low] of dropped) this.#dropped.set(symbol, high, low);
  }

  /** Returns the time of the latest dropped row of the symbol, if any was dropped. */
  latestDropped(symbol: number): Instant | undefined {
    if (!this.#dropped.has(symbol)) return undefined;
    return { high: this.#dropped.high[symbol]!, low: this.#dropped.low[symbol]! };
  }

  /**
   * Drops rows that no main row can be joined with any more. Only looks at symbols with recently added rows.
   *
   * @param horizonOf - Returns the earliest time that a main row of a symbol may still have.
   * @param keepsLast - Whether the last row at or before the horizon is still needed.
   */
  dropBefore(horizonOf: (symbol: number) => Readonly<Instant>, keepsLast: boolean): void {
    let kept = 0;
    for (let i = 0; i < this.#touchedCount; i++) {
      const symbol = this.#touched[i]!;
      this.#dropOf(symbol, horizonOf(symbol), keepsLast);
      const first = this.oldest[symbol]!;
      // A list without rows, or with only the last row that must stay, has nothing to drop until rows are added.
      if (first === NO_ROW || (keepsLast && this.newer[first] === NO_ROW)) this.#isTouched[symbol] = 0;
      else this.#touched[kept++] = symbol;
    }
    this.#touchedCount = kept;
  }

  /** Returns the slots of a symbol's rows, oldest first. */
  slotsOf(symbol: number): number[] {
    const slots: number[] = [];
    for (let slot = this.oldest[symbol]!; slot !== NO_ROW; slot = this.newer[slot]!) slots.push(slot);
    return slots;
  }

  /** Returns the sequence of a row, if rows have one. */
  sequenceOf(slot: number): Instant | undefined {
    if (!this.#hasSequence) return undefined;
    return { high: this.#sequenceHigh[slot]!, low: this.#sequenceLow[slot]! };
  }

  close(): void {
    this.#dropped.close();
    this.#memory.resize(0);
  }

  #dropOf(symbol: number, { high, low }: Readonly<Instant>, keepsLast: boolean): void {
    const { newer } = this;
    let slot = this.oldest[symbol]!;
    while (slot !== NO_ROW) {
      const next = newer[slot]!;
      const goes = keepsLast
        ? next !== NO_ROW && !isLaterThan(this.high[next]!, this.low[next]!, high, low)
        : isLaterThan(high, low, this.high[slot]!, this.low[slot]!);
      if (!goes) break;
      this.#dropped.set(symbol, this.high[slot]!, this.low[slot]!);
      if (this.cursor[symbol] === slot) this.cursor[symbol] = next;
      this.#free[this.#freeCount++] = slot;
      this.size--;
      slot = next;
    }
    this.oldest[symbol] = slot;
    if (slot === NO_ROW) this.newest[symbol] = NO_ROW;
    else this.older[slot] = NO_ROW;
  }

  #insert(symbol: number, high: number, low: number, before: number): number {
    const slot = this.#takeSlot();
    this.high[slot] = high;
    this.low[slot] = low;
    const after = before === NO_ROW ? this.oldest[symbol]! : this.newer[before]!;
    this.older[slot] = before;
    this.newer[slot] = after;
    if (before === NO_ROW) this.oldest[symbol] = slot;
    else this.newer[before] = slot;
    if (after === NO_ROW) this.newest[symbol] = slot;
    else this.older[after] = slot;
    this.#noteUncopied(slot);
    if (this.#isTouched[symbol] === 0) this.#touch(symbol);
    return slot;
  }

  /** Accounts for more memory, before it is allocated. */
  #take(bytes: number): void {
    this.#memory.resize(this.#memory.bytes + bytes);
  }

  #takeSlot(): number {
    if (this.#freeCount === 0 && this.#end === this.#capacity) this.#growRows(2 * this.#capacity);
    this.size++;
    return this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#end++;
  }

  #noteUncopied(slot: number): void {
    if (this.#uncopiedCount === this.#uncopied.length) {
      this.#take(this.#uncopied.byteLength);
      const longer = new Int32Array(2 * this.#uncopiedCount);
      longer.set(this.#uncopied);
      this.#uncopied = longer;
    }
    this.#uncopied[this.#uncopiedCount++] = slot;
  }

  #touch(symbol: number): void {
    if (this.#touchedCount === this.#touched.length) {
      this.#take(this.#touched.byteLength);
      const longer = new Int32Array(2 * this.#touchedCount);
      longer.set(this.#touched);
      this.#touched = longer;
    }
    this.#isTouched[symbol] = 1;
    this.#touched[this.#touchedCount++] = symbol;
  }

  #growRows(wanted: number): void {
    const { rowsMax, columns, onOverflow } = this.#settings;
    const capacity = Math.min(wanted, rowsMax + FIRST);
    if (capacity <= this.#capacity) throw onOverflow();
    let bytesPerRow = 28; // times, sequences, links and free slots
    for (const { column } of columns) bytesPerRow += allocateColumn(column.type, 1).byteLength;
    this.#take(bytesPerRow * (capacity - this.#capacity));
    this.high = grown(this.high, new Int32Array(capacity));
    this.low = grown(this.low, new Uint32Array(capacity));
    this.#sequenceHigh = grown(this.#sequenceHigh, new Int32Array(capacity));
    this.#sequenceLow = grown(this.#sequenceLow, new Uint32Array(capacity));
    this.newer = grown(this.newer, new Int32Array(capacity));
    this.older = grown(this.older, new Int32Array(capacity));
    this.#free = grown(this.#free, new Int32Array(capacity));
    columns.forEach(({ column }, i) => {
      const values = grown(this.values[i]!, allocateColumn(column.type, capacity));
      if (values instanceof Float64Array) values[NO_ROW] = Number.NaN;
      if (column.type === 'string') values[NO_ROW] = -1;
      this.values[i] = values;
    });
    this.#capacity = capacity;
  }

  #growSymbols(count: number): void {
    this.#take(13 * (count - this.oldest.length)); // the ends of lists, the last search, the marks
    this.oldest = grown(this.oldest, new Int32Array(count));
    this.newest = grown(this.newest, new Int32Array(count));
    this.cursor = grown(this.cursor, new Int32Array(count));
    this.#isTouched = grown(this.#isTouched, new Uint8Array(count));
  }
}

function grown<T extends ColumnData | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

// One loop per type keeps each array access monomorphic for V8.

function scatterFloats(
  from: Float64Array,
  start: number,
  slots: Int32Array,
  count: number,
  to: Float64Array,
) {
  for (let i = 0; i < count; i++) to[slots[i]!] = from[start + i]!;
}

function scatterInts(from: Int32Array, start: number, slots: Int32Array, count: number, to: Int32Array) {
  for (let i = 0; i < count; i++) to[slots[i]!] = from[start + i]!;
}

function scatterBytes(from: Uint8Array, start: number, slots: Int32Array, count: number, to: Uint8Array) {
  for (let i = 0; i < count; i++) to[slots[i]!] = from[start + i]!;
}

function scatterPairs(from: Int32Array, start: number, slots: Int32Array, count: number, to: Int32Array) {
  for (let i = 0; i < count; i++) {
    const slot = slots[i]!;
    to[2 * slot] = from[2 * (start + i)]!;
    to[2 * slot + 1] = from[2 * (start + i) + 1]!;
  }
}
