import { DecimalDigits, DIGITS_MAX } from '../../columns/decimal-digits.js';

const POWERS = [1, 10, 100, 1_000] as const;

export const SIGN_POSITIVE = 0x0000;
export const SIGN_NEGATIVE = 0x4000;
export const SIGN_NAN = 0xc000;
export const SIGN_INFINITY = 0xd000;
export const SIGN_MINUS_INFINITY = 0xf000;
/** Number of groups, weight of the first one, sign, digits after the point: two bytes each (numeric.c). */
export const NUMERIC_HEADER_BYTES = 8;

/** A decimal number, to be brought into groups of four digits, which is what a `numeric` is made of. Reused. */
export class NumericDigits extends DecimalDigits {
  readonly #groups = new Int16Array(DIGITS_MAX / 4 + 2);

  /** Writes the number at the end of `out`, and returns how many bytes it took. @param scale - Places to show. */
  write(out: Uint8Array, at: number, scale: number | undefined): number {
    const groups = this.#groups;
    const whole = this.wholeDigits;
    const weight = this.count === 0 ? 0 : Math.floor((whole - 1) / 4);
    let count = 0;
    groups.fill(0);
    for (let i = 0; i < this.count; i++) {
      const exponent = whole - 1 - i;
      const group = weight - Math.floor(exponent / 4);
      groups[group]! += this.digits[i]! * POWERS[(((exponent % 4) + 4) % 4) as 0]!;
      if (groups[group] !== 0) count = group + 1;
    }
    const sign = this.isNegative && this.count > 0 ? SIGN_NEGATIVE : SIGN_POSITIVE;
    writeWord(out, at, count);
    writeWord(out, at + 2, weight);
    writeWord(out, at + 4, sign);
    writeWord(out, at + 6, scale ?? Math.max(0, this.scale));
    for (let i = 0; i < count; i++) writeWord(out, at + NUMERIC_HEADER_BYTES + 2 * i, groups[i]!);
    return NUMERIC_HEADER_BYTES + 2 * count;
  }
}

/** The most bytes that a number takes. */
export const NUMERIC_BYTES_MAX = NUMERIC_HEADER_BYTES + 2 * (DIGITS_MAX / 4 + 2);

/** Writes NaN or an infinity. */
export function writeNonFinite(out: Uint8Array, at: number, sign: number): void {
  out.fill(0, at, at + NUMERIC_HEADER_BYTES);
  writeWord(out, at + 4, sign);
}

function writeWord(out: Uint8Array, at: number, word: number): void {
  out[at] = (word >> 8) & 255;
  out[at + 1] = word & 255;
}
