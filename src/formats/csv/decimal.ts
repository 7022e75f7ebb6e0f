/** Powers of ten that a double holds exactly. */
export const EXACT_TENS: Float64Array = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const MINUS = 45;
const PLUS = 43;
const DOT = 46;
const LETTER_E = 101;
const TO_LOWER = 32;
/** Digits that always fit the 53 exact bits of a double. */
const EXACT_DIGITS = 15;
/** Digits that fit a pair of doubles. Enough for printed doubles, which have at most 17. */
const LONG_DIGITS = 19;

/**
 * Parses a decimal text, times 10^-`tenths`, correctly rounded: equal to `Number(text)` if `tenths` is
 * 0. With at most 15 digits and an exact power of ten, one division or multiplication of exact doubles
 * rounds once, hence correctly (Clinger 1990). Up to 19 digits are divided as pairs of doubles; the
 * rest goes through `Number`.
 *
 * @param tenths - Shifts the decimal point to the left, exactly.
 * @returns NaN if the bytes are not a decimal number (empty, hexadecimal, `inf`, a stray sign or
 *   blank), or if it is too large for a double.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number, tenths: number): number {
  let at = start;
  const sign = bytes[at];
  if (at < end && (sign === MINUS || sign === PLUS)) at++;

  let mantissa = 0;
  let tail = 0; // the digits after those of the mantissa
  let digits = 0; // significant digits
  let seen = 0;
  let exponent = -tenths;
  let afterDot = false;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    const digit = byte - 48;
    if (digit >>> 0 <= 9) {
      seen++;
      if (digits > 0 || digit !== 0) digits++;
      if (digits <= EXACT_DIGITS) mantissa = mantissa * 10 + digit;
      else if (digits <= LONG_DIGITS) tail = tail * 10 + digit;
      if (afterDot) exponent--;
    } else if (byte === DOT && !afterDot) {
      afterDot = true;
    } else {
      break;
    }
  }
  if (seen === 0) return Number.NaN;
  if (at < end) {
    const power = parseExponent(bytes, at, end);
    if (Number.isNaN(power)) return Number.NaN;
    exponent += power;
  }
  let value = Number.NaN;
  if (digits <= EXACT_DIGITS) {
    if (exponent >= -22 && exponent <= 22) {
      value = exponent < 0 ? mantissa / EXACT_TENS[-exponent]! : mantissa * EXACT_TENS[exponent]!;
    }
  } else if (digits <= LONG_DIGITS && exponent >= -22 && exponent <= 0) {
    value = divideLong(mantissa, EXACT_TENS[digits - EXACT_DIGITS]!, tail, EXACT_TENS[-exponent]!);
  }
  if (Number.isNaN(value)) return parseRounded(bytes, start, end, tenths);
  return sign === MINUS ? -value : value;
}

/**
 * Computes (`mantissa` × `scale` + `tail`) ÷ `divisor` in pairs of doubles (Dekker 1971), correctly
 * rounded; NaN if the quotient is too close to the midpoint of two doubles to decide (Ziv's test).
 */
function divideLong(mantissa: number, scale: number, tail: number, divisor: number): number {
  const product = mantissa * scale;
  const rest = productError(mantissa, scale, product) + tail;
  const upper = product + rest;
  const lower = rest - (upper - product);
  const quotient = upper / divisor;
  const back = quotient * divisor;
  const correction = (upper - back - productError(quotient, divisor, back) + lower) / divisor;
  const value = quotient + correction;
  const error = correction - (value - quotient);
  return value + error * 1.000001 === value ? value : Number.NaN;
}

/** The exact rounding error of a product of doubles. */
function productError(a: number, b: number, product: number): number {
  const splitA = 134_217_729 * a; // 2²⁷ + 1
  const upperA = splitA - (splitA - a);
  const lowerA = a - upperA;
  const splitB = 134_217_729 * b;
  const upperB = splitB - (splitB - b);
  const lowerB = b - upperB;
  return upperA * upperB - product + upperA * lowerB + lowerA * upperB + lowerA * lowerB;
}

/** Parses `e`, an optional sign, and digits up to the end; NaN otherwise. */
function parseExponent(bytes: Uint8Array, start: number, end: number): number {
  if ((bytes[start]! | TO_LOWER) !== LETTER_E) return Number.NaN;
  let at = start + 1;
  const sign = bytes[at];
  if (at < end && (sign === MINUS || sign === PLUS)) at++;
  if (at === end) return Number.NaN;
  let power = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return Number.NaN;
    power = Math.min(power * 10 + digit, 1e9);
  }
  return sign === MINUS ? -power : power;
}

/** Parses through a string; the bytes are known to be a decimal number. */
function parseRounded(bytes: Uint8Array, start: number, end: number, tenths: number): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  const value = tenths === 0 ? Number(text) : Number(shifted(text, tenths));
  return Number.isFinite(value) ? value : Number.NaN;
}

function shifted(text: string, tenths: number): string {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  return `${mantissa}e${Number(power) - tenths}`;
}
