import type { Instant } from './instants.js';
import { compareInt64 } from './int64.js';
import type { ColumnData, ColumnType, Schema } from './schema.js';

const NUMBERS: readonly ColumnType[] = ['int64', 'int32', 'float64'];

/** Index of the column `sequence`, by which rows of one instant are ordered; −1 if there is none of numbers. */
export function sequenceIndex({ columns }: Schema): number {
  return columns.findIndex(({ name, type }) => name === 'sequence' && NUMBERS.includes(type));
}

/** Reads a sequence as words that are in its order, first the high one (signed), then the low one (unsigned). */
export type SequenceReader = (column: ColumnData, row: number, to: Instant) => void;

/** @param type - Of a column at `sequenceIndex`. */
export function sequenceReader(type: ColumnType): SequenceReader {
  if (type === 'float64') return readDouble;
  return type === 'int32' ? readInt32 : readWords;
}

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

/** The bits of doubles are in their order, but those of negative ones are in reverse. NaN, which is null, is last. */
function readDouble(column: ColumnData, row: number, to: Instant): void {
  double[0] = column[row]! + 0; // −0 is 0
  const high = words[1]!;
  to.high = high < 0 ? high ^ 0x7fff_ffff : high;
  to.low = (high < 0 ? ~words[0]! : words[0]!) >>> 0;
}

function readInt32(column: ColumnData, row: number, to: Instant): void {
  const value = column[row]!;
  to.high = value < 0 ? -1 : 0;
  to.low = value >>> 0;
}

function readWords(column: ColumnData, row: number, to: Instant): void {
  to.high = column[2 * row + 1]!;
  to.low = column[2 * row]! >>> 0;
}

/** Compares the sequences of two rows, which may be of two columns: negative, 0 or positive. The order is that of their words. */
export type SequenceComparer = (a: ColumnData, i: number, b: ColumnData, j: number) => number;

/** @param type - Of columns at `sequenceIndex`. */
export function sequenceComparer(type: ColumnType): SequenceComparer {
  if (type === 'float64') return compareDoubles;
  return type === 'int32' ? compareInts : compareWords;
}

function compareDoubles(a: ColumnData, i: number, b: ColumnData, j: number): number {
  const first = a[i]!;
  const second = b[j]!;
  if (first < second) return -1;
  if (first > second) return 1;
  return Number(Number.isNaN(first)) - Number(Number.isNaN(second));
}

const compareInts: SequenceComparer = (a, i, b, j) => a[i]! - b[j]!;

const compareWords: SequenceComparer = (a, i, b, j) => compareInt64(a as Int32Array, i, b as Int32Array, j);
