import type { PlacedControl } from './control-record.js';
import type { Dictionary, DictionarySet } from './dictionary.js';
import { invariant } from './invariant.js';
import type { RowOrigin } from './row-origin.js';
import {
  allocateColumn,
  type Column,
  type ColumnData,
  columnIndex,
  elementsPerRow,
  type Schema,
} from './schema.js';

const RELEASED: ColumnData[] = [];

/**
 * Rows as columns, with the control records that stand between them.
 *
 * **Who owns a batch.** Exactly one holder at a time: whoever receives it may change it, and either
 * passes it on or releases it, once. After that it must not be touched: its columns are gone, so
 * that a late use fails at once and not as somebody else's rows.
 *
 * Not shared between threads; columns are (see `protocol/`).
 */
export class Batch {
  readonly schema: Schema;
  readonly capacity: number;
  readonly dictionaries: DictionarySet;
  /** Rows in use, at most `capacity`. */
  length = 0;
  /** In the order of the schema. Elements past the length are rubbish. */
  columns: ColumnData[];
  /**
   * Where each row stands in the columns, ascending, when rows were selected and not yet moved
   * together (`selection.ts`). `undefined`: row `i` stands at `i`. Only operators that say so
   * (`takesSelections`) are given such batches; sources, batchers and sinks never see one.
   */
  places: Int32Array | undefined;
  /** Memory for `places`, kept for the next time. For `selection.ts` alone. */
  placesMemory: Int32Array | undefined;
  /** In order of `row`. */
  controls: PlacedControl[] = [];
  /** Where its rows were read, if its source can tell and they still stand where it put them. */
  origin: RowOrigin | undefined;
  readonly #home: BatchHome | undefined;
  readonly #columns: ColumnData[];

  constructor(schema: Schema, capacity: number, dictionaries: DictionarySet, home?: BatchHome) {
    this.schema = schema;
    this.capacity = capacity;
    this.dictionaries = dictionaries;
    this.#home = home;
    this.#columns = schema.columns.map(({ type }) => allocateColumn(type, capacity));
    this.columns = this.#columns;
  }

  /** No rows and no control records. */
  get isEmpty(): boolean {
    return this.length === 0 && this.controls.length === 0;
  }

  get isReleased(): boolean {
    return this.columns === RELEASED;
  }

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

  column(name: string): ColumnData {
    invariant(!this.isReleased, 'a batch is not used after its release');
    const data = this.columns[columnIndex(this.schema, name)];
    invariant(data !== undefined, `the batch has a column "${name}"`);
    return data;
  }

  dictionary(column: Column): Dictionary {
    return this.dictionaries.get(column.dictionary ?? column.name);
  }

  /** Ends the caller's ownership. */
  release(): void {
    invariant(!this.isReleased, 'a batch is released once');
    this.columns = RELEASED;
    this.length = 0;
    this.places = undefined;
    this.origin = undefined;
    if (this.controls.length > 0) this.controls = [];
    this.#home?.takeBack(this);
  }

  /** For the pool alone. */
  revive(): void {
    this.columns = this.#columns;
  }
}

/** Where a released batch goes. */
export interface BatchHome {
  takeBack(batch: Batch): void;
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
  invariant(source.places === undefined, 'appended rows stand together');
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
