import { invariant } from '../core/invariant.js';
import { BatchMemory } from './batch-memory.js';
import type { ColumnHold } from './column-hold.js';
import type { PlacedControl } from './control-record.js';
import type { Dictionary, DictionarySet } from './dictionary.js';
import { failReleased } from './released-batch.js';
import type { RowOrigin } from './row-origin.js';
import { type Column, type ColumnData, columnIndex, elementsPerRow, type Schema } from './schema.js';

/**
 * Rows as columns, with the control records between them.
 *
 * **Ownership.** A batch has exactly one owner at a time. The owner may change it, and either passes
 * it on or releases it, once. After its release, every use of it fails. Its memory goes to a new
 * `Batch` object, so that a stale reference cannot read the rows of another batch. The exception is a
 * typed array from `columns`: it stays usable after the release, so do not keep one.
 *
 * **Sharing.** Several batches can have the same columns (`shareBatch`). Each has its own owner, length,
 * selection and control records, but nobody may write into the columns while another batch has them:
 * `ownColumns` comes first. Batches are not shared between threads.
 */
export class Batch {
  readonly schema: Schema;
  /** Rows that it has room for. */
  readonly capacity: number;
  readonly dictionaries: DictionarySet;
  /** Where its rows were read. Unset if the source does not say, or if the rows have been rearranged. */
  origin: RowOrigin | undefined;
  #length = 0;
  #selection: Int32Array | undefined;
  #controls: PlacedControl[] = [];
  /** `undefined` once the batch is released. */
  #memory: ColumnHold | undefined;

  /**
   * @param capacity - Rows that it has room for.
   * @param memory - Passed only by the pool, and for shared columns.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` if it would exceed the memory limit of the pipeline.
   */
  constructor(
    schema: Schema,
    capacity: number,
    dictionaries: DictionarySet,
    memory: ColumnHold = new BatchMemory(schema, capacity, dictionaries.memory),
  ) {
    this.schema = schema;
    this.capacity = capacity;
    this.dictionaries = dictionaries;
    this.origin = undefined;
    this.#memory = memory;
  }

