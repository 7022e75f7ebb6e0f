import type { Batch } from '../../columns/batch.js';
import { readInt64, TWO_32 } from '../../columns/int64.js';
import type { Column } from '../../columns/schema.js';

/** Reads the numbers of one column as doubles, whatever it holds them in. */
export class NumberValues {
  readonly column: Column;
  readonly #isNullable: boolean;
  #doubles: Float64Array = new Float64Array(0);
  #words: Int32Array = new Int32Array(0);

  constructor(column: Column) {
    this.column = column;
    this.#isNullable = column.nullable === true;
  }

  over(batch: Batch): void {
    if (this.column.type === 'float64') this.#doubles = batch.float64(this.column.name);
    else this.#words = batch.int32(this.column.name);
  }

  /** The value as a double: of an int64 beyond 2⁵³, the nearest one. */
  at(row: number): number {
    if (this.column.type === 'float64') return this.#doubles[row]!;
    if (this.column.type === 'int32') return this.#words[row]!;
    return this.#words[2 * row + 1]! * TWO_32 + (this.#words[2 * row]! >>> 0);
  }

  isNull(row: number): boolean {
    return this.#isNullable && Number.isNaN(this.#doubles[row]!);
  }

  /** Whether `at` gives the value itself. */
  isExact(row: number): boolean {
    if (this.column.type !== 'int64') return true;
    const upper = this.#words[2 * row + 1]! * TWO_32;
    return this.at(row) - upper === this.#words[2 * row]! >>> 0;
  }

  /** The value as it is written in decimals, without an exponent for whole numbers. For single rows. */
  text(row: number): string {
    if (this.column.type === 'int64') return String(readInt64(this.#words, row));
    const value = this.at(row);
    return Object.is(value, -0) ? '-0' : String(value);
  }
}
