/**
 * 64-bit integers as pairs of 32-bit words, so that kernels never make a bigint per row.
 *
 * Row `i` of a column is `words[2i]` (low, read as unsigned) and `words[2i + 1]` (high, signed):
 * the memory of an Arrow Int64 or Timestamp column on a little-endian machine, and of a
 * `BigInt64Array` over the same buffer.
 */
import type { Nanos } from '../core/units.js';

/** The value of one unit of the high word. */
export const TWO_32 = 4_294_967_296;
const TWO_16 = 65_536;

/** The whole number in a row of an int64 column. */
export function readInt64(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1]!) << 32n) | BigInt(words[2 * row]! >>> 0);
}

/**
 * Writes a whole number of 64 bits into a row.
 *
 * @param value - A whole number; what is beyond 64 bits is cut off.
 */
export function writeInt64(words: Int32Array, row: number, value: bigint): void {
  words[2 * row] = Number(value & 0xffff_ffffn) | 0;
  words[2 * row + 1] = Number(value >> 32n);
}

/** The instant in a row of a timestamp column: nanoseconds since 1970. */
export const readNanos = (words: Int32Array, row: number): Nanos => readInt64(words, row) as Nanos;

/**
 * Writes `epochMs` × 10⁶ + `subNanos` exactly, using doubles only.
 *
 * @param epochMs - Whole milliseconds since 1970, |epochMs| < 2⁴³ (the years 1691 to 2248).
 * @param subNanos - 0 to 999,999. Default: 0.
 */
export function writeEpochMillis(words: Int32Array, row: number, epochMs: number, subNanos = 0): void {
  // ms = a·2¹⁶ + b, so that no product passes 2⁵³.
  const a = Math.floor(epochMs / TWO_16);
  const b = epochMs - a * TWO_16;
  const upper = a * 1e6; // counts 2¹⁶
  const upperHigh = Math.floor(upper / TWO_16); // counts 2³²
  const rest = (upper - upperHigh * TWO_16) * TWO_16 + b * 1e6 + subNanos;
  const carry = Math.floor(rest / TWO_32);
  words[2 * row] = (rest - carry * TWO_32) | 0;
  words[2 * row + 1] = upperHigh + carry;
}

/** Reads whole milliseconds since 1970 (rounded down), exactly. */
export function readEpochMillis(words: Int32Array, row: number): number {
  const high = words[2 * row + 1]!;
  // 2³² = 4294·10⁶ + 967296
  return high * 4_294 + Math.floor((high * 967_296 + (words[2 * row]! >>> 0)) / 1e6);
}

/** Reads the nanoseconds past the millisecond of `readEpochMillis`, 0 to 999,999. */
export function readSubMillis(words: Int32Array, row: number): number {
  const rest = words[2 * row + 1]! * 967_296 + (words[2 * row]! >>> 0);
  return rest - Math.floor(rest / 1e6) * 1e6;
}

/** Returns a negative number, 0 or a positive number, as row `i` of `a` is below, equal to or above row `j` of `b`. */
export function compareInt64(a: Int32Array, i: number, b: Int32Array, j: number): number {
  return a[2 * i + 1]! - b[2 * j + 1]! || (a[2 * i]! >>> 0) - (b[2 * j]! >>> 0);
}

/** The words of a column as one bigint array over the same memory. */
export function asBigInt64Array(words: Int32Array): BigInt64Array {
  return new BigInt64Array(words.buffer as ArrayBuffer, words.byteOffset, words.length >> 1);
}
