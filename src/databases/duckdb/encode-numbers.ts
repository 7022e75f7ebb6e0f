import { readInt64 } from '../../columns/int64.js';
import type { Column, ColumnData } from '../../columns/schema.js';
import type { DuckDbType } from './column-types.js';
import { copied, type EncodedRows, type Refuse } from './encoded-rows.js';
import { ValidityBits } from './validity-bits.js';

const WHOLE_BYTES = { TINYINT: 1, SMALLINT: 2, INTEGER: 4, BIGINT: 8 } as const;
type WholeName = keyof typeof WHOLE_BYTES;

const isWhole = (name: DuckDbType['name']): name is WholeName => Object.hasOwn(WHOLE_BYTES, name);

/** Finds the numbers that a type cannot hold: too large, or not whole. */
export function checkNumbers(
  column: Column,
  { name }: DuckDbType,
  rounds: boolean,
  data: ColumnData,
  rows: number,
  refuse: Refuse,
): void {
  const isNullable = column.nullable === true;
  if (name === 'FLOAT') {
    for (let row = 0; row < rows; row++) {
      const value = data[row]!;
      const single = Math.fround(value);
      const fits = rounds ? Number.isFinite(single) : single === value;
      if (fits || !Number.isFinite(value)) continue;
      refuse(
        row,
        rounds
          ? 'a number that FLOAT can hold, at most 3.4028234663852886e38'
          : 'a number that FLOAT holds exactly ("rounds: true" rounds it)',
        String(value),
      );
    }
    return;
  }
  if (!isWhole(name)) return;
  const bits = WHOLE_BYTES[name] * 8;
  const expected = `a whole number of ${bits} bits for ${name}`;
  if (column.type === 'int64') {
    if (bits === 64) return;
    const words = data as Int32Array;
    for (let row = 0; row < rows; row++) {
      const value = readInt64(words, row);
      if (BigInt.asIntN(bits, value) !== value) refuse(row, expected, String(value));
    }
    return;
  }
  const limit = 2 ** (bits - 1);
  for (let row = 0; row < rows; row++) {
    const value = data[row]!;
    if (value >= -limit && value < limit && (column.type === 'int32' || Number.isInteger(value))) continue;
    if (isNullable && Number.isNaN(value)) continue;
    refuse(row, expected, String(value));
  }
}

/** Brings numbers that were checked into the form of their type. */
export function numberEncoder(
  column: Column,
  { name }: DuckDbType,
  rowsMax: number,
): (data: ColumnData, start: number, rows: number) => EncodedRows {
  const isCopied =
    (column.type === 'int64' && name === 'BIGINT') ||
    (column.type === 'int32' && name === 'INTEGER') ||
    (column.type === 'float64' && name === 'DOUBLE');
  const width = column.type === 'int32' ? 4 : 8;
  const mayBeNull = column.type === 'float64' && column.nullable === true;
  if (isCopied && !mayBeNull) return (data, start, rows) => copied(data, start, rows, width);

  const validity = new ValidityBits(rowsMax);
  const target = targetOf(name, rowsMax);
  const all = new Uint8Array(target.buffer);
  const isWide = target instanceof BigInt64Array;
  return (data, start, rows) => {
    validity.begin();
    if (column.type === 'int64') {
      const words = data as Int32Array;
      // The low word says it all, since the number was checked: a typed array cuts the rest off.
      for (let row = 0; row < rows; row++) (target as Int32Array)[row] = words[2 * (start + row)]!;
    } else {
      for (let row = 0; row < rows; row++) {
        const value = data[start + row]!;
        if (mayBeNull && Number.isNaN(value)) {
          validity.setNull(row);
          if (isWide) target[row] = 0n;
          else (target as Float64Array)[row] = 0;
        } else if (isWide) target[row] = BigInt(value);
        else (target as Float64Array)[row] = value;
      }
    }
    return { bytes: all.subarray(0, rows * target.BYTES_PER_ELEMENT), validity: validity.bits };
  };
}

function targetOf(name: DuckDbType['name'], rows: number) {
  switch (name) {
    case 'TINYINT':
      return new Int8Array(rows);
    case 'SMALLINT':
      return new Int16Array(rows);
    case 'INTEGER':
      return new Int32Array(rows);
    case 'BIGINT':
      return new BigInt64Array(rows);
    case 'FLOAT':
      return new Float32Array(rows);
    default:
      return new Float64Array(rows);
  }
}