  /** Rows in use, at most `capacity`. */
  get length(): number {
    if (this.#memory === undefined) failReleased();
    return this.#length;
  }

  set length(rows: number) {
    if (this.#memory === undefined) failReleased();
    this.#length = rows;
  }

  /** In the order of the schema. Elements past the length are garbage. Read-only while `isShared`. */
  get columns(): ColumnData[] {
    if (this.#memory === undefined) failReleased();
    return this.#memory.columns;
  }

  /**
   * The position of each row in the columns, ascending, if rows were selected and not yet compacted
   * (`selection.ts`). `undefined`: row `i` is at position `i`. Only operators that declare
   * `takesSelections` receive such batches; sources, batchers and sinks never do.
   */
  get selection(): Int32Array | undefined {
    if (this.#memory === undefined) failReleased();
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    if (this.#memory === undefined) failReleased();
    this.#selection = selection;
  }

  /** Memory for `selection`, kept for reuse. Used only by `selection.ts`. */
  get selectionMemory(): Int32Array | undefined {
    if (this.#memory === undefined) failReleased();
    return this.#memory.selection;
  }

  set selectionMemory(selection: Int32Array | undefined) {
    if (this.#memory === undefined) failReleased();
    this.#memory.selection = selection;
  }

  /** Control records, in order of `row`. */
  get controls(): PlacedControl[] {
    if (this.#memory === undefined) failReleased();
    return this.#controls;
  }

  set controls(controls: PlacedControl[]) {
    if (this.#memory === undefined) failReleased();
    this.#controls = controls;
  }

  /** Whether it has neither rows nor control records. */
  get isEmpty(): boolean {
    return this.length === 0 && this.controls.length === 0;
  }

  get isReleased(): boolean {
    return this.#memory === undefined;
  }

  /**
   * Whether another batch has the same columns, which are then read-only. It becomes `false` once all others
   * are released. Only stages that declare `readsOnly` receive such batches.
   */
  get isShared(): boolean {
    if (this.#memory === undefined) failReleased();
    return this.#memory.isShared;
  }

  /** @internal The memory of its columns. Used only by `own-columns.ts`. */
  get memory(): ColumnHold {
    if (this.#memory === undefined) failReleased();
    return this.#memory;
  }

  set memory(memory: ColumnHold) {
    if (this.#memory === undefined) failReleased();
    this.#memory = memory;
  }

  /** Values of a float64; null is NaN. */
  float64(name: string): Float64Array {
    const data = this.column(name);
    invariant(data instanceof Float64Array, `column "${name}" is float64`);
    return data;
  }

  /** The words of a timestamp or int64 column, the values of an int32, or the ids of a string column. */
  int32(name: string): Int32Array {
    const data = this.column(name);
    invariant(data instanceof Int32Array, `column "${name}" is held in 32-bit integers`);
    return data;
  }

  /** The indexes of an enum column, or the 0 and 1 of a boolean column. */
  uint8(name: string): Uint8Array {
    const data = this.column(name);
    invariant(data instanceof Uint8Array, `column "${name}" is held in bytes`);
    return data;
  }

  /** A column as it is stored, whatever its type. */
  column(name: string): ColumnData {
    const data = this.columns[columnIndex(this.schema, name)];
    invariant(data !== undefined, `the batch has a column "${name}"`);
    return data;
  }

  /** The strings of a string column, by the ids that its rows hold. */
  dictionary(column: Column): Dictionary {
    if (this.#memory === undefined) failReleased();
    return this.dictionaries.get(column.dictionary ?? column.name);
  }

  /** Ends the caller's ownership; the batch cannot be used afterwards. */
  release(): void {
    this.giveUp().release();
  }

  /** @internal Ends the caller's ownership, and returns the memory. Used only by `shared-batch.ts`. */
  giveUp(): ColumnHold {
    const memory = this.#memory;
    invariant(memory !== undefined, 'a batch is released once');
    this.#memory = undefined;
    this.#selection = undefined;
    this.origin = undefined;
    return memory;
  }
}

/** Releases the batches that a failed step left behind. */
export function releaseAll(batches: readonly Batch[]): void {
  for (const batch of batches) if (!batch.isReleased) batch.release();
}

/**
 * Swaps the memory of column `from` of one batch and column `to` of the other, which moves a column
 * without copying it. Both must have the same type and capacity, and neither may be shared.
 */
export function swapColumns(source: Batch, from: number, target: Batch, to: number): void {
  invariant(!source.isShared && !target.isShared, 'swapped columns are not shared');
  const data = source.columns[from];
  const spare = target.columns[to];
  invariant(data !== undefined && spare !== undefined, 'both batches hold their columns');
  invariant(
    data.length === spare.length && data.constructor === spare.constructor,
    'swapped columns have one type and one capacity',
  );
  target.columns[to] = data;
  source.columns[from] = spare;
}

/**
 * Appends rows `start` to `end` (exclusive) of `source` to `target`, which has an equal schema. Copies
 * one column at a time, and no control records.
 */
export function appendRows(source: Batch, start: number, end: number, target: Batch): void {
  const rows = end - start;
  invariant(source.selection === undefined, 'appended rows stand together');
  invariant(!target.isShared, 'rows are appended to columns that are not shared');
  invariant(rows >= 0 && target.length + rows <= target.capacity, 'appended rows fit');
  const columns = source.schema.columns;
  for (let i = 0; i < columns.length; i++) {
    const width = elementsPerRow(columns[i]!.type);
    const data = source.columns[i]!;
    const view =
      start === 0 && rows * width === data.length ? data : data.subarray(start * width, end * width);
    target.columns[i]!.set(view, target.length * width);
  }
  target.length += rows;
}
