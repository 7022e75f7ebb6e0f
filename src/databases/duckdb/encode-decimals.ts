import { DecimalDigits } from '../../columns/decimal-digits.js';
import { readInt64 } from '../../columns/int64.js';
import type { Column, ColumnData } from '../../columns/schema.js';
import type { DuckDbType } from './column-types.js';
import type { EncodedRows, Refuse } from './encoded-rows.js';
import { ValidityBits } from './validity-bits.js';

type Decimal = Extract<DuckDbType, { name: 'DECIMAL' }>;

/** 10 to a larger power is not exact in a double. */
const EXACT_POWER_MAX = 22;
/** Below this, whole numbers divided by a power of ten are different doubles. */
const WHOLE_MAX = 1e15;

/** Finds the numbers that are not exactly a decimal of this width and scale or, if it `rounds`, are too large for it. */
export function checkDecimals(
  column: Column,
  type: Decimal,
  rounds: boolean,
  data: ColumnData,
  rows: number,
  refuse: Refuse,
): void {
  const unscaled = unscaledBy(column, type, rounds);
  const limit = 10n ** BigInt(type.width);
  for (let row = 0; row < rows; row++) {
    if (isNull(column, data, row)) continue;
    const value = unscaled(data, row);
    if (value !== undefined && value < limit && value > -limit) continue;
    refuse(
      row,
      `a number with at most ${type.width} digits, ${type.scale} of them decimals, for DECIMAL(${type.width},${type.scale})`,
      column.type === 'int64' ? String(readInt64(data as Int32Array, row)) : String(data[row]),
    );
  }
}

/** Brings numbers that were checked into decimals. */
export function decimalEncoder(
  column: Column,
  type: Decimal,
  rounds: boolean,
  rowsMax: number,
): (data: ColumnData, start: number, rows: number) => EncodedRows {
  const unscaled = unscaledBy(column, type, rounds);
  const width = bytesOf(type);
  const view = new DataView(new ArrayBuffer(rowsMax * width));
  const bytes = new Uint8Array(view.buffer);
  const validity = new ValidityBits(rowsMax);
  return (data, start, rows) => {
    validity.begin();
    for (let row = 0; row < rows; row++) {
      const hasNone = isNull(column, data, start + row);
      if (hasNone) validity.setNull(row);
      write(view, row * width, width, hasNone ? 0n : unscaled(data, start + row)!);
    }
    return { bytes: bytes.subarray(0, rows * width), validity: validity.bits };
  };
}

const isNull = (column: Column, data: ColumnData, row: number): boolean =>
  column.type === 'float64' && column.nullable === true && Number.isNaN(data[row]!);

/** Bytes of a decimal in a vector. */
const bytesOf = ({ width }: Decimal): number => (width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16);

function write(view: DataView, at: number, width: number, value: bigint): void {
  if (width === 2) view.setInt16(at, Number(value), true);
  else if (width === 4) view.setInt32(at, Number(value), true);
  else {
    view.setBigInt64(at, BigInt.asIntN(64, value), true);
    if (width === 16) view.setBigInt64(at + 8, value >> 64n, true);
  }
}

/** @returns What gives the number × 10^scale; `undefined` if that is not whole. */
function unscaledBy(
  column: Column,
  { scale, width }: Decimal,
  rounds: boolean,
): (data: ColumnData, row: number) => bigint | undefined {
  const power = 10n ** BigInt(scale);
  if (column.type === 'int64') return (data, row) => readInt64(data as Int32Array, row) * power;
  if (column.type === 'int32') return (data, row) => BigInt(data[row]!) * power;
  const factor = 10 ** scale;
  const digits = new DecimalDigits();
  return (data, row) => {
    const value = data[row]!;
    if (!Number.isFinite(value)) return undefined;
    if (scale <= EXACT_POWER_MAX) {
      const whole = Math.round(value * factor);
      if (Math.abs(whole) <= WHOLE_MAX && whole / factor === value) return BigInt(whole);
    }
    digits.setDouble(value, undefined);
    if (!rounds && !digits.fitsScale(scale)) return undefined;
    digits.roundTo(scale);
    return digits.unscaled(scale, width);
  };
}
