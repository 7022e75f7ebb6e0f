import type { Schema as ArrowSchema, Data, DataType, Field, RecordBatch, Table } from 'apache-arrow';
import { assertMapping, lackingMethods } from '../../core/assert-argument.js';
import { InvalidOptionsError, PipelineError } from '../../core/errors.js';
import { cutText } from '../../core/shown-text.js';
import { Batch } from '../batch.js';
import { type Dictionary, DictionarySet, NO_STRING } from '../dictionary.js';
import { asBigInt64Array } from '../int64.js';
import { type Column, type ColumnData, elementsPerRow, type RowKind, type Schema } from '../schema.js';
import { type Arrow, loadArrow } from './load-arrow.js';

/** What Arrow's rows do not say. */
export interface FromArrowOptions {
  /** Dictionaries for the strings. Default: new ones. */
  readonly dictionaries?: DictionarySet;
  /** Default: the kind recorded by `toArrow`, else `custom`. */
  readonly kind?: RowKind;
}

/**
 * Copies an Arrow record batch or table into one batch, owned by the caller. It copies one column at
 * a time. Dictionary-encoded strings cost a look-up per distinct string, plain strings one per row.
 * Timestamps of any unit become nanoseconds; integers and floats become int32, int64 or float64.
 *
 * @throws {PipelineError} `INPUT_UNREADABLE` naming a column whose type batches do not have, whose
 *   nulls its type does not allow, or with a value that does not fit.
 * @throws {InvalidOptionsError} if `rows` is not a record batch or table of Arrow, or `options` is not an
 *   object.
 * @throws {PipelineError} `PEER_MISSING` without the package `apache-arrow`.
 */
export async function fromArrow(rows: RecordBatch | Table, options: FromArrowOptions = {}): Promise<Batch> {
  assertMapping('fromArrow', options);
  const problems = lackingMethods(ROWS, rows ?? null);
  if (problems.length > 0) throw new InvalidOptionsError('fromArrow', problems);
  const arrow = await loadArrow();
  const schema = batchSchema(arrow, rows.schema, options.kind);
  const dictionaries = options.dictionaries ?? new DictionarySet();
  const batch = new Batch(schema, Math.max(1, rows.numRows), dictionaries);
  schema.columns.forEach((column, i) => {
    const vector = rows.getChildAt(i);
    let at = 0;
    for (const data of vector?.data ?? []) {
      copyColumn(arrow, column, data, batch.columns[i]!, at, batch.dictionary(column));
      at += data.length;
    }
  });
  batch.length = rows.numRows;
  return batch;
}

const ROWS = { key: 'rows', what: 'a RecordBatch or a Table of Arrow', methods: ['getChildAt'] };

const KINDS: readonly string[] = ['quote', 'trade', 'bar', 'book', 'custom'] satisfies RowKind[];

function batchSchema(arrow: Arrow, schema: ArrowSchema, kind: RowKind | undefined): Schema {
  const noted = schema.metadata.get('tickloom.kind');
  return {
    kind: kind ?? (noted !== undefined && KINDS.includes(noted) ? (noted as RowKind) : 'custom'),
    columns: schema.fields.map((field) => columnOf(arrow, field)),
  };
}

function columnOf(arrow: Arrow, { name, type, nullable }: Field): Column {
  const { DataType: is } = arrow;
  const optional = nullable ? { nullable } : {};
  if (is.isTimestamp(type)) return { name, type: 'timestamp' };
  if (is.isFloat(type)) return { name, type: 'float64', ...optional };
  if (is.isInt(type)) {
    const fits = type.bitWidth < 32 || (type.bitWidth === 32 && type.isSigned);
    return { name, type: fits ? 'int32' : 'int64' };
  }
  if (is.isBool(type)) return { name, type: 'boolean' };
  if (is.isUtf8(type) || is.isLargeUtf8(type)) return { name, type: 'string', ...optional };
  if (is.isDictionary(type) && (is.isUtf8(type.dictionary) || is.isLargeUtf8(type.dictionary))) {
    return { name, type: 'string', ...optional };
  }
  throw new PipelineError(
    'INPUT_UNREADABLE',
    `Column "${cutText(name)}": expected a timestamp, number, boolean or string column, found ${String(type)}`,
  );
}

