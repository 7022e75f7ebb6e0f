import { readEpochMillis, readSubMillis, writeEpochMillis } from '../../columns/int64.js';
import { type Column, columnIndex, elementsPerRow, type Schema } from '../../columns/schema.js';
import { describeValue } from '../../core/shown-text.js';
import type { RowColumn } from '../contract/row-writers.js';
import type { FeedBuffer } from './feed-buffer.js';
import { refused, refuseUntimed } from './refused.js';

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
  const { symbols } = checkSymbols(buffer, symbol, rows);
  checkTimes(buffer, time, rows);
  const given = schema.columns
    .map((column, at) => ({ column, at, from: columns[column.name] }))
    .filter(({ column: { name } }) => !NOT_COPIED.includes(name));
  for (const { column, from } of given) checkColumn(column, from, rows);
  const fills = given.map(({ column, at, from }) => {
    return { at, width: elementsPerRow(column.type), from: typeof from === 'number' ? from : wordsOf(from) };
  });
  const timeAt = columnIndex(schema, 'time');
  const symbolAt = columnIndex(schema, 'symbol');
  const untimedAt = columnIndex(schema, 'untimed');
  for (let first = 0; first < rows; ) {
    const count = buffer.beginMany(rows - first);
    if (count < 0) return;
    if (count === 0) {
      const { ms, sub } = instantOf(buffer, time, first);
      buffer.drop(typeof symbols === 'number' ? symbols : symbols[first]!, ms, sub);
      first++;
      continue;
    }
    const into = buffer.batch!.columns; // there is one where there is room
    const row = buffer.rowsInBatch;
    copyTimes(buffer, time, first, count, into[timeAt] as Int32Array, row);
    copy(symbols, 1, first, count, into[symbolAt]!, row);
    for (const { at, width, from } of fills) copy(from, width, first, count, into[at]!, row);
    if (untimedAt >= 0) {
      const untimed = into[untimedAt]!;
      for (let i = 0; i < count; i++) untimed[row + i] = hasNoTime(time, first + i) ? 1 : 0;
    }
    buffer.endMany(count);
    first += count;
  }
}

const NOT_COPIED = ['time', 'symbol', ...OWN];

function copy(
  from: number | Numbers,
  width: number,
  first: number,
  count: number,
  into: Numbers,
  row: number,
) {
  if (typeof from === 'number') into.fill(from, row * width, (row + count) * width);
  else into.set(from.subarray(first * width, (first + count) * width), row * width);
}

function copyTimes(
  buffer: FeedBuffer,
  time: RowColumn,
  first: number,
  count: number,
  into: Int32Array,
  row: number,
): void {
  if (time instanceof BigInt64Array) {
    copy(wordsOf(time), 2, first, count, into, row);
    return;
  }
  for (let i = 0; i < count; i++) {
    const { ms, sub } = instantOf(buffer, time, first + i);
    writeEpochMillis(into, row + i, ms, sub);
  }
}

/** The instant that was read last, so that none is an object of its own. */
const instant = { ms: 0, sub: 0 };

function instantOf(buffer: FeedBuffer, time: RowColumn, row: number): typeof instant {
  if (time instanceof BigInt64Array) {
    const words = wordsOf(time) as Int32Array;
    instant.ms = readEpochMillis(words, row);
    instant.sub = readSubMillis(words, row);
    return instant;
  }
  const given = (time as Float64Array)[row]!; // `checkTimes` has looked
  const ms = Math.floor(given);
  const isUntimed = Number.isNaN(given);
  instant.ms = isUntimed ? buffer.receivedMs() : ms;
  instant.sub = isUntimed ? buffer.receivedSub : Math.min(999_999, Math.round((given - ms) * 1e6));
  return instant;
}

const hasNoTime = (time: RowColumn, row: number): boolean =>
  time instanceof Float64Array && Number.isNaN(time[row]);

function checkTimes(buffer: FeedBuffer, time: RowColumn, rows: number): void {
  if (time instanceof BigInt64Array && time.length >= rows) {
    const words = wordsOf(time) as Int32Array;
    for (let row = 0; row < rows; row++) {
      const ms = readEpochMillis(words, row);
      if (buffer.isPlausible(ms)) continue;
      throw refused(`column "time": expected ns since 1970, found ${time[row]} in row ${row}`);
    }
    return;
  }
  if (!(time instanceof Float64Array) || time.length < rows) {
    throw refused(
      'column "time": expected a BigInt64Array of ns or a Float64Array of ms, with a time for each row',
    );
  }
  for (let row = 0; row < rows; row++) {
    if (buffer.needsTimes && Number.isNaN(time[row]!)) refuseUntimed();
    if (!Number.isNaN(time[row]!) && !buffer.isPlausible(time[row]!)) {
      throw refused(`column "time": expected ms since 1970, found ${time[row]} in row ${row}`);
    }
  }
}

function checkSymbols(buffer: FeedBuffer, symbol: RowColumn, rows: number) {
  const ids = symbol instanceof Int32Array ? symbol : undefined;
  if (ids ? ids.length < rows : typeof symbol !== 'number') {
    throw refused('column "symbol": expected an id of symbolId, or an Int32Array with one for each row');
  }
  const known = buffer.symbols.size;
  for (let row = 0; row < (ids ? rows : 1); row++) {
    const id = ids ? ids[row]! : (symbol as number);
    if (id >>> 0 !== id || id >= known) {
      throw refused(`column "symbol": expected ids as symbolId returns them, found ${id} in row ${row}`);
    }
  }
  return { symbols: ids ?? (symbol as number) };
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
    if (type === 'float64' && !Number.isFinite(value) && !(nullable && Number.isNaN(value))) {
      throw refused(`column "${name}": expected a number, found ${value} in row ${i}`);
    }
    if (type === 'int32' && ((value | 0) !== value || value < 0)) {
      throw refused(`column "${name}": expected a whole number of 0 to 2147483647, found ${value}`);
    }
    if (type === 'enum' && (value >>> 0 !== value || value >= values.length)) {
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
