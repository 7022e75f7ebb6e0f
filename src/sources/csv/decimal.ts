/** Powers of ten that a double holds exactly. */
export const EXACT_TENS: Float64Array = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const MINUS = 45;
const PLUS = 43;
const DOT = 46;
const LETTER_E = 101;
const TO_LOWER = 32;
/** Digits that always fit the 53 exact bits of a double. */
const EXACT_DIGITS = 15;

/**
 * The number that a decimal text stands for, times 10^-`tenths`, correctly rounded: equal to
 * `Number(text)` where `tenths` is 0. With at most 15 digits and a power of ten that is exact,
 * one division or multiplication of exact doubles rounds once, hence correctly (Clinger 1990);
 * anything longer goes through `Number`.
 *
 * @param tenths - Shifts the decimal point to the left, exactly.
 * @returns NaN when the bytes are no decimal number: empty, hexadecimal, `inf`, a stray sign or
 *   blank, or one too large for a double.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number, tenths: number): number {
  let at = start;
  const sign = bytes[at];
  if (at < end && (sign === MINUS || sign === PLUS)) at++;

  let mantissa = 0;
  let digits = 0; // significant ones
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
  if (digits > EXACT_DIGITS || exponent < -22 || exponent > 22) {
    return parseRounded(bytes, start, end, tenths);
  }
  const value = exponent < 0 ? mantissa / EXACT_TENS[-exponent]! : mantissa * EXACT_TENS[exponent]!;
  return sign === MINUS ? -value : value;
}

/** `e`, a sign perhaps, digits to the end; or NaN. */
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

/** By way of a text, of which is known that it is a decimal number. */
function parseRounded(bytes: Uint8Array, start: number, end: number, tenths: number): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  const value = tenths === 0 ? Number(text) : Number(shifted(text, tenths));
  return Number.isFinite(value) ? value : Number.NaN;
}

function shifted(text: string, tenths: number): string {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  return `${mantissa}e${Number(power) - tenths}`;
}
