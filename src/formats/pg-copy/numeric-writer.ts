import type { Batch } from '../../columns/batch.js';
import { EXPECTED_VALUE, type FieldWriter, LENGTH_BYTES, type RowsToWrite } from './field-writer.js';
import { NumberValues } from './number-values.js';
import {
  NUMERIC_BYTES_MAX,
  NUMERIC_HEADER_BYTES,
  NumericDigits,
  SIGN_INFINITY,
  SIGN_MINUS_INFINITY,
  SIGN_NAN,
  writeNonFinite,
} from './numeric-digits.js';
import type { PgField } from './pg-field.js';
import { pgTypeText } from './pg-types.js';
import type { RowRefusals } from './row-refusals.js';

/**
 * Numbers as `numeric`. A double counts as the shortest decimal number that is this double, which is the one
 * that people write for it: 0.1 is 0.1.
 */
export class NumericWriter implements FieldWriter {
  readonly field: PgField;
  readonly #values: NumberValues;
  readonly #isWhole64: boolean;
  readonly #digits = new NumericDigits();
  /** The values of the step, one after the other. */
  #bytes = new Uint8Array(1_024);
  #length = 0;
  /** Bytes of each value; −1: NULL. */
  #lengths = new Int32Array(0);

  constructor(field: PgField) {
    this.field = field;
    this.#values = new NumberValues(field.column);
    this.#isWhole64 = field.column.type === 'int64';
  }

  measure(batch: Batch, { rows, count }: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void {
    const values = this.#values;
    values.over(batch);
    this.#length = 0;
    if (this.#lengths.length < count) this.#lengths = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const isNull = values.isNull(row);
      const expected = isNull ? (this.field.notNull ? EXPECTED_VALUE : undefined) : this.#add(i, row);
      if (isNull) this.#lengths[i] = -1;
      if (expected !== undefined) {
        const found = isNull ? 'none' : values.text(row);
        refusals.add(i, { row, column: this.field.name, expected, found });
        continue;
      }
      bytes[i]! += LENGTH_BYTES + Math.max(0, this.#lengths[i]!);
    }
  }

  write({ count }: RowsToWrite, out: DataView, at: Int32Array): void {
    let from = 0;
    for (let i = 0; i < count; i++) {
      const length = this.#lengths[i]!;
      let place = at[i]!;
      out.setInt32(place, length);
      place += LENGTH_BYTES;
      for (let byte = 0; byte < length; byte += 2, place += 2) {
        out.setUint8(place, this.#bytes[from + byte]!);
        out.setUint8(place + 1, this.#bytes[from + byte + 1]!);
      }
      if (length > 0) from += length;
      at[i] = place;
    }
  }

  /** Adds a value to those of the step. @returns What is expected in its place, if it does not fit. */
  #add(i: number, row: number): string | undefined {
    if (this.#length + NUMERIC_BYTES_MAX > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const { precision, scale = 0 } = this.field.type;
    const value = this.#values.at(row);
    if (!Number.isFinite(value)) return this.#addNonFinite(i, value);
    const digits = this.#digits;
    // The shortest decimal number of a double need not be the whole number that an int64 holds.
    if (this.#isWhole64 && Math.abs(value) > 1e15) digits.setText(this.#values.text(row));
    else digits.setDouble(value, precision === undefined ? undefined : scale);
    if (precision !== undefined) {
      if (!this.field.rounds && !digits.fitsScale(scale)) {
        return `a number with at most ${scale} digits after the point, since the column is ${pgTypeText(this.field.type)} (or allow rounding)`;
      }
      digits.roundTo(scale);
      if (!digits.isZero && digits.wholeDigits > precision - scale) {
        return `a number below 10^${precision - scale}, since the column is ${pgTypeText(this.field.type)}`;
      }
    }
    this.#end(i, digits.write(this.#bytes, this.#length, precision === undefined ? undefined : scale));
    return undefined;
  }

  #addNonFinite(i: number, value: number): string | undefined {
    if (!Number.isNaN(value) && this.field.type.precision !== undefined)
      return `a finite number, since the column is ${pgTypeText(this.field.type)}`;
    const sign = Number.isNaN(value) ? SIGN_NAN : value > 0 ? SIGN_INFINITY : SIGN_MINUS_INFINITY;
    writeNonFinite(this.#bytes, this.#length, sign);
    this.#end(i, NUMERIC_HEADER_BYTES);
    return undefined;
  }

  #end(i: number, length: number): void {
    this.#lengths[i] = length;
    this.#length += length;
  }
}
