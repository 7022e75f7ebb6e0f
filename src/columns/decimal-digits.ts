/** Digits of a number of 64 bits or of a double in decimals: 5e-324 has 324 places, 1.8e308 has 309. */
export const DIGITS_MAX = 400;

/** Below this, whole numbers divided by a power of ten are different doubles. */
const WHOLE_MAX = 1e15;
/** Powers of ten up to here are exact. */
const SCALE_MAX = 22;

/** A decimal number by its digits. A double counts as the shortest one that is this double. Reused. */
export class DecimalDigits {
  /** The most significant first, without leading zeros. */
  protected readonly digits = new Uint8Array(DIGITS_MAX);
  protected count = 0;
  /** Digits after the point. Below 0: that many zeros follow the digits. */
  protected scale = 0;
  protected isNegative = false;

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
    this.isNegative = text.startsWith('-');
    const [mantissa = '', exponent = '0'] = text.slice(this.isNegative ? 1 : 0).split('e');
    const point = mantissa.indexOf('.');
    this.scale = (point < 0 ? 0 : mantissa.length - point - 1) - Number(exponent);
    this.count = 0;
    for (let i = 0; i < mantissa.length; i++) {
      if (i === point) continue;
      const digit = mantissa.charCodeAt(i) - 48;
      if (digit !== 0 || this.count > 0) this.digits[this.count++] = digit;
    }
    if (this.count === 0) this.scale = 0;
  }

  /** Digits before the point; 0 or less for what is below 1. */
  get wholeDigits(): number {
    return this.count - this.scale;
  }

  get isZero(): boolean {
    return this.count === 0;
  }

  /** Whether it has no more digits after the point than these. */
  fitsScale(scale: number): boolean {
    for (let i = Math.max(0, this.count - (this.scale - scale)); i < this.count; i++) {
      if (this.digits[i] !== 0) return false;
    }
    return true;
  }

  /** Leaves out the digits that do not fit: half away from zero, as databases do. */
  roundTo(scale: number): void {
    const dropped = this.scale - scale;
    if (dropped <= 0) return;
    const left = this.count - dropped;
    const roundsUp = left >= 0 && this.digits[left]! >= 5;
    this.count = Math.max(0, left);
    this.scale = scale;
    if (!roundsUp) return;
    let at = this.count - 1;
    while (at >= 0 && this.digits[at] === 9) this.digits[at--] = 0;
    if (at >= 0) {
      this.digits[at]!++;
      return;
    }
    this.digits.copyWithin(1, 0, this.count);
    this.digits[0] = 1;
    this.count++;
  }

  /**
   * The number × 10^`scale`, once it was rounded to that many places.
   *
   * @param digitsMax - `undefined` is returned for more digits than these.
   */
  unscaled(scale: number, digitsMax: number): bigint | undefined {
    if (this.count === 0) return 0n;
    const zeros = scale - this.scale;
    if (this.count + zeros > digitsMax) return undefined;
    let text = this.isNegative ? '-' : '';
    for (let i = 0; i < this.count + Math.min(0, zeros); i++) text += this.digits[i];
    return BigInt(text + '0'.repeat(Math.max(0, zeros)));
  }

  #setWhole(whole: number, isNegative: boolean, scale: number): void {
    this.isNegative = isNegative;
    this.scale = scale;
    let count = 0;
    for (let rest = whole; rest > 0; rest = Math.floor(rest / 10)) count++;
    this.count = count;
    for (let rest = whole; rest > 0; ) {
      const next = Math.floor(rest / 10);
      this.digits[--count] = rest - next * 10;
      rest = next;
    }
  }
}
