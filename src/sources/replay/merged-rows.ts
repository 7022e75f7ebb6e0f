import { appendRows, type Batch } from '../../core/batch.js';
import { type ColumnData, elementsPerRow } from '../../core/schema.js';

/** Where the rows of a slot are taken from. */
export interface SlotRows {
  readonly block: Batch;
  readonly lines: Int32Array;
  /** Of its file, in the list. */
  readonly rank: number;
}

/**
 * The batch that rows of several files are gathered in: which ones is noted first, then each column
 * is copied in a loop of its own.
 */
export class MergedRows {
  readonly #paths: readonly string[];
  /** Per column, per slot. */
  readonly #columns: ColumnData[][];
  readonly #slots: (SlotRows | undefined)[] = [];
  readonly #linesOf: Int32Array[] = [];
  readonly #ranks: number[] = [];
  /** Rows that are noted and not yet copied. */
  readonly slotOf: Int32Array;
  readonly rowOf: Int32Array;
  noted = 0;
  #out: Batch | undefined;
  #outRanks = new Int32Array(0);
  #outLines = new Int32Array(0);

  /** @param rowsMax - That a batch has room for. */
  constructor(paths: readonly string[], columns: number, rowsMax: number) {
    this.#paths = paths;
    this.#columns = Array.from({ length: columns }, () => []);
    this.slotOf = new Int32Array(rowsMax);
    this.rowOf = new Int32Array(rowsMax);
  }

  get isOpen(): boolean {
    return this.#out !== undefined;
  }

  /** Rows of the batch, those noted among them. */
  get length(): number {
    return (this.#out?.length ?? 0) + this.noted;
  }

  get room(): number {
    return (this.#out?.capacity ?? 0) - this.length;
  }

  /** Tells where the rows of a slot stand from now on. None of those before may be noted still. */
  setSlot(slot: number, rows: SlotRows): void {
    this.#slots[slot] = rows;
    this.#linesOf[slot] = rows.lines;
    this.#ranks[slot] = rows.rank;
    for (const [column, data] of rows.block.columns.entries()) this.#columns[column]![slot] = data;
  }

  begin(out: Batch): void {
    this.#out = out;
    // Not used again: who holds the batch may ask for its lines.
    this.#outRanks = new Int32Array(out.capacity);
    this.#outLines = new Int32Array(out.capacity);
  }

  /** Adds rows that stand together. */
  addRun(slot: number, start: number, end: number): void {
    this.copyNoted();
    const out = this.#out!;
    const { block, lines, rank } = this.#slots[slot]!;
    this.#outLines.set(lines.subarray(start, end), out.length);
    this.#outRanks.fill(rank, out.length, out.length + end - start);
    appendRows(block, start, end, out);
  }

  copyNoted(): void {
    const count = this.noted;
    if (count === 0) return;
    const out = this.#out!;
    const at = out.length;
    const { slotOf, rowOf } = this;
    for (const [column, { type }] of out.schema.columns.entries()) {
      const from = this.#columns[column]!;
      const into = out.columns[column]!;
      if (into instanceof Float64Array) gatherFloats(from as Float64Array[], into, slotOf, rowOf, count, at);
      else if (into instanceof Uint8Array) gatherBytes(from as Uint8Array[], into, slotOf, rowOf, count, at);
      else if (elementsPerRow(type) === 2) gatherPairs(from as Int32Array[], into, slotOf, rowOf, count, at);
      else gatherInts(from as Int32Array[], into, slotOf, rowOf, count, at);
    }
    gatherInts(this.#linesOf, this.#outLines, slotOf, rowOf, count, at);
    for (let i = 0; i < count; i++) this.#outRanks[at + i] = this.#ranks[slotOf[i]!]!;
    out.length += count;
    this.noted = 0;
  }

  /** The batch; `undefined` when it has no rows. */
  finish(): Batch | undefined {
    this.copyNoted();
    const out = this.#out;
    this.#out = undefined;
    if (out?.length === 0) out.release();
    if (!out || out.isReleased) return undefined;
    const ranks = this.#outRanks;
    const lines = this.#outLines;
    const paths = this.#paths;
    out.origin = { at: (place) => ({ file: paths[ranks[place]!]!, line: lines[place]! }) };
    return out;
  }
}

// One loop a type, or the engine treats each access as one of three.

function gatherFloats(
  from: readonly Float64Array[],
  to: Float64Array,
  slotOf: Int32Array,
  rowOf: Int32Array,
  count: number,
  at: number,
): void {
  for (let i = 0; i < count; i++) to[at + i] = from[slotOf[i]!]![rowOf[i]!]!;
}

function gatherInts(
  from: readonly Int32Array[],
  to: Int32Array,
  slotOf: Int32Array,
  rowOf: Int32Array,
  count: number,
  at: number,
): void {
  for (let i = 0; i < count; i++) to[at + i] = from[slotOf[i]!]![rowOf[i]!]!;
}

function gatherBytes(
  from: readonly Uint8Array[],
  to: Uint8Array,
  slotOf: Int32Array,
  rowOf: Int32Array,
  count: number,
  at: number,
): void {
  for (let i = 0; i < count; i++) to[at + i] = from[slotOf[i]!]![rowOf[i]!]!;
}

function gatherPairs(
  from: readonly Int32Array[],
  to: Int32Array,
  slotOf: Int32Array,
  rowOf: Int32Array,
  count: number,
  at: number,
): void {
  for (let i = 0; i < count; i++) {
    const data = from[slotOf[i]!]!;
    const row = rowOf[i]!;
    to[2 * (at + i)] = data[2 * row]!;
    to[2 * (at + i) + 1] = data[2 * row + 1]!;
  }
}
