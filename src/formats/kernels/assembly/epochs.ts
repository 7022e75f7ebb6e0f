import { fieldAt, fieldSkip, fieldStep } from './csv-rows';
import { FACTORS, LIMITS, PARAMETERS, UNREAD, VALUES, WITHOUT } from './memory';
import { BY_10, BY_100, BY_10000, DOT, NINE, numbersOf, tail, united, UPPER_8_WORDS, ZERO_DIGIT } from './vectors';
import { BAD, leading, TEN_16 } from './wholes';

const TEN_15: u64 = 1_000_000_000_000_000;
const NO_TIME: u64 = u64.MAX_VALUE;
/** Most digits of a whole number of ns that are read: `writeEpochText` takes 16 of ms, with zeros in front. */
const NANO_DIGITS: i32 = 22;

/** What stands before the last 16 bytes, which is the same in many rows. */
let frontText: u32 = 0;
let frontLength: i32 = 0;
let frontValue: u64 = 0;

/**
 * A number of units with or without a fraction, in ns; `NO_TIME` for anything else.
 *
 * @param places - Decimal places from the unit to ns.
 */
function epoch(start: usize, end: usize, places: i32): u64 {
  const length = <i32>(end - start);
  if (<u32>(length - 1) >= 20) return NO_TIME;
  const mask = tail(length);
  const bytes = v128.load(end - 16);
  const point = ctz(i8x16.bitmask(v128.and(i8x16.eq(bytes, v128.load(DOT)), mask)) | 0x10000);
  // A point needs a digit on both sides, and no more after it than nanoseconds.
  if (point < 16 && (point === 15 || point + places < 15 || point + length <= 16)) return NO_TIME;
  if (length - 16 + point + places > NANO_DIGITS) return NO_TIME;
  const digits = i8x16.swizzle(
    v128.and(i8x16.sub(bytes, v128.load(ZERO_DIGIT)), mask),
    v128.load(WITHOUT + (<usize>point << 4)),
  );
  if (v128.any_true(i8x16.gt_u(digits, v128.load(NINE)))) return NO_TIME;
  const numbers = numbersOf(digits, digits, v128.load(BY_10), v128.load(BY_100), v128.load(BY_10000));
  let value = <u64>i64x2.extract_lane(united(numbers, v128.load(UPPER_8_WORDS)), 0);
  if (length > 16) {
    const text = load<u32>(start);
    if (text !== frontText || length !== frontLength) {
      frontText = text;
      frontLength = length;
      frontValue = leading(start, end);
    }
    // Four digits in front of a point and 15 fit 64 bits, and three in front of 16.
    if (frontValue === BAD || (point === 16 && length === 20)) return NO_TIME;
    value += frontValue * (point < 16 ? TEN_15 : TEN_16);
  }
  const index = <usize>point << 3;
  return value > load<u64>(LIMITS + index) ? NO_TIME : value * load<u64>(FACTORS + index);
}

/**
 * Reads epoch times without a sign into nanoseconds since 1970: two rows a turn, one where there is a fraction or
 * more than 16 digits. At `PARAMETERS` are the least and the greatest time that is read, before `shift` is added,
 * and `shift`, all in ns.
 *
 * @param places - Decimal places from the unit to ns: 9, 6, 3 or 0.
 * @returns How many rows are at `UNREAD`.
 */
export function readEpochs(rows: i32, places: i32): i32 {
  const least = load<u64>(PARAMETERS);
  const greatest = load<u64>(PARAMETERS, 8);
  const shift = load<i64>(PARAMETERS, 16);
  const zero = v128.load(ZERO_DIGIT);
  const nine = v128.load(NINE);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  const upper8 = v128.load(UPPER_8_WORDS);
  // For a point in each byte, and for none: ns of the last digit, and the greatest number.
  let factor: u64 = 1;
  for (let at = 15 - places; at <= 16; at++) {
    store<u64>(FACTORS + (<usize>at << 3), factor);
    store<u64>(LIMITS + (<usize>at << 3), greatest / factor);
    if (at < 15) factor *= 10;
  }
  const mostUnits = greatest / factor;
  const leastUnits = (least + factor - 1) / factor;
  const range = mostUnits - leastUnits;
  if (leastUnits > mostUnits) return rows; // no whole number of units is in between
  frontLength = 0;
  const digitsMax = <u32>min(16, NANO_DIGITS - places);
  const step = fieldStep;
  const skip = fieldSkip;
  let at = fieldAt;
  let unread: i32 = 0;
  for (let row = 0; row < rows; row += 2) {
    const start0 = <usize>(load<u32>(at - 4) + skip);
    const end0 = <usize>load<u32>(at);
    // Of an odd number of rows, the last one is read twice.
    if (row + 1 < rows) at += step;
    const start1 = <usize>(load<u32>(at - 4) + skip);
    const end1 = <usize>load<u32>(at);
    at += step;
    const length0 = <i32>(end0 - start0);
    const length1 = <i32>(end1 - start1);
    const digits0 = v128.and(i8x16.sub(v128.load(end0 - 16), zero), tail(length0));
    const digits1 = v128.and(i8x16.sub(v128.load(end1 - 16), zero), tail(length1));
    const values = united(numbersOf(digits0, digits1, by10, by100, by10000), upper8);
    const value0 = <u64>i64x2.extract_lane(values, 0);
    const value1 = <u64>i64x2.extract_lane(values, 1);
    const out = VALUES + (<usize>row << 3);
    store<i64>(out, <i64>(value0 * factor) + shift);
    store<i64>(out, <i64>(value1 * factor) + shift, 8);
    if (
      <u32>(length0 - 1) < digitsMax &&
      <u32>(length1 - 1) < digitsMax &&
      value0 - leastUnits <= range &&
      value1 - leastUnits <= range &&
      !v128.any_true(i8x16.sub_sat_u(i8x16.max_u(digits0, digits1), nine))
    ) {
      continue;
    }
    for (let one = row; one < min(row + 2, rows); one++) {
      const time = one === row ? epoch(start0, end0, places) : epoch(start1, end1, places);
      store<i64>(VALUES + (<usize>one << 3), <i64>time + shift);
      if (time === NO_TIME || time < least) {
        store<i32>(UNREAD + (<usize>unread << 2), one);
        unread++;
      }
    }
  }
  return unread;
}