function copyColumn(
  arrow: Arrow,
  column: Column,
  data: Data<DataType>,
  target: ColumnData,
  at: number,
  dictionary: Dictionary,
): void {
  if (data.nullCount > 0 && column.type !== 'float64' && column.type !== 'string') {
    throw new PipelineError(
      'INPUT_UNREADABLE',
      `Column "${column.name}": expected a value in every row, as ${column.type} columns have no nulls, ` +
        `found ${data.nullCount} without`,
    );
  }
  const { type } = data;
  if (arrow.DataType.isDictionary(type)) {
    copyCodes(data, target as Int32Array, at, dictionary);
    return;
  }
  if (sharesLayout(arrow, column, data)) {
    const width = elementsPerRow(column.type);
    const values = data.values as ArrayBufferView & { readonly length: number };
    // `values` already starts at the first row of the slice.
    const source = new (target.constructor as new (b: ArrayBufferLike, o: number, n: number) => ColumnData)(
      values.buffer,
      values.byteOffset,
      data.length * width,
    );
    target.set(source, at * width);
    if (column.type === 'float64' && data.nullCount > 0) {
      for (let row = 0; row < data.length; row++) {
        if (!data.getValid(row)) target[at + row] = Number.NaN;
      }
    }
    return;
  }
  copyValues(arrow, column, data, target, at, dictionary);
}

function sharesLayout(arrow: Arrow, column: Column, { type }: Data<DataType>): boolean {
  const { DataType: is } = arrow;
  if (is.isTimestamp(type)) return type.unit === arrow.TimeUnit.NANOSECOND;
  if (is.isFloat(type)) return type.precision === arrow.Precision.DOUBLE;
  if (!is.isInt(type)) return false;
  return (
    (column.type === 'int32' && type.bitWidth === 32) ||
    (column.type === 'int64' && type.bitWidth === 64 && type.isSigned)
  );
}

function copyCodes(data: Data<DataType>, target: Int32Array, at: number, dictionary: Dictionary): void {
  const strings = data.dictionary;
  const ids = new Int32Array(strings?.length ?? 0);
  for (let code = 0; code < ids.length; code++) {
    const value = strings!.get(code) as string | null;
    ids[code] = value === null ? NO_STRING : dictionary.idOf(value);
  }
  const codes = data.values as ArrayLike<number | bigint>;
  const hasNulls = data.nullCount > 0;
  for (let row = 0; row < data.length; row++) {
    target[at + row] = hasNulls && !data.getValid(row) ? NO_STRING : (ids[Number(codes[row])] ?? NO_STRING);
  }
}

/** Copies value by value what cannot be copied as memory. */
function copyValues(
  arrow: Arrow,
  column: Column,
  data: Data<DataType>,
  target: ColumnData,
  at: number,
  dictionary: Dictionary,
): void {
  const vector = arrow.makeVector(data);
  const scale = arrow.DataType.isTimestamp(data.type) ? nanosPer(arrow, data.type.unit) : 1n;
  const raw = data.values as ArrayLike<number | bigint>;
  const wide =
    column.type === 'timestamp' || column.type === 'int64'
      ? asBigInt64Array(target as Int32Array)
      : undefined;
  for (let row = 0; row < data.length; row++) {
    if (wide) wide[at + row] = exact(column, BigInt(raw[row]!) * scale);
    else if (column.type === 'string') {
      const value = vector.get(row) as string | null;
      target[at + row] = value === null ? NO_STRING : dictionary.idOf(value);
    } else {
      const value = vector.get(row) as number | boolean | null;
      target[at + row] = value === null ? Number.NaN : Number(value);
    }
  }
}

/** @throws {PipelineError} `INPUT_UNREADABLE` if the value does not fit 64 signed bits. */
function exact({ name, type }: Column, value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  const expected =
    type === 'timestamp' ? 'an instant between the years 1677 and 2262' : 'an integer below 2^63';
  const found = type === 'timestamp' ? `${value} ns since 1970` : String(value);
  throw new PipelineError(
    'INPUT_UNREADABLE',
    `Column "${cutText(name)}": expected ${expected}, found ${found}`,
  );
}

function nanosPer(arrow: Arrow, unit: number): bigint {
  if (unit === arrow.TimeUnit.SECOND) return 1_000_000_000n;
  if (unit === arrow.TimeUnit.MILLISECOND) return 1_000_000n;
  return unit === arrow.TimeUnit.MICROSECOND ? 1_000n : 1n;
}
