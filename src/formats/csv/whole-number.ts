import { TWO_32 } from '../../columns/int64.js';

const MINUS = 45;
const PLUS = 43;
const TWO_16 = 65_536;
/** 2⁶³ as two limbs in base 10⁹. */
const LIMIT_UPPER = 9_223_372_036;
const LIMIT_LOWER = 854_775_808;

/** Parses a whole number, exact up to 2⁵³; NaN if the bytes are not a whole number. */
export function parseWhole(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const sign = bytes[at];
  if (at < end && (sign === MINUS || sign === PLUS)) at++;
  if (at === end) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return sign === MINUS ? 0 - value : value;
}

/**
 * Parses a whole number and writes it as two words, using two doubles as limbs.
 *
 * @returns Whether the bytes are a whole number that fits 64 bits.
 */
export function writeWhole64(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  row: number,
): boolean {
  let at = start;
  const sign = bytes[at];
  if (at < end && (sign === MINUS || sign === PLUS)) at++;
  if (at === end) return false;
  while (at < end - 1 && bytes[at] === 48) at++;
  if (end - at > 19) return false;

  let upper = 0; // counts 10⁹
  let lower = 0;
  const split = Math.max(at, end - 9);
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return false;
    if (at < split) upper = upper * 10 + digit;
    else lower = lower * 10 + digit;
  }
  const negative = sign === MINUS;
  if (upper > LIMIT_UPPER) return false;
  if (upper === LIMIT_UPPER && lower > (negative ? LIMIT_LOWER : LIMIT_LOWER - 1)) return false;

  // upper = a·2¹⁶ + b, so that no product passes 2⁵³.
  const a = Math.floor(upper / TWO_16);
  const b = upper - a * TWO_16;
  const middle = a * 1e9; // counts 2¹⁶
  const middleHigh = Math.floor(middle / TWO_16); // counts 2³²
  const rest = (middle - middleHigh * TWO_16) * TWO_16 + b * 1e9 + lower;
  const carry = Math.floor(rest / TWO_32);
  const low = (rest - carry * TWO_32) | 0;
  const high = (middleHigh + carry) | 0;
  // Two's complement: if low is 0, the carry goes into the high word.
  words[2 * row] = negative ? -low | 0 : low;
  words[2 * row + 1] = negative ? (low === 0 ? -high | 0 : ~high) : high;
  return true;
}
