import { fieldAt, fieldSkip, fieldStep } from './csv-rows';
import { FACTORS, UNREAD, VALUES, WITHOUT } from './memory';
import { BY_10, BY_100, BY_10000, DOT, NINE, numbersOf, tail, ten, UPPER_8, ZERO_DIGIT } from './vectors';

const MINUS: u8 = 45;
const PLUS: u8 = 43;

let unread: i32 = 0;

/**
 * Reads decimals and divides them by 10^`tenths`. Numbers of at most 15 digits, with or without a point and a minus,
 * are read two rows a turn: their digits and the power of ten are exact doubles, so one division rounds correctly
 * (Clinger 1990). Other numbers are read one by one.
 *
 * @param tenths - At most 22.
 * @param nullable - Whether an empty field is read as NaN.
 * @returns The number of rows at `UNREAD`.
 */
export function readDecimals(rows: i32, tenths: i32, nullable: bool): i32 {
  // The power of ten to divide by, for each place of the point, and for no point.
  for (let at = 0; at <= 16; at++) {
    store<f64>(FACTORS + (<usize>at << 3), ten(min(22, tenths + (at < 15 ? 15 - at : 0))));
  }
  unread = 0;
  // Most columns have no minus. The first loop ends at one, so that only the second pays for signs.
  const unsigned = readUpTo<u32>(0, rows, tenths, nullable);
  if (unsigned < rows) readUpTo<i32>(unsigned, rows, tenths, nullable);
  return unread;
}

/** @returns If `T` is unsigned, the first row with a minus. Otherwise, or if there is none, `rows`. */
@inline
function readUpTo<T>(first: i32, rows: i32, tenths: i32, nullable: bool): i32 {
  const zero = v128.load(ZERO_DIGIT);
  const dot = v128.load(DOT);
  const nine = v128.load(NINE);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  const upper8 = v128.load(UPPER_8);
  const allTenths = f64x2.splat(ten(tenths));
  // Powers of ten are exact up to 10^22, which limits how far to the front the point may be.
  const firstPoint = <usize>max(0, tenths - 7);
  const step = fieldStep;
  const skip = fieldSkip;
  let at = fieldAt + <usize>first * step;
  // Whether the last two rows had no point: then the next two are likely to have none.
  let areWhole = false;
  for (let row = first; row < rows; row += 2) {
    const start0 = <usize>(load<u32>(at - 4) + skip);
    const end0 = <usize>load<u32>(at);
    // Of an odd number of rows, the last one is read twice.
    if (row + 1 < rows) at += step;
    const start1 = <usize>(load<u32>(at - 4) + skip);
    const end1 = <usize>load<u32>(at);
    at += step;
    const minus0 = isSigned<T>() ? <i32>(load<u8>(start0) === MINUS) : 0;
    const minus1 = isSigned<T>() ? <i32>(load<u8>(start1) === MINUS) : 0;
    const length0 = <i32>(end0 - start0) - minus0;
    const length1 = <i32>(end1 - start1) - minus1;
    const mask0 = tail(length0);
    const mask1 = tail(length1);
    const bytes0 = v128.load(end0 - 16);
    const bytes1 = v128.load(end1 - 16);
    const out = VALUES + (<usize>row << 3);
    const masked0 = v128.and(i8x16.sub(bytes0, zero), mask0);
    const masked1 = v128.and(i8x16.sub(bytes1, zero), mask1);
    if (areWhole) {
      const numbers = numbersOf(masked0, masked1, by10, by100, by10000);
      v128.store(out, f64x2.div(doubled(numbers, upper8), allTenths));
      if (
        <u32>(length0 - 1) < 15 &&
        <u32>(length1 - 1) < 15 &&
        !v128.any_true(i8x16.sub_sat_u(i8x16.max_u(masked0, masked1), nine))
      ) {
        if (isSigned<T>() && (minus0 | minus1) !== 0) negate(out, minus0, minus1);
        continue;
      }
    }
    const point0 = <usize>ctz(i8x16.bitmask(v128.and(i8x16.eq(bytes0, dot), mask0)) | 0x10000);
    const point1 = <usize>ctz(i8x16.bitmask(v128.and(i8x16.eq(bytes1, dot), mask1)) | 0x10000);
    areWhole = (point0 & point1) === 16;
    const digits0 = i8x16.swizzle(masked0, v128.load(WITHOUT + (point0 << 4)));
    const digits1 = i8x16.swizzle(masked1, v128.load(WITHOUT + (point1 << 4)));
    const numbers = numbersOf(digits0, digits1, by10, by100, by10000);
    const powers = v128.load_lane<f64>(
      FACTORS + (point1 << 3),
      v128.load_zero<f64>(FACTORS + (point0 << 3)),
      1,
    );
    v128.store(out, f64x2.div(doubled(numbers, upper8), powers));
    // Fails for no digits and for more than 15.
    if (
      <u32>(length0 - <i32>(point0 < 16) - 1) < 15 &&
      <u32>(length1 - <i32>(point1 < 16) - 1) < 15 &&
      point0 >= firstPoint &&
      point1 >= firstPoint &&
      !v128.any_true(i8x16.sub_sat_u(i8x16.max_u(digits0, digits1), nine))
    ) {
      if (isSigned<T>() && (minus0 | minus1) !== 0) negate(out, minus0, minus1);
      continue;
    }
    if (!isSigned<T>() && (load<u8>(start0) === MINUS || load<u8>(start1) === MINUS)) return row;
    for (let one = row; one < min(row + 2, rows); one++) {
      const start = one === row ? start0 : start1;
      const end = one === row ? end0 : end1;
      const isNull = start === end && nullable;
      const value = isNull ? f64.NaN : decimal(start, end, tenths);
      store<f64>(VALUES + (<usize>one << 3), value);
      if (isNaN(value) && !isNull) {
        store<i32>(UNREAD + (<usize>unread << 2), one);
        unread++;
      }
    }
  }
  return rows;
}

