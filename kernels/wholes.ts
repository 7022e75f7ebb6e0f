import { BOUNDS, FACTORS, LIMITS, PARAMETERS, UNREAD, VALUES, WITHOUT } from './memory';
import { pad } from './decimals';
import { BY_10, BY_100, BY_10000, DOT, NINE, numbersOf, tail, ZERO_DIGIT } from './vectors';

const TEN_8: u64 = 100_000_000;
const TEN_15: u64 = 1_000_000_000_000_000;
const TEN_16: u64 = 10_000_000_000_000_000;
/** Not a number of up to four digits. */
const BAD: u64 = 1 << 32;

/** The number in the bytes before the last 16. */
// @ts-ignore: decorator
@inline
function leading(start: usize, end: usize): u64 {
  let value: u64 = 0;
  for (let at = start; at + 16 < end; at++) {
    const digit = <u32>load<u8>(at) - 48;
    if (digit > 9) return BAD;
    value = value * 10 + digit;
  }
  return value;
}

// @ts-ignore: decorator
@inline
function unite(upper: i32, lower: i32): u64 {
  return <u64>(<u32>upper) * TEN_8 + <u64>(<u32>lower);
}

/**
 * Reads whole numbers of at most 18 digits, with or without a minus, two rows a turn: into 64 bits each, or 32.
 *
 * @returns How many rows are at `UNREAD`.
 */
// @ts-ignore: decorator
@inline
function readWholes<T>(rows: i32): i32 {
  const zero = v128.load(ZERO_DIGIT);
  const nine = v128.load(NINE);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  pad(rows);
  let unread: i32 = 0;
  for (let row = 0; row < rows; row += 2) {
    const bounds = BOUNDS + (<usize>row << 3);
    const start0 = <usize>load<u32>(bounds);
    const end0 = <usize>load<u32>(bounds, 4);
    const start1 = <usize>load<u32>(bounds, 8);
    const end1 = <usize>load<u32>(bounds, 12);
    const minus0 = <i32>(load<u8>(start0) === 45);
    const minus1 = <i32>(load<u8>(start1) === 45);
    const length0 = <i32>(end0 - start0) - minus0;
    const length1 = <i32>(end1 - start1) - minus1;
    const digits0 = v128.and(i8x16.sub(v128.load(end0 - 16), zero), tail(length0));
    const digits1 = v128.and(i8x16.sub(v128.load(end1 - 16), zero), tail(length1));
    const numbers = numbersOf(digits0, digits1, by10, by100, by10000);
    const isOdd = v128.any_true(i8x16.gt_u(i8x16.max_u(digits0, digits1), nine));
    for (let i = 0; i < 2; i++) {
      const length = i === 0 ? length0 : length1;
      let value = <i64>(
        (i === 0
          ? unite(i32x4.extract_lane(numbers, 0), i32x4.extract_lane(numbers, 1))
          : unite(i32x4.extract_lane(numbers, 2), i32x4.extract_lane(numbers, 3)))
      );
      let isRead = <u32>(length - 1) < 18;
      if (isOdd) isRead = isRead && !v128.any_true(i8x16.gt_u(i === 0 ? digits0 : digits1, nine));
      const minus = i === 0 ? minus0 : minus1;
      if (length > 16) {
        const upper = isRead
          ? leading(i === 0 ? start0 + minus : start1 + minus, i === 0 ? end0 : end1)
          : BAD;
        isRead = upper !== BAD;
        value += upper * TEN_16;
      }
      if (minus !== 0) value = -value;
      if (sizeof<T>() === 4) {
        if (value !== <i64>(<i32>value)) isRead = false;
        store<i32>(VALUES + (<usize>(row + i) << 2), <i32>value);
      } else {
        store<i64>(VALUES + (<usize>(row + i) << 3), value);
      }
      if (!isRead && row + i < rows) {
        store<i32>(UNREAD + (<usize>unread << 2), row + i);
        unread++;
      }
    }
  }
  return unread;
}

export function readWholes32(rows: i32): i32 {
  return readWholes<i32>(rows);
}

export function readWholes64(rows: i32): i32 {
  return readWholes<i64>(rows);
}

