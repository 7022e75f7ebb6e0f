import { readEpochMillis, readSubMillis } from '../../columns/int64.js';
import { type Column, elementsPerRow, type Schema } from '../../columns/schema.js';
import { describeValue } from '../../core/shown-text.js';
import type { RowColumn } from '../contract/row-writers.js';
import { type FeedBuffer, refused } from './feed-buffer.js';

/** Columns that the buffer fills itself. */
const OWN = ['received', 'untimed'];

/** Copies rows out of whole columns. Everything is checked before the first row is written. */
export function writeRowColumns(
  buffer: FeedBuffer,
  rows: number,
  columns: Readonly<Record<string, RowColumn>>,
): void {
  const { schema } = buffer;
  if (!Number.isSafeInteger(rows) || rows < 0) throw refused(`expected a number of rows, found ${rows}`);
  checkNames(schema, columns);
  const { time, symbol } = columns as { readonly time: RowColumn; readonly symbol: RowColumn };
  const timeAt = readerOfTimes(time, rows);
  const symbols = symbol instanceof Int32Array ? symbol : undefined;
  if (symbols ? symbols.length < rows : typeof symbol !== 'number') {
    throw refused('column "symbol": expected an id of symbolId, or an Int32Array with one for each row');
  }
  const given = schema.columns
    .map((column, at) => ({ column, at, from: columns[column.name] }))
    .filter(({ column: { name } }) => name !== 'time' && name !== 'symbol' && !OWN.includes(name));
  for (const { column, from } of given) checkColumn(column, from, rows);
  const fills = given.map(({ column, at, from }) => {
    return { at, width: elementsPerRow(column.type), from: typeof from === 'number' ? from : wordsOf(from) };
  });
  for (let i = 0; i < rows; i++) {
    timeAt(i);
    const row = buffer.begin(symbols ? symbols[i]! : (symbol as number), instant.ms, instant.sub);
    if (row < 0) continue;
    const { columns: into } = buffer.batch!; // the row is in it
    for (const { at, width, from } of fills) {
      const target = into[at]!;
      if (typeof from === 'number') target[row] = from;
      else for (let word = 0; word < width; word++) target[row * width + word] = from[i * width + word]!;
    }
  }
}

/** The time that was read last, so that none is an object of its own. */
const instant = { ms: 0, sub: 0 };

function readerOfTimes(time: RowColumn, rows: number): (row: number) => void {
  if (time instanceof Float64Array && time.length >= rows) {
    return (row) => {
      const ms = Math.floor(time[row]!);
      instant.ms = ms;
      instant.sub = Number.isNaN(ms) ? 0 : Math.min(999_999, Math.round((time[row]! - ms) * 1e6));
    };
  }
  if (time instanceof BigInt64Array && time.length >= rows) {
    const words = wordsOf(time);
    return (row) => {
      instant.ms = readEpochMillis(words as Int32Array, row);
      instant.sub = readSubMillis(words as Int32Array, row);
    };
  }
  throw refused(
    'column "time": expected a BigInt64Array of ns or a Float64Array of ms, with a time for each row',
  );
}

type Numbers = Float64Array | Int32Array | Uint8Array;

/** The 64-bit numbers of a column as words of 32 bits, as they are kept. */
const wordsOf = (column: RowColumn | undefined): Numbers =>
  column instanceof BigInt64Array
    ? new Int32Array(column.buffer as ArrayBuffer, column.byteOffset, column.length * 2)
    : (column as Numbers); // `checkColumn` has looked

function checkNames({ columns }: Schema, given: Readonly<Record<string, RowColumn>>): void {
  for (const name of Object.keys(given)) {
    if (columns.some((column) => column.name === name) && !OWN.includes(name)) continue;
    const names = columns.map((column) => column.name).filter((own) => !OWN.includes(own));
    throw refused(`expected columns ${names.join(', ')}, found "${name}"`);
  }
}

function checkColumn(
  { name, type, nullable, values = [] }: Column,
  from: RowColumn | undefined,
  rows: number,
): void {
  const array = ARRAYS[type];
  const isNumber = typeof from === 'number' && array !== BigInt64Array;
  if (!isNumber && !(from instanceof array && from.length >= rows)) {
    const found =
      typeof from === 'object' ? `${from.constructor.name} of ${from.length}` : describeValue(from);
    const orNumber = array === BigInt64Array ? '' : 'a number, or ';
    throw refused(`column "${name}": expected ${orNumber}a ${array.name} of ${rows}, found ${found}`);
  }
  for (let i = 0; i < (isNumber ? 1 : rows); i++) {
    const value = isNumber ? from : (from as Numbers)[i]!;
    if (type === 'float64' && !nullable && Number.isNaN(value)) {
      throw refused(`column "${name}": expected a number, found NaN in row ${i}`);
    }
    if (type === 'enum' && !(value < values.length)) {
      throw refused(`column "${name}": expected the index of one of ${values.join(', ')}, found ${value}`);
    }
  }
}

const ARRAYS = {
  float64: Float64Array,
  int64: BigInt64Array,
  timestamp: BigInt64Array,
  int32: Int32Array,
  string: Int32Array,
  enum: Uint8Array,
  boolean: Uint8Array,
} as const;
