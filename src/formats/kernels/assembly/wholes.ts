import { fieldAt, fieldSkip, fieldStep } from './csv-rows';
import { UNREAD, VALUES } from './memory';
import { BY_10, BY_100, BY_10000, NINE, numbersOf, tail, united, UPPER_8_WORDS, ZERO_DIGIT } from './vectors';

export const TEN_16: u64 = 10_000_000_000_000_000;
/** Not a number of up to four digits. */
export const BAD: u64 = 1 << 32;
const NO_NUMBER: i64 = i64.MIN_VALUE;

/** The number in the bytes before the last 16. */
@inline
export function leading(start: usize, end: usize): u64 {
  let value: u64 = 0;
  for (let at = start; at + 16 < end; at++) {
    const digit = <u32>load<u8>(at) - 48;
    if (digit > 9) return BAD;
    value = value * 10 + digit;
  }
  return value;
}

/** A whole number of at most 18 digits, with or without a minus; `NO_NUMBER` for anything else. */
function whole(start: usize, end: usize): i64 {
  const isMinus = start < end && load<u8>(start) === 45;
  const first = start + <usize>isMinus;
  const length = <i32>(end - first);
  if (<u32>(length - 1) >= 18) return NO_NUMBER;
  const digits = v128.and(i8x16.sub(v128.load(end - 16), v128.load(ZERO_DIGIT)), tail(length));
  if (v128.any_true(i8x16.gt_u(digits, v128.load(NINE)))) return NO_NUMBER;
  const numbers = numbersOf(digits, digits, v128.load(BY_10), v128.load(BY_100), v128.load(BY_10000));
  const upper = leading(first, end);
  if (upper === BAD) return NO_NUMBER;
  const value = i64x2.extract_lane(united(numbers, v128.load(UPPER_8_WORDS)), 0) + <i64>(upper * TEN_16);
  return isMinus ? -value : value;
}

/**
 * Reads whole numbers of at most 18 digits into 64 bits each, or 32: two rows a turn, one where there is a minus or
 * more than 16 digits.
 *
 * @returns How many rows are at `UNREAD`.
 */
@inline
function readWholes<T>(rows: i32): i32 {
  const zero = v128.load(ZERO_DIGIT);
  const nine = v128.load(NINE);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  const upper8 = v128.load(UPPER_8_WORDS);
  // Digits that fit at once: of 32 bits, nine do.
  const digitsMax: u32 = sizeof<T>() === 4 ? 9 : 16;
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
    const out = VALUES + <usize>row * sizeof<T>();
    if (sizeof<T>() === 4) v128.store64_lane(out, v128.shuffle<i32>(values, values, 0, 2, 0, 2), 0);
    else v128.store(out, values);
    if (
      <u32>(length0 - 1) < digitsMax &&
      <u32>(length1 - 1) < digitsMax &&
      !v128.any_true(i8x16.sub_sat_u(i8x16.max_u(digits0, digits1), nine))
    ) {
      continue;
    }
    for (let one = row; one < min(row + 2, rows); one++) {
      const value = one === row ? whole(start0, end0) : whole(start1, end1);
      store<T>(VALUES + <usize>one * sizeof<T>(), <T>value);
      if (value === NO_NUMBER || value !== <i64>(<T>value)) {
        store<i32>(UNREAD + (<usize>unread << 2), one);
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