/**
 * Reads epoch times without a sign, whole or with a fraction of no more than nanoseconds, two rows a turn, into
 * nanoseconds since 1970. At `PARAMETERS` are the least and the greatest time that is read, before `shift` is
 * added, and `shift`, all in ns.
 *
 * @param places - Decimal places from the unit to ns: 9, 6, 3 or 0.
 * @returns How many rows are at `UNREAD`.
 */
export function readEpochs(rows: i32, places: i32): i32 {
  const least = load<u64>(PARAMETERS);
  const greatest = load<u64>(PARAMETERS, 8);
  const shift = load<i64>(PARAMETERS, 16);
  const zero = v128.load(ZERO_DIGIT);
  const dot = v128.load(DOT);
  const nine = v128.load(NINE);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  // For a point in each byte, and for none: ns of the last digit, and the greatest number.
  let factor: u64 = 1;
  for (let at = 15 - places; at <= 16; at++) {
    store<u64>(FACTORS + (<usize>at << 3), factor);
    store<u64>(LIMITS + (<usize>at << 3), greatest / factor);
    if (at < 15) factor *= 10;
  }
  pad(rows);
  let leadingText: u32 = 0;
  let leadingLength: i32 = 0;
  let leadingValue: u64 = 0;
  let unread: i32 = 0;
  for (let row = 0; row < rows; row += 2) {
    const bounds = BOUNDS + (<usize>row << 3);
    const start0 = <usize>load<u32>(bounds);
    const end0 = <usize>load<u32>(bounds, 4);
    const start1 = <usize>load<u32>(bounds, 8);
    const end1 = <usize>load<u32>(bounds, 12);
    const length0 = <i32>(end0 - start0);
    const length1 = <i32>(end1 - start1);
    const mask0 = tail(length0);
    const mask1 = tail(length1);
    const bytes0 = v128.load(end0 - 16);
    const bytes1 = v128.load(end1 - 16);
    const point0 = ctz(i8x16.bitmask(v128.and(i8x16.eq(bytes0, dot), mask0)) | 0x10000);
    const point1 = ctz(i8x16.bitmask(v128.and(i8x16.eq(bytes1, dot), mask1)) | 0x10000);
    const digits0 = i8x16.swizzle(
      v128.and(i8x16.sub(bytes0, zero), mask0),
      v128.load(WITHOUT + (<usize>point0 << 4)),
    );
    const digits1 = i8x16.swizzle(
      v128.and(i8x16.sub(bytes1, zero), mask1),
      v128.load(WITHOUT + (<usize>point1 << 4)),
    );
    const numbers = numbersOf(digits0, digits1, by10, by100, by10000);
    const isOdd = v128.any_true(i8x16.gt_u(i8x16.max_u(digits0, digits1), nine));
    for (let i = 0; i < 2; i++) {
      const length = i === 0 ? length0 : length1;
      const point = i === 0 ? point0 : point1;
      let value =
        i === 0
          ? unite(i32x4.extract_lane(numbers, 0), i32x4.extract_lane(numbers, 1))
          : unite(i32x4.extract_lane(numbers, 2), i32x4.extract_lane(numbers, 3));
      // A point needs a digit on both sides, and no more after it than nanoseconds.
      let isRead =
        <u32>(length - 1) < 20 &&
        (point === 16 || (point < 15 && point + places >= 15 && point + length > 16));
      if (isOdd) isRead = isRead && !v128.any_true(i8x16.gt_u(i === 0 ? digits0 : digits1, nine));
      if (length > 16 && isRead) {
        const start = i === 0 ? start0 : start1;
        const text = load<u32>(start);
        if (text !== leadingText || length !== leadingLength) {
          leadingText = text;
          leadingLength = length;
          leadingValue = leading(start, i === 0 ? end0 : end1);
        }
        // Five digits in front of 16 do not fit; four in front of a point and 15 do, and three of 16.
        isRead = leadingValue !== BAD && (point < 16 || length < 20);
        value += leadingValue * (point < 16 ? TEN_15 : TEN_16);
      }
      const index = <usize>(isRead ? point : 16) << 3;
      if (isRead) isRead = value <= load<u64>(LIMITS + index);
      const time = value * load<u64>(FACTORS + index);
      isRead = isRead && time >= least;
      store<i64>(VALUES + (<usize>(row + i) << 3), <i64>time + shift);
      if (!isRead && row + i < rows) {
        store<i32>(UNREAD + (<usize>unread << 2), row + i);
        unread++;
      }
    }
  }
  return unread;
}
