import { appendRows, type Batch } from '../batch.js';
import type { RowOrigin } from '../row-origin.js';
import { type ColumnData, elementsPerRow } from '../schema.js';

/** Where the rows of a slot come from. */
export interface SlotRows {
  readonly block: Batch;
  /** The first row that is still to come. */
  readonly next: number;
}

/** Notes where the rows of a batch were read, while they are copied into it. Used for one batch after the other. */
export interface OriginNotes<From> {
  begin(): void;
  /** Notes that rows `start` to `end` (exclusive) of a block go into the batch, consecutively from `at` on. */
  addRun(from: From, start: number, end: number, at: number): void;
  /** Notes that rows of a block, from `start` on, go to the batch's `places`, from index `first` on. */
  addSpread(from: From, start: number, rows: number, places: Int32Array, first: number): void;
  finish(rows: number): RowOrigin | undefined;
}

/** State of a slot while its rows are being taken. */
interface Slot<From> {
  readonly from: From;
  readonly columns: readonly ColumnData[];
  readonly block: Batch;
  /** The first row that is not copied yet. */
  start: number;
}

/**
 * The batch in which rows of several files or inputs are gathered. At first, only the slot of each row is
 * noted. Later the rows of each slot, which are consecutive in its block, are scattered to their places, one
 * column at a time.
 */
export class MergedRows<From extends SlotRows> {
  /** Slots of the rows that are noted but not copied yet. */
  readonly slotOf: Int32Array;
  noted = 0;
  readonly #origins: OriginNotes<From>;
  readonly #slots: Slot<From>[] = [];
  /** For each slot: number of rows noted. */
  #counts = new Int32Array(1);
  /** For each slot: index in `#places` for its next row. */
  #fills = new Int32Array(1);
  /** Slots that have noted rows, in order of appearance. */
  #touched = new Int32Array(1);
  /** Places in the batch of the noted rows, grouped by slot. */
  readonly #places: Int32Array;
  #out: Batch | undefined;

  /** @param rowsMax - Capacity of a batch. */
  constructor(origins: OriginNotes<From>, rowsMax: number) {
    this.#origins = origins;
    this.slotOf = new Int32Array(rowsMax);
    this.#places = new Int32Array(rowsMax);
  }

  get isOpen(): boolean {
    return this.#out !== undefined;
  }

  /** How many rows still fit in the batch. */
  get room(): number {
    return this.#out ? this.#out.capacity - this.#out.length - this.noted : 0;
  }

  /** Sets where the rows of a slot come from. No rows of its earlier block may still be noted. */
  setSlot(slot: number, from: From): void {
    const { block, next } = from;
    this.#slots[slot] = { from, columns: block.columns, block, start: next };
    if (slot < this.#counts.length) return;
    const counts = new Int32Array(2 * slot);
    counts.set(this.#counts);
    this.#counts = counts;
    this.#fills = new Int32Array(2 * slot);
    this.#touched = new Int32Array(2 * slot);
  }

  begin(out: Batch): void {
    this.#out = out;
    this.#origins.begin();
  }

  /** Adds the next rows of a slot, up to `end`. */
  addRun(slot: number, end: number): void {
    this.copyNoted();
    const out = this.#out!;
    const taken = this.#slots[slot]!;
    this.#origins.addRun(taken.from, taken.start, end, out.length);
    appendRows(taken.block, taken.start, end, out);
    taken.start = end;
  }

  copyNoted(): void {
    const count = this.noted;
    if (count === 0) return;
    const out = this.#out!;
    const slotsTouched = this.#findPlaces(out.length, count);
    const touched = this.#touched;
    const slots = this.#slots;
    const counts = this.#counts;
    const { columns, schema } = out;
    for (let i = 0, first = 0; i < slotsTouched; i++) {
      const slot = touched[i]!;
      const rows = counts[slot]!;
      counts[slot] = 0;
      const taken = slots[slot]!;
      const { start } = taken;
      for (let column = 0; column < columns.length; column++) {
        const data = taken.columns[column]!;
        const into = columns[column]!;
        if (data instanceof Float64Array) {
          spreadFloats(data, start, rows, into as Float64Array, this.#places, first);
        } else if (data instanceof Uint8Array) {
          spreadBytes(data, start, rows, into as Uint8Array, this.#places, first);
        } else if (elementsPerRow(schema.columns[column]!.type) === 2) {
          spreadPairs(data, start, rows, into as Int32Array, this.#places, first);
        } else spreadInts(data, start, rows, into as Int32Array, this.#places, first);
      }
      this.#origins.addSpread(taken.from, start, rows, this.#places, first);
      taken.start += rows;
      first += rows;
    }
    out.length += count;
    this.noted = 0;
  }

  /** Finishes the batch; `undefined` if it has neither rows nor control records. */
  finish(): Batch | undefined {
    const out = this.#out;
    if (!out) return undefined;
    this.copyNoted();
    this.#out = undefined;
    if (out.isEmpty) {
      out.release();
      return undefined;
    }
    out.origin = this.#origins.finish(out.length);
    return out;
  }

  /**
   * Sorts the places of noted rows by slot, and counts the rows of each slot.
   *
   * @returns The number of slots that have noted rows.
   */
  #findPlaces(at: number, count: number): number {
    const { slotOf } = this;
    const counts = this.#counts;
    const fills = this.#fills;
    const places = this.#places;
    const touched = this.#touched;
    let slots = 0;
    for (let i = 0; i < count; i++) {
      const slot = slotOf[i]!;
      if (counts[slot]!++ === 0) touched[slots++] = slot;
    }
    for (let i = 0, first = 0; i < slots; i++) {
      const slot = touched[i]!;
      fills[slot] = first;
      first += counts[slot]!;
    }
    for (let i = 0; i < count; i++) places[fills[slotOf[i]!]!++] = at + i;
    return slots;
  }
}

// One loop for each type; otherwise V8 treats each access as one of three types.

function spreadFloats(
  data: Float64Array,
  start: number,
  rows: number,
  into: Float64Array,
  places: Int32Array,
  first: number,
): void {
  for (let i = 0; i < rows; i++) into[places[first + i]!] = data[start + i]!;
}

function spreadInts(
  data: Int32Array,
  start: number,
  rows: number,
  into: Int32Array,
  places: Int32Array,
  first: number,
): void {
  for (let i = 0; i < rows; i++) into[places[first + i]!] = data[start + i]!;
}

function spreadBytes(
  data: Uint8Array,
  start: number,
  rows: number,
  into: Uint8Array,
  places: Int32Array,
  first: number,
): void {
  for (let i = 0; i < rows; i++) into[places[first + i]!] = data[start + i]!;
}

function spreadPairs(
  data: Int32Array,
  start: number,
  rows: number,
  into: Int32Array,
  places: Int32Array,
  first: number,
): void {
  for (let i = 0; i < rows; i++) {
    const place = places[first + i]!;
    into[2 * place] = data[2 * (start + i)]!;
    into[2 * place + 1] = data[2 * (start + i) + 1]!;
  }
}
