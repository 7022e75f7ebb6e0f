import { invariant } from '../core/invariant.js';
import { cutText } from '../core/shown-text.js';
import type { Batch } from './batch.js';
import { NO_STRING } from './dictionary.js';
import { readInt64, writeInt64 } from './int64.js';
import type { Column, ColumnData, Schema } from './schema.js';

/** A value as its type has it: timestamps and int64 are bigints, strings and enums strings. `null`: none. */
export type RowValue = number | string | bigint | boolean | null;

/** A row by column names. Timestamps and int64 are bigints, strings and enums are strings. */
export type Row = Record<string, RowValue>;

/**
 * Reads and writes a batch row by row, for code that does not need the speed of columns. One object
 * serves all rows: `at(row)` moves it, so copy values out of it, and never keep it. It throws once
 * the batch is released.
 *
 * Writing a value that the column cannot hold throws a `TypeError`.
 *
 * Each value costs a property access and, for strings and timestamps, a look-up or a bigint: about
 * ten times as much as a loop over columns.
 */
export class RowView {
  readonly row: Row;
  readonly #cursor: Cursor;

  constructor(schema: Schema) {
    this.#cursor = { batch: undefined, columns: [], row: 0 };
    this.row = {};
    schema.columns.forEach((column, index) => {
      Object.defineProperty(this.row, column.name, {
        enumerable: true,
        ...accessors(this.#cursor, column, index),
      });
    });
  }

  /** Moves the view to the first row of a batch, which must have the schema of the view. */
  over(batch: Batch): this {
    invariant(batch.selection === undefined, 'rows are viewed where they stand together');
    this.#cursor.batch = batch;
    this.#cursor.columns = batch.columns;
    this.#cursor.row = 0;
    return this;
  }

  /** Moves to a row, counted from 0, and gives the one object that shows it. */
  at(row: number): Row {
    this.#cursor.row = row;
    return this.row;
  }
}

/** Yields all rows of a batch in turn, in the same object. */
export function* rowsOf(batch: Batch, view = new RowView(batch.schema)): Generator<Row> {
  view.over(batch);
  for (let row = 0; row < batch.length; row++) yield view.at(row);
}

/** Copies a row, so that it can be kept. */
export const copyRow = (row: Row): Row => ({ ...row });

interface Cursor {
  batch: Batch | undefined;
  columns: ColumnData[];
  row: number;
}

interface Accessors {
  get(): RowValue;
  set(value: RowValue): void;
}

function accessors(cursor: Cursor, column: Column, index: number): Accessors {
  const data = <T extends ColumnData>() => cursor.columns[index] as T;
  const { nullable = false } = column;
  switch (column.type) {
    case 'timestamp':
    case 'int64':
      return {
        get: () => readInt64(data<Int32Array>(), cursor.row),
        set: (value) => {
          const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value);
          const wide = isWhole ? BigInt(value as bigint) : undefined;
          if (wide === undefined || BigInt.asIntN(64, wide) !== wide) {
            refuse(column, 'a bigint or whole number that fits 64 bits', value);
          }
          writeInt64(data<Int32Array>(), cursor.row, wide);
        },
      };
    case 'float64':
      return {
        get: () => {
          const value = data<Float64Array>()[cursor.row]!;
          return Number.isNaN(value) ? null : value;
        },
        set: (value) => {
          if (typeof value === 'number') data<Float64Array>()[cursor.row] = value;
          else if (value === null && nullable) data<Float64Array>()[cursor.row] = Number.NaN;
          else refuse(column, nullable ? 'a number or null' : 'a number', value);
        },
      };
    case 'int32':
      return {
        get: () => data<Int32Array>()[cursor.row]!,
        set: (value) => {
          if (typeof value !== 'number' || (value | 0) !== value) {
            refuse(column, 'a whole number that fits 32 bits', value);
          }
          data<Int32Array>()[cursor.row] = value;
        },
      };
    case 'string':
      return {
        get: () => cursor.batch!.dictionary(column).at(data<Int32Array>()[cursor.row]!),
        set: (value) => {
          const words = data<Int32Array>();
          if (typeof value === 'string') words[cursor.row] = cursor.batch!.dictionary(column).idOf(value);
          else if (value === null && nullable) words[cursor.row] = NO_STRING;
          else refuse(column, nullable ? 'a string or null' : 'a string', value);
        },
      };
    case 'enum': {
      const values = column.values ?? [];
      return {
        get: () => values[data<Uint8Array>()[cursor.row]!] ?? null,
        set: (value) => {
          const code = values.indexOf(value as string);
          if (code < 0) refuse(column, `one of ${values.join(', ')}`, value);
          data<Uint8Array>()[cursor.row] = code;
        },
      };
    }
    case 'boolean':
      return {
        get: () => data<Uint8Array>()[cursor.row] !== 0,
        set: (value) => {
          if (typeof value !== 'boolean') refuse(column, 'true or false', value);
          data<Uint8Array>()[cursor.row] = value ? 1 : 0;
        },
      };
  }
}

/** Reports a bad value from user code, which a typed array would silently convert. */
function refuse({ name, nullable = false }: Column, expected: string, value: unknown): never {
  const found = typeof value === 'string' ? JSON.stringify(cutText(value, 40)) : String(value);
  const hint = value === null && !nullable ? ' (the column is not nullable)' : '';
  throw new TypeError(`column "${name}": expected ${expected}, found ${found}${hint}`);
}