@inline
function negate(out: usize, minus0: i32, minus1: i32): void {
  store<i64>(out, load<i64>(out) ^ (<i64>minus0 << 63));
  store<i64>(out, load<i64>(out, 8) ^ (<i64>minus1 << 63), 8);
}

/** The numbers of two times 15 digits as doubles, which hold them exactly. */
@inline
function doubled(numbers: v128, upper8: v128): v128 {
  return f64x2.add(
    f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<i32>(numbers, numbers, 0, 2, 0, 2)), upper8),
    f64x2.convert_low_i32x4_s(v128.shuffle<i32>(numbers, numbers, 1, 3, 1, 3)),
  );
}

/**
 * Reads one decimal as `parseDecimal` in `src/formats/csv/decimal.ts` does.
 * @returns NaN if it is no number, or cannot be rounded for certain here.
 */
function decimal(start: usize, end: usize, tenths: i32): f64 {
  let at = start;
  const sign = at < end ? load<u8>(at) : 0;
  if (sign === MINUS || sign === PLUS) at++;
  let mantissa: u64 = 0; // the first 15 digits
  let rest: u64 = 0; // up to four after them
  let digits: i32 = 0;
  let seen: i32 = 0;
  let exponent: i32 = -tenths;
  let isAfterPoint = false;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    const digit = byte - 48;
    if (digit <= 9) {
      seen++;
      if (digits > 0 || digit !== 0) digits++;
      if (digits <= 15) mantissa = mantissa * 10 + digit;
      else if (digits <= 19) rest = rest * 10 + digit;
      else return f64.NaN;
      if (isAfterPoint) exponent--;
    } else if (byte === 46 && !isAfterPoint) {
      isAfterPoint = true;
    } else {
      break;
    }
  }
  if (seen === 0) return f64.NaN;
  if (at < end) {
    if ((load<u8>(at++) | 32) !== 101) return f64.NaN;
    if (at === end) return f64.NaN;
    const powerSign = load<u8>(at);
    if (powerSign === MINUS || powerSign === PLUS) at++;
    if (at === end || end - at > 3) return f64.NaN;
    let power: i32 = 0;
    for (; at < end; at++) {
      const digit = load<u8>(at) - 48;
      if (digit > 9) return f64.NaN;
      power = power * 10 + digit;
    }
    exponent += powerSign === MINUS ? -power : power;
  }
  let value: f64 = f64.NaN;
  if (digits <= 15) {
    if (exponent < -22 || exponent > 22) return f64.NaN;
    value = exponent < 0 ? <f64>mantissa / ten(-exponent) : <f64>mantissa * ten(exponent);
  } else {
    if (exponent < -22 || exponent > 0) return f64.NaN;
    value = dividedLong(<f64>mantissa, ten(digits - 15), <f64>rest, ten(-exponent));
  }
  return sign === MINUS ? -value : value;
}

/** (`mantissa` × `scale` + `rest`) ÷ `divisor` in pairs of doubles (Dekker 1971); NaN if the error bound does not decide the rounding. */
function dividedLong(mantissa: f64, scale: f64, rest: f64, divisor: f64): f64 {
  const product = mantissa * scale;
  const tail = productError(mantissa, scale, product) + rest;
  const upper = product + tail;
  const lower = tail - (upper - product);
  const quotient = upper / divisor;
  const back = quotient * divisor;
  const correction = (upper - back - productError(quotient, divisor, back) + lower) / divisor;
  const value = quotient + correction;
  const error = correction - (value - quotient);
  return value + error * 1.000001 === value ? value : f64.NaN;
}

/** The exact rounding error of a product of doubles. */
function productError(a: f64, b: f64, product: f64): f64 {
  const splitA = 134_217_729 * a; // 2²⁷ + 1
  const upperA = splitA - (splitA - a);
  const lowerA = a - upperA;
  const splitB = 134_217_729 * b;
  const upperB = splitB - (splitB - b);
  const lowerB = b - upperB;
  return upperA * upperB - product + upperA * lowerB + lowerA * upperB + lowerA * lowerB;
}
