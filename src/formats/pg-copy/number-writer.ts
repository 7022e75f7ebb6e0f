import type { Batch } from '../../columns/batch.js';
import { TWO_32 } from '../../columns/int64.js';
import { EXPECTED_VALUE, type FieldWriter, LENGTH_BYTES, type RowsToWrite } from './field-writer.js';
import { NumberValues } from './number-values.js';
import type { PgField } from './pg-field.js';
import type { RowRefusals } from './row-refusals.js';

type NumberType = 'float8' | 'float4' | keyof typeof WHOLE;

/** The whole numbers of each type: from `min` to below `end`. */
const WHOLE = {
  int2: { bytes: 2, min: -(2 ** 15), end: 2 ** 15, expected: 'a whole number from -32768 to 32767' },
  int4: {
    bytes: 4,
    min: -(2 ** 31),
    end: 2 ** 31,
    expected: 'a whole number from -2147483648 to 2147483647',
  },
  int8: {
    bytes: 8,
    min: -(2 ** 63),
    end: 2 ** 63,
    expected: 'a whole number from -9223372036854775808 to 9223372036854775807',
  },
} as const;

const FLOAT4 = 'a number that a float4 holds exactly (or allow rounding)';
const FLOAT4_RANGE = 'a number within the range of a float4';
const FLOAT8 = 'a whole number that a float8 holds exactly (or allow rounding)';

/** Numbers as `float8`, `float4`, `int2`, `int4` or `int8`. */
export class NumberWriter implements FieldWriter {
  readonly field: PgField;
  readonly #values: NumberValues;
  readonly #type: NumberType;
  readonly #length: number;
  readonly #needsNoCheck: boolean;

  constructor(field: PgField) {
    const { column, type, notNull } = field;
    this.field = field;
    this.#values = new NumberValues(column);
    this.#type = type.name as NumberType; // by `problemOfField`
    this.#length = this.#type === 'float8' ? 8 : this.#type === 'float4' ? 4 : WHOLE[this.#type].bytes;
    const isWider =
      (type.name === 'float8' && column.type !== 'int64') ||
      (column.type === 'int32' && (type.name === 'int4' || type.name === 'int8'));
    this.#needsNoCheck = isWider && !(column.nullable && notNull);
  }

  measure(batch: Batch, { rows, count }: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void {
    const values = this.#values;
    const length = LENGTH_BYTES + this.#length;
    values.over(batch);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const isNull = values.isNull(row);
      bytes[i]! += isNull ? LENGTH_BYTES : length;
      if (this.#needsNoCheck) continue;
      const expected = isNull ? (this.field.notNull ? EXPECTED_VALUE : undefined) : this.#refusal(row);
      if (expected === undefined) continue;
      const found = isNull ? 'none' : values.text(row);
      refusals.add(i, { row, column: this.field.name, expected, found });
    }
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    const values = this.#values;
    const length = this.#length;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const place = at[i]!;
      if (values.isNull(row)) {
        out.setInt32(place, -1);
        at[i] = place + LENGTH_BYTES;
        continue;
      }
      out.setInt32(place, length);
      this.#writeValue(out, place + LENGTH_BYTES, values.at(row));
      at[i] = place + LENGTH_BYTES + length;
    }
  }

  #writeValue(out: DataView, at: number, value: number): void {
    switch (this.#type) {
      case 'float8':
        out.setFloat64(at, value);
        return;
      case 'float4':
        out.setFloat32(at, value);
        return;
      case 'int2':
        out.setInt16(at, value);
        return;
      case 'int4':
        out.setInt32(at, value);
        return;
      default: {
        const high = Math.floor(value / TWO_32);
        out.setInt32(at, high);
        out.setUint32(at + 4, value - high * TWO_32);
      }
    }
  }

  /** What is expected in place of the value; `undefined` if it is fine. */
  #refusal(row: number): string | undefined {
    const value = this.#values.at(row);
    if (this.#type === 'float8') {
      return this.field.rounds || this.#values.isExact(row) ? undefined : FLOAT8;
    }
    if (this.#type === 'float4') {
      const held = Math.fround(value);
      if (Number.isNaN(value)) return undefined;
      if (!Number.isFinite(held) && Number.isFinite(value)) return FLOAT4_RANGE;
      return (held === value && this.#values.isExact(row)) || this.field.rounds ? undefined : FLOAT4;
    }
    // An int64 that is not exact as a double is beyond 2⁵³, and so out of the range of int4 and int2.
    const { min, end, expected } = WHOLE[this.#type];
    return Number.isInteger(value) && value >= min && value < end ? undefined : expected;
  }
}
