import { invariant } from '../core/invariant.js';
import { BatchMemory } from './batch-memory.js';
import type { PlacedControl } from './control-record.js';
import type { Dictionary, DictionarySet } from './dictionary.js';
import { failReleased } from './released-batch.js';
import type { RowOrigin } from './row-origin.js';
import { type Column, type ColumnData, columnIndex, elementsPerRow, type Schema } from './schema.js';

/**
 * Rows as columns, with the control records that stand between them.
 *
 * **Who owns a batch.** Exactly one holder at a time: whoever receives it may change it, and either
 * passes it on or releases it, once. After that it is dead for good: each use of it fails at once.
 * Its memory is used again by a batch of its own, so that nobody reads somebody else's rows. Only a
 * typed array that was taken out of it cannot be taken back: do not keep one.
 *
 * Not shared between threads.
 */
export class Batch {
  readonly schema: Schema;
  readonly capacity: number;
  readonly dictionaries: DictionarySet;
  /** Where its rows were read, if its source can tell and they still stand where it put them. */
  origin: RowOrigin | undefined;
  #length = 0;
  #selection: Int32Array | undefined;
  #controls: PlacedControl[] = [];
  /** Gone once it is released. */
  #memory: BatchMemory | undefined;

  /**
   * Batches of a pool come from its `acquire`; one that is made here keeps its memory to itself.
   *
   * @param capacity - Rows that it has room for.
   * @param memory - For the pool alone.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` when the pipeline may not have the memory for it.
   */
  constructor(
    schema: Schema,
    capacity: number,
    dictionaries: DictionarySet,
    memory: BatchMemory = new BatchMemory(schema, capacity, dictionaries.memory),
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

  /** In the order of the schema. Elements past the length are rubbish. */
  get columns(): ColumnData[] {
    if (this.#memory === undefined) failReleased();
    return this.#memory.columns;
  }

  /**
   * Where each row stands in the columns, ascending, when rows were selected and not yet moved
   * together (`selection.ts`). `undefined`: row `i` stands at `i`. Only operators that say so
   * (`takesSelections`) are given such batches; sources, batchers and sinks never see one.
   */
  get selection(): Int32Array | undefined {
    if (this.#memory === undefined) failReleased();
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    if (this.#memory === undefined) failReleased();
    this.#selection = selection;
  }

  /** Memory for `selection`, kept for the next time. For `selection.ts` alone. */
  get selectionMemory(): Int32Array | undefined {
    if (this.#memory === undefined) failReleased();
    return this.#memory.selection;
  }

  set selectionMemory(selection: Int32Array | undefined) {
    if (this.#memory === undefined) failReleased();
    this.#memory.selection = selection;
  }

  /** In order of `row`. */
  get controls(): PlacedControl[] {
    if (this.#memory === undefined) failReleased();
    return this.#controls;
  }

  set controls(controls: PlacedControl[]) {
    if (this.#memory === undefined) failReleased();
    this.#controls = controls;
  }

  /** No rows and no control records. */
  get isEmpty(): boolean {
    return this.length === 0 && this.controls.length === 0;
  }

  get isReleased(): boolean {
    return this.#memory === undefined;
  }

  /** Values of a float64; null is NaN. */
  float64(name: string): Float64Array {
    const data = this.column(name);
    invariant(data instanceof Float64Array, `column "${name}" is float64`);
    return data;
  }

  /** Words of a timestamp or int64, values of an int32, ids of a string. */
  int32(name: string): Int32Array {
    const data = this.column(name);
    invariant(data instanceof Int32Array, `column "${name}" is held in 32-bit integers`);
    return data;
  }

  /** Indexes of an enum, 0 or 1 of a boolean. */
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

  /** Ends the caller's ownership, and this batch. */
  release(): void {
    const memory = this.#memory;
    invariant(memory !== undefined, 'a batch is released once');
    this.#memory = undefined;
    this.#selection = undefined;
    this.origin = undefined;
    memory.release();
  }
}

/** Ends what a step that failed has left behind. */
export function releaseAll(batches: readonly Batch[]): void {
  for (const batch of batches) if (!batch.isReleased) batch.release();
}

/**
 * Gives column `to` of one batch the memory of column `from` of the other, and the reverse: hands a
 * column on without a copy. Both must hold the same type at the same capacity.
 */
export function swapColumns(source: Batch, from: number, target: Batch, to: number): void {
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
 * Appends rows `start` to `end` of `source` to `target`, of an equal schema. Controls stay behind.
 * Copies memory a column at a time.
 */
export function appendRows(source: Batch, start: number, end: number, target: Batch): void {
  const rows = end - start;
  invariant(source.selection === undefined, 'appended rows stand together');
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
