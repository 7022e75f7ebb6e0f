import { EXACT_TENS } from '../../formats/csv/decimal.js';

const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;
const DOT = 46;
const ZERO = 48;
/** Digits that are read as they come: a number of so many is exact. */
const DIGITS_MAX = 15;
/** Digits that always fit 32 bits. */
const HIGH_DIGITS = 9;
/** 1 for the bytes that a plain text has between its quotes. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= SPACE && byte < 127 && byte !== QUOTE && byte !== BACKSLASH),
);

/** The first byte from `at` on that is no blank of JSON. */
export function skipBlanks(bytes: Uint8Array, at: number): number {
  for (let byte = bytes[at]; byte === SPACE || byte === 10 || byte === 13 || byte === 9; ) byte = bytes[++at];
  return at;
}

/**
 * Finds the end of a text without escapes in plain ASCII.
 *
 * @param at - Just behind its opening quote.
 * @returns The place of its closing quote; −1 if it has none, or is not as plain.
 */
export function plainTextEnd(bytes: Uint8Array, at: number): number {
  while (IS_PLAIN[bytes[at]!] === 1) at++;
  return bytes[at] === QUOTE ? at : -1;
}

/** Reads plain decimal numbers in texts; `end` is where the last one ended. Makes no object for a number. */
export class DecimalTexts {
  /** At the quote behind the number that was read last. */
  end = 0;

  /**
   * @param at - Just behind the opening quote.
   * @returns The number, as `Number` of the text; NaN if there is none, or one with a sign, an exponent or more digits
   *   than are exact.
   */
  read(bytes: Uint8Array, at: number): number {
    let high = 0;
    let low = 0;
    let digits = 0;
    let point = -1;
    for (;;) {
      const byte = bytes[at]!;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        // Two numbers of 32 bits: to add digit after digit to one double takes longer.
        if (digits < HIGH_DIGITS) high = Math.imul(high, 10) + digit;
        else low = Math.imul(low, 10) + digit;
        digits++;
      } else if (byte === DOT && point < 0) point = at;
      else break;
      at++;
    }
    this.end = at;
    if (bytes[at] !== QUOTE || digits === 0 || digits > DIGITS_MAX) return Number.NaN;
    const mantissa = digits <= HIGH_DIGITS ? high : high * EXACT_TENS[digits - HIGH_DIGITS]! + low;
    // A quotient of doubles that are exact is rounded once, and so correctly.
    return point < 0 ? mantissa : mantissa / EXACT_TENS[at - point - 1]!;
  }
}

/** Reads plain whole numbers; `end` is where the last one ended. Makes no object for a number. */
export class WholeNumbers {
  /** Just behind the number that was read last. */
  end = 0;

  /**
   * @returns The number; −1 if there is none, or one with a sign, a leading zero, a fraction, an exponent or more
   *   digits than are exact.
   */
  read(bytes: Uint8Array, at: number): number {
    const start = at;
    let high = 0;
    let low = 0;
    let digit = bytes[at]! - ZERO;
    if (digit === 0) {
      digit = bytes[++at]! - ZERO;
      if (digit >= 0 && digit <= 9) return -1;
    }
    const highEnd = start + HIGH_DIGITS;
    while (digit >= 0 && digit <= 9) {
      if (at < highEnd) high = Math.imul(high, 10) + digit;
      else low = Math.imul(low, 10) + digit;
      digit = bytes[++at]! - ZERO;
    }
    this.end = at;
    const next = bytes[at];
    const digits = at - start;
    const isPlain = next !== DOT && next !== 101 && next !== 69; // "e", "E"
    if (digits === 0 || digits > DIGITS_MAX || !isPlain) return -1;
    return digits <= HIGH_DIGITS ? high : high * EXACT_TENS[digits - HIGH_DIGITS]! + low;
  }
}
