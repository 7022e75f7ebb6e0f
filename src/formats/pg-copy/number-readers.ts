import type { Batch } from '../../columns/batch.js';
import { TWO_32 } from '../../columns/int64.js';
import { EXPECTED_NOT_NULL, type FieldReader, type PgReadField, type ValuesRead } from './field-reader.js';
import { readNumeric, shownNumeric } from './read-numeric.js';

/** An int64 of `int8`, `int4` or `int2`. */
export class Int64Reader implements FieldReader {
  readonly field: PgReadField;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, places, count } = values;
    const words = batch.int32(this.field.column.name);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const length = view.getInt32(place);
      const at = 2 * (start + i);
      if (length === 8) {
        words[at + 1] = view.getInt32(place + 4);
        words[at] = view.getInt32(place + 8);
      } else if (length > 0) {
        words[at] = length === 2 ? view.getInt16(place + 4) : view.getInt32(place + 4);
        words[at + 1] = words[at]! >> 31;
      } else values.refuse(i, this.field, EXPECTED_NOT_NULL('int64'), 'NULL');
    }
  }
}

/** An int32 of `int4` or `int2`. */
export class Int32Reader implements FieldReader {
  readonly field: PgReadField;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, places, count } = values;
    const numbers = batch.int32(this.field.column.name);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const length = view.getInt32(place);
      if (length < 0) values.refuse(i, this.field, EXPECTED_NOT_NULL('int32'), 'NULL');
      else numbers[start + i] = length === 2 ? view.getInt16(place + 4) : view.getInt32(place + 4);
    }
  }
}

export class BooleanReader implements FieldReader {
  readonly field: PgReadField;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, places, count } = values;
    const flags = batch.uint8(this.field.column.name);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (view.getInt32(place) < 0) values.refuse(i, this.field, EXPECTED_NOT_NULL('boolean'), 'NULL');
      else flags[start + i] = view.getUint8(place + 4);
    }
  }
}

const EXPECTED_NUMBER = 'a number or NULL: NaN stands for no value in a nullable float64';
const EXPECTED_EXACT = 'a number that a float64 holds exactly (or allow rounding)';

/** A float64 of any type of numbers. */
export class Float64Reader implements FieldReader {
  readonly field: PgReadField;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, places, count } = values;
    const { column, nanIsNull } = this.field;
    const numbers = batch.float64(column.name);
    const refusesNaN = column.nullable === true && nanIsNull !== true;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (view.getInt32(place) < 0) {
        numbers[start + i] = Number.NaN;
        if (!column.nullable) values.refuse(i, this.field, EXPECTED_NOT_NULL('float64'), 'NULL');
        continue;
      }
      const value = this.#valueAt(values, i, place);
      numbers[start + i] = value;
      if (refusesNaN && Number.isNaN(value)) values.refuse(i, this.field, EXPECTED_NUMBER, 'NaN');
    }
  }

  #valueAt(values: ValuesRead, i: number, place: number): number {
    const { view } = values;
    const at = place + 4;
    switch (this.field.type) {
      case 'float8':
        return view.getFloat64(at);
      case 'float4':
        return view.getFloat32(at);
      case 'int2':
        return view.getInt16(at);
      case 'int4':
        return view.getInt32(at);
      case 'int8':
        return this.#int8At(values, i, at);
      default:
        return this.#numericAt(values, i, place);
    }
  }

  #int8At(values: ValuesRead, i: number, at: number): number {
    const upper = values.view.getInt32(at) * TWO_32;
    const low = values.view.getUint32(at + 4);
    const value = upper + low;
    if (value - upper !== low && !this.field.rounds)
      values.refuse(i, this.field, EXPECTED_EXACT, String(values.view.getBigInt64(at)));
    return value;
  }

  #numericAt(values: ValuesRead, i: number, place: number): number {
    const { value, isExact } = readNumeric(values.view, place + 4);
    if (!isExact && !this.field.rounds)
      values.refuse(i, this.field, EXPECTED_EXACT, shownNumeric(values.view, place + 4));
    return value;
  }
}
