/** Digits of a number of 64 bits or of a double in decimals: 5e-324 has 324 places, 1.8e308 has 309. */
const DIGITS_MAX = 400;
const POWERS = [1, 10, 100, 1_000] as const;

export const SIGN_POSITIVE = 0x0000;
export const SIGN_NEGATIVE = 0x4000;
export const SIGN_NAN = 0xc000;
export const SIGN_INFINITY = 0xd000;
export const SIGN_MINUS_INFINITY = 0xf000;
/** Number of groups, weight of the first one, sign, digits after the point: two bytes each (numeric.c). */
export const NUMERIC_HEADER_BYTES = 8;

/** Below this, whole numbers divided by a power of ten are different doubles. */
const WHOLE_MAX = 1e15;
/** Powers of ten up to here are exact. */
const SCALE_MAX = 22;

/** A decimal number, to be brought into groups of four digits, which is what a `numeric` is made of. Reused. */
export class NumericDigits {
  /** The most significant first, without leading zeros. */
  readonly #digits = new Uint8Array(DIGITS_MAX);
  readonly #groups = new Int16Array(DIGITS_MAX / 4 + 2);
  #count = 0;
  /** Digits after the point. Below 0: that many zeros follow the digits. */
  #scale = 0;
  #isNegative = false;

  /**
   * Sets the number to the shortest decimal one that is this double.
   *
   * @param scale - The digits after the point that it is likely to have, if that is known.
   */
  setDouble(value: number, scale: number | undefined): void {
    if (scale !== undefined && scale <= SCALE_MAX) {
      const power = 10 ** scale;
      const whole = Math.round(value * power);
      if (Math.abs(whole) <= WHOLE_MAX && whole / power === value) {
        this.#setWhole(Math.abs(whole), value < 0, scale);
        return;
      }
    }
    this.setText(String(value));
  }

  /** @param text - A decimal number, possibly with an exponent. */
  setText(text: string): void {
    this.#isNegative = text.startsWith('-');
    const [mantissa = '', exponent = '0'] = text.slice(this.#isNegative ? 1 : 0).split('e');
    const point = mantissa.indexOf('.');
    this.#scale = (point < 0 ? 0 : mantissa.length - point - 1) - Number(exponent);
    this.#count = 0;
    for (let i = 0; i < mantissa.length; i++) {
      if (i === point) continue;
      const digit = mantissa.charCodeAt(i) - 48;
      if (digit !== 0 || this.#count > 0) this.#digits[this.#count++] = digit;
    }
    if (this.#count === 0) this.#scale = 0;
  }

  /** Digits before the point; 0 or less for what is below 1. */
  get wholeDigits(): number {
    return this.#count - this.#scale;
  }

  get isZero(): boolean {
    return this.#count === 0;
  }

  /** Whether it has no more digits after the point than these. */
  fitsScale(scale: number): boolean {
    for (let i = Math.max(0, this.#count - (this.#scale - scale)); i < this.#count; i++) {
      if (this.#digits[i] !== 0) return false;
    }
    return true;
  }

  /** Leaves out the digits that do not fit: half away from zero, as PostgreSQL does. */
  roundTo(scale: number): void {
    const dropped = this.#scale - scale;
    if (dropped <= 0) return;
    const left = this.#count - dropped;
    const roundsUp = left >= 0 && this.#digits[left]! >= 5;
    this.#count = Math.max(0, left);
    this.#scale = scale;
    if (!roundsUp) return;
    let at = this.#count - 1;
    while (at >= 0 && this.#digits[at] === 9) this.#digits[at--] = 0;
    if (at >= 0) {
      this.#digits[at]!++;
      return;
    }
    this.#digits.copyWithin(1, 0, this.#count);
    this.#digits[0] = 1;
    this.#count++;
  }

  /** Writes the number at the end of `out`, and returns how many bytes it took. @param scale - Places to show. */
  write(out: Uint8Array, at: number, scale: number | undefined): number {
    const groups = this.#groups;
    const whole = this.wholeDigits;
    const weight = this.#count === 0 ? 0 : Math.floor((whole - 1) / 4);
    let count = 0;
    groups.fill(0);
    for (let i = 0; i < this.#count; i++) {
      const exponent = whole - 1 - i;
      const group = weight - Math.floor(exponent / 4);
      groups[group]! += this.#digits[i]! * POWERS[(((exponent % 4) + 4) % 4) as 0]!;
      if (groups[group] !== 0) count = group + 1;
    }
    const sign = this.#isNegative && this.#count > 0 ? SIGN_NEGATIVE : SIGN_POSITIVE;
    writeWord(out, at, count);
    writeWord(out, at + 2, weight);
    writeWord(out, at + 4, sign);
    writeWord(out, at + 6, scale ?? Math.max(0, this.#scale));
    for (let i = 0; i < count; i++) writeWord(out, at + NUMERIC_HEADER_BYTES + 2 * i, groups[i]!);
    return NUMERIC_HEADER_BYTES + 2 * count;
  }

  #setWhole(whole: number, isNegative: boolean, scale: number): void {
    this.#isNegative = isNegative;
    this.#scale = scale;
    let count = 0;
    for (let rest = whole; rest > 0; rest = Math.floor(rest / 10)) count++;
    this.#count = count;
    for (let rest = whole; rest > 0; ) {
      const next = Math.floor(rest / 10);
      this.#digits[--count] = rest - next * 10;
      rest = next;
    }
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
