const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;
const ZERO = 48;
/** Digits of a whole number that are read as they come. Longer ones may not be exact. */
const WHOLE_DIGITS_MAX = 15;

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
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === undefined || byte < SPACE || byte === BACKSLASH || byte > 126) return -1;
    at++;
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
    let value = 0;
    let digit = bytes[at]! - ZERO;
    if (digit === 0) {
      digit = bytes[++at]! - ZERO;
      if (digit >= 0 && digit <= 9) return -1;
    }
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++at]! - ZERO;
    }
    const next = bytes[at];
    this.end = at;
    const isPlain = next !== 46 && next !== 101 && next !== 69; // ".", "e", "E"
    return at > start && at - start <= WHOLE_DIGITS_MAX && isPlain ? value : -1;
  }
}
