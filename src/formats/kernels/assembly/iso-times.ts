import { fieldAt, fieldSkip, fieldStep } from './csv-rows';
import { HEADS, PARAMETERS, UNREAD, VALUES } from './memory';
import { BY_10, BY_100, BY_10000, NINE, NINE_TO_END, numbersOf, ZERO_DIGIT } from './vectors';

const BLANK: u8 = 32;
const COLON: u8 = 58;
const DAY_MS: i64 = 86_400_000;
/** Not two digits. */
const BAD: u32 = 1_000;

@inline
function twoDigits(at: usize): u32 {
  const tens = <u32>load<u8>(at) - 48;
  const ones = <u32>load<u8>(at, 1) - 48;
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : BAD;
}

/** Days since 1970 of a date like 2024-01-31; −2³¹ if there is no such day. */
function dayOf(at: usize): i32 {
  const century = twoDigits(at);
  const ofCentury = twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  if (load<u8>(at, 4) !== 45 || load<u8>(at, 7) !== 45) return i32.MIN_VALUE;
  if (century + ofCentury >= BAD || month - 1 > 11 || day - 1 > 30) return i32.MIN_VALUE;
  const year = century * 100 + ofCentury;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days: u32 = month === 2 ? 28 + <u32>isLeap : 30 + ((month + (month >> 3)) & 1);
  if (day > days) return i32.MIN_VALUE;
  // Years begin in March, so that the leap day is the last one (Hinnant 2013). 400 more, to stay positive.
  const shifted = year + 400 - <u32>(month <= 2);
  const era = shifted / 400;
  const ofEra = shifted - era * 400;
  const ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return <i32>(era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear) - 719_468 - 146_097;
}

/** Parses `Z`, `+01`, `+0100` or `+01:00`, in minutes; 2³¹ − 1 for anything else. */
function offsetMinutes(start: usize, end: usize): i32 {
  const first = load<u8>(start);
  if ((first & ~32) === 90) return end === start + 1 ? 0 : i32.MAX_VALUE;
  if (first !== 43 && first !== 45) return i32.MAX_VALUE;
  const length = <i32>(end - start);
  const colon: i32 = length > 3 && load<u8>(start, 3) === COLON ? 1 : 0;
  if (length !== 3 && length !== 5 + colon) return i32.MAX_VALUE;
  const hours = twoDigits(start + 1);
  const minutes: u32 = length === 3 ? 0 : twoDigits(start + 3 + colon);
  if (hours > 23 || minutes > 59) return i32.MAX_VALUE;
  const offset = <i32>(hours * 60 + minutes);
  return first === 45 ? -offset : offset;
}

/**
 * Reads times like `2024-01-31T23:59:00.123456789Z`, with an offset or on the clock of a zone, and dates, into
 * nanoseconds since 1970. The date of the row before is remembered. At `PARAMETERS` are where the stretch of the
 * zone's clock begins and ends, and its offset, and the greatest time, all in ms.
 *
 * @returns How many rows are at `UNREAD`.
 */
export function readIsoTimes(rows: i32): i32 {
  const from = load<i64>(PARAMETERS);
  const to = load<i64>(PARAMETERS, 8);
  const zoneMs = load<i64>(PARAMETERS, 16);
  const most = load<i64>(PARAMETERS, 24);
  const zero = v128.load(ZERO_DIGIT);
  const nine = v128.load(NINE);
  const nineToEnd = v128.load(NINE_TO_END);
  const by10 = v128.load(BY_10);
  const by100 = v128.load(BY_100);
  const by10000 = v128.load(BY_10000);
  let date0: u64 = 0; // the ten bytes of the last date
  let date8: u32 = u32.MAX_VALUE; // no two bytes are that: nothing is remembered yet
  let dayMs: i64 = 0;
  let unread: i32 = 0;
  const step = fieldStep;
  const skip = fieldSkip;
  let field = fieldAt;
  for (let row = 0; row < rows; row++, field += step) {
    const start = <usize>(load<u32>(field - 4) + skip);
    const end = <usize>load<u32>(field);
    const length = <i32>(end - start);
    let isRead = false;
    let utcMs: i64 = 0;
    let subMs: i64 = 0;
    if (length >= 10) {
      const first8 = load<u64>(start);
      const next2 = <u32>load<u16>(start, 8);
      let isDay = true;
      if (first8 !== date0 || next2 !== date8) {
        const day = dayOf(start);
        isDay = day !== i32.MIN_VALUE;
        if (isDay) {
          date0 = first8;
          date8 = next2;
          dayMs = <i64>day * DAY_MS;
        }
      }
      let localMs = dayMs;
      let at = start + 10;
      if (isDay && length >= 19) {
        // HH:MM:SS as one word: each byte less "0", and less ":" for the colons, is at most 9, or 0.
        const clock = load<u64>(start, 11) ^ 0x30_30_3a_30_30_3a_30_30;
        const isClock =
          ((clock | (clock + 0x76_76_7f_76_76_7f_76_76)) & 0x80_80_80_80_80_80_80_80) === 0;
        const separator = load<u8>(start, 10);
        const hour = <u32>(clock & 15) * 10 + <u32>((clock >> 8) & 15);
        const minute = <u32>((clock >> 24) & 15) * 10 + <u32>((clock >> 32) & 15);
        const second = <u32>((clock >> 48) & 15) * 10 + <u32>((clock >> 56) & 15);
        isDay =
          isClock &&
          hour <= 23 &&
          minute <= 59 &&
          second <= 59 &&
          (separator === BLANK || (separator & ~32) === 84);
        localMs += <i64>(((hour * 60 + minute) * 60 + second) * 1_000);
        at = start + 19;
        if (isDay && at < end && (load<u8>(at) === 46 || load<u8>(at) === 44)) {
          at++;
          const bytes = i8x16.sub(v128.load(at), zero);
          const others = i8x16.bitmask(i8x16.gt_u(bytes, nine));
          const places = min(<i32>ctz(others | 0x10000), <i32>(end - at));
          isDay = places > 0 && places < 16;
          const kept = v128.and(bytes, v128.load(HEADS + (<usize>places << 4)));
          const digits = i8x16.swizzle(kept, nineToEnd);
          const numbers = numbersOf(digits, digits, by10, by100, by10000);
          const nanos =
            <u32>i32x4.extract_lane(numbers, 0) * 100_000_000 + <u32>i32x4.extract_lane(numbers, 1);
          const millis = nanos / 1_000_000;
          localMs += <i64>millis;
          subMs = <i64>(nanos - millis * 1_000_000);
          at += places;
        }
      }
      if (isDay && at === end) {
        isRead = localMs >= from && localMs < to;
        utcMs = localMs - zoneMs;
      } else if (isDay && length >= 19) {
        const offset = offsetMinutes(at, end);
        isRead = offset !== i32.MAX_VALUE;
        utcMs = localMs - <i64>offset * 60_000;
      }
    }
    store<i64>(VALUES + (<usize>row << 3), utcMs * 1_000_000 + subMs);
    if (!isRead || utcMs > most || utcMs < -most) {
      store<i32>(UNREAD + (<usize>unread << 2), row);
      unread++;
    }
  }
  return unread;
}
