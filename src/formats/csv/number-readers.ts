import type { ColumnData } from '../../columns/schema.js';
import type { Kernels } from '../kernels/kernels.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { EXACT_TENS, parseDecimal } from './decimal.js';
import { parseWhole, writeWhole64 } from './whole-number.js';

const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;

/** Reads decimal numbers, correctly rounded. */
export class Float64Reader implements ColumnReader {
  readonly expected: string;
  readonly #tenths: number;
  readonly #divisor: number;
  readonly #nullable: boolean;

  /** @param divideBy - Exact for a power of ten; otherwise the quotient is rounded once more. */
  constructor(divideBy: number, nullable: boolean) {
    const power = EXACT_TENS.indexOf(divideBy);
    this.#tenths = Math.max(0, power);
    this.#divisor = power >= 0 ? 1 : divideBy;
    this.#nullable = nullable;
    this.expected = nullable ? 'a decimal number or nothing' : 'a decimal number';
  }

  read(
    { bytes, bounds, numbers, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Float64Array;
    const tenths = this.#tenths;
    const divisor = this.#divisor;
    const hasTable = tenths <= EXACT_TENS.length - 10;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      const places = numbers[k + 1]!;
      let value: number;
      if (places >= 0 && hasTable) {
        // Two exact doubles: rounded once, hence correctly.
        value = numbers[k]! / EXACT_TENS[places + tenths]!;
      } else {
        const start = bounds[k]!;
        const end = bounds[k + 1]!;
        value = parseDecimal(bytes, start, end, tenths);
        if (Number.isNaN(value) && !(start === end && this.#nullable)) bad(row);
      }
      out[outRow + row] = divisor === 1 ? value : value / divisor;
    }
  }

  readBy(kernels: Kernels, rows: number, data: ColumnData, outRow: number): number {
    const out = data as Float64Array;
    const divisor = this.#divisor;
    const unread = kernels.call.readDecimals(rows, this.#tenths, this.#nullable);
    kernels.copyValues(out, outRow, rows);
    if (divisor !== 1) for (let row = outRow; row < outRow + rows; row++) out[row]! /= divisor;
    return unread;
  }
}

/** Reads whole numbers of 32 bits. */
export class Int32Reader implements ColumnReader {
  readonly expected = `a whole number from ${INT32_MIN} to ${INT32_MAX}`;

  read(
    { bytes, bounds, numbers, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Int32Array;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      const value = numbers[k + 1] === 0 ? numbers[k]! : parseWhole(bytes, bounds[k]!, bounds[k + 1]!);
      if (value >= INT32_MIN && value <= INT32_MAX) out[outRow + row] = value;
      else bad(row);
    }
  }

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    const unread = kernels.call.readWholes32(rows);
    kernels.copyValues(out, outRow, rows);
    return unread;
  }
}

/** Reads whole numbers of 64 bits. */
export class Int64Reader implements ColumnReader {
  readonly expected = 'a whole number of 64 bits';

  read(
    { bytes, bounds, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const out = data as Int32Array;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      if (!writeWhole64(bytes, bounds[k]!, bounds[k + 1]!, out, outRow + row)) bad(row);
    }
  }

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    const unread = kernels.call.readWholes64(rows);
    kernels.copyValues(out, 2 * outRow, 2 * rows);
    return unread;
  }
}
