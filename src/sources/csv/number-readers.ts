import type { ColumnData } from '../../core/schema.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { EXACT_TENS, parseDecimal } from './decimal.js';
import { parseWhole, writeWhole64 } from './whole-number.js';

const DOT = 46;
const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;

/** Reads decimal numbers, correctly rounded. */
export class Float64Reader implements ColumnReader {
  readonly expected: string;
  readonly #tenths: number;
  readonly #divisor: number;
  readonly #nullable: boolean;

  /** @param divideBy - Exact where it is a power of ten; otherwise the quotient is rounded once more. */
  constructor(divideBy: number, nullable: boolean) {
    const power = EXACT_TENS.indexOf(divideBy);
    this.#tenths = Math.max(0, power);
    this.#divisor = power >= 0 ? 1 : divideBy;
    this.#nullable = nullable;
    this.expected = nullable ? 'a decimal number or nothing' : 'a decimal number';
  }

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Float64Array;
    const tenths = this.#tenths;
    const divisor = this.#divisor;
    // Digits after the point, shifted by `tenths`, whose power of ten is exact.
    const places = 22 - tenths;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      const start = bounds[k]!;
      const end = bounds[k + 1]!;
      let value = Number.NaN;
      const length = end - start;
      // Nine digits fit 32-bit arithmetic, and nearly all prices fit nine digits.
      if (length <= 10 && length > 0 && places >= 9) {
        let mantissa = 0;
        let digits = 0;
        let at = start;
        for (; at < end; at++) {
          const digit = bytes[at]! - 48;
          if (digit >>> 0 > 9) break;
          mantissa = (Math.imul(mantissa, 10) + digit) | 0;
        }
        digits = at - start;
        if (at === end) {
          if (digits <= 9) value = tenths === 0 ? mantissa : mantissa / EXACT_TENS[tenths]!;
        } else if (bytes[at] === DOT && length >= 2) {
          const fraction = ++at;
          for (; at < end; at++) {
            const digit = bytes[at]! - 48;
            if (digit >>> 0 > 9) break;
            mantissa = (Math.imul(mantissa, 10) + digit) | 0;
          }
          if (at === end) value = mantissa / EXACT_TENS[end - fraction + tenths]!;
        }
        // Everything else is not of this form: a sign, an exponent, ten digits, or no number.
      }
      if (Number.isNaN(value)) {
        value = parseDecimal(bytes, start, end, tenths);
        if (Number.isNaN(value) && !(start === end && this.#nullable)) bad(row);
      }
      out[outRow + row] = divisor === 1 ? value : value / divisor;
    }
  }
}

/** Reads whole numbers of 32 bits. */
export class Int32Reader implements ColumnReader {
  readonly expected = `a whole number from ${INT32_MIN} to ${INT32_MAX}`;

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Int32Array;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      const value = parseWhole(bytes, bounds[k]!, bounds[k + 1]!);
      if (value >= INT32_MIN && value <= INT32_MAX) out[outRow + row] = value;
      else bad(row);
    }
  }
}

/** Reads whole numbers of 64 bits. */
export class Int64Reader implements ColumnReader {
  readonly expected = 'a whole number of 64 bits';

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Int32Array;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      if (!writeWhole64(bytes, bounds[k]!, bounds[k + 1]!, out, outRow + row)) bad(row);
    }
  }
}
