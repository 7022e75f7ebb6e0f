/**
 * Write numbers as ASCII directly into bytes, without making strings. Each function writes at `at` and
 * returns the position after the number. The caller makes room (`NUMBER_BYTES_MAX`).
 */

/** Longest text of a double (`-1.7976931348623157e+308` has 24) or a 64-bit integer (20). */
export const NUMBER_BYTES_MAX = 32;

const ZERO = 48;
const MINUS = 45;
const POINT = 46;
/** Below this, an integer has at most 15 digits, and sums and products of its parts are exact. */
const EXACT_MAX = 1e15;

/**
 * Writes the shortest text that reads back as the same double, −0 included.
 *
 * Prices are decimals. If a double equals r ÷ 10ⁿ with an integer r below 10¹⁵, exactly one decimal of
 * at most 15 digits reads back as this double, so that decimal is the shortest.
 *
 * @param value - Finite.
 */
export function writeDouble(bytes: Uint8Array, at: number, value: number): number {
  let magnitude = value;
  if (value < 0 || Object.is(value, -0)) {
    bytes[at++] = MINUS;
    magnitude = -value;
  }
  if (magnitude < EXACT_MAX) {
    if (Math.floor(magnitude) === magnitude) return writeUnsigned(bytes, at, magnitude);
    const hundredThousandths = Math.round(magnitude * 1e5);
    if (hundredThousandths / 1e5 === magnitude && hundredThousandths < EXACT_MAX) {
      return writeDecimal(bytes, at, hundredThousandths, 1e5, 5);
    }
    const hundredMillionths = Math.round(magnitude * 1e8);
    if (hundredMillionths / 1e8 === magnitude && hundredMillionths < EXACT_MAX) {
      return writeDecimal(bytes, at, hundredMillionths, 1e8, 8);
    }
  }
  return writeAscii(bytes, at, String(magnitude));
}

/** @param value - An integer, 0 or above, at most 2⁵³. */
export function writeUnsigned(bytes: Uint8Array, at: number, value: number): number {
  if (value < 1e9) return writeSmall(bytes, at, value | 0);
  const upper = Math.floor(value / 1e9);
  at = upper < 1e9 ? writeSmall(bytes, at, upper) : writeUnsigned(bytes, at, upper);
  return writePadded(bytes, at, (value - upper * 1e9) | 0, 9);
}

/** @param value - An integer, |value| ≤ 2⁵³. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeUnsigned(bytes, at, value);
  bytes[at] = MINUS;
  return writeUnsigned(bytes, at + 1, -value);
}

/** Writes a 64-bit integer from its words. */
export function writeInt64(bytes: Uint8Array, at: number, low: number, high: number): number {
  // |value| < 2⁵³: the sum is exact.
  if (high >= -0x20_0000 && high < 0x20_0000)
    return writeInteger(bytes, at, high * 4_294_967_296 + (low >>> 0));
  return writeAscii(bytes, at, String((BigInt(high) << 32n) | BigInt(low >>> 0)));
}

/** Writes `width` digits, with leading zeros. @param value - Below 10^`width`. */
export function writePadded(bytes: Uint8Array, at: number, value: number, width: number): number {
  for (let i = at + width - 1; i >= at; i--) {
    const tenth = (value / 10) | 0;
    bytes[i] = ZERO + value - tenth * 10;
    value = tenth;
  }
  return at + width;
}

export function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function writeSmall(bytes: Uint8Array, at: number, value: number): number {
  let width = 1;
  if (value >= 1e4) {
    width = value >= 1e6 ? (value >= 1e8 ? 9 : value >= 1e7 ? 8 : 7) : value >= 1e5 ? 6 : 5;
  } else if (value >= 10) {
    width = value >= 1e3 ? 4 : value >= 100 ? 3 : 2;
  }
  return writePadded(bytes, at, value, width);
}

function writeDecimal(
  bytes: Uint8Array,
  at: number,
  scaled: number,
  scale: number,
  decimals: number,
): number {
  const whole = Math.floor(scaled / scale);
  at = writeUnsigned(bytes, at, whole);
  bytes[at] = POINT;
  at = writePadded(bytes, at + 1, (scaled - whole * scale) | 0, decimals);
  while (bytes[at - 1] === ZERO) at--;
  return at;
}
