import { writeEpochMillis } from '../../columns/int64.js';
import { EPOCH_MS_MAX } from './epoch-text.js';
import type { ZoneOffsets } from './zone-offsets.js';

const LETTER_T = 84;
const LETTER_Z = 90;
const TO_LOWER = 32;
const BLANK = 32;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const COLON = 58;

/** Returned for two bytes that are not digits: outside of every valid range. */
const BAD = 1_000;

/**
 * Reads times like `2024-01-31T23:59:00.123456789Z`. The T may be a blank. The offset (`Z`, `+01`,
 * `+01:00`, `-0500`), the fraction, the seconds and the whole time of day are optional. Exact to the
 * nanosecond; digits past the ninth are cut off. A time without an offset is in the zone passed to
 * `write`.
 *
 * Caches the last day, since the next row is usually of the same day.
 */
export class IsoText {
  #day = -1;
  #dayMs = 0;

  /** @returns Whether the bytes are such a time, between 1691 and 2248. */
  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    zone: ZoneOffsets,
    words: Int32Array,
    row: number,
  ): boolean {
    const length = end - start;
    if (length < 10 || bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS) return false;
    const century = twoDigits(bytes, start);
    const yearOfCentury = twoDigits(bytes, start + 2);
    const month = twoDigits(bytes, start + 5);
    const dayOfMonth = twoDigits(bytes, start + 8);
    if (century + yearOfCentury >= BAD || month > 12 || dayOfMonth > 31) return false;
    const year = century * 100 + yearOfCentury;
    const day = (year * 16 + month) * 32 + dayOfMonth;
    if (day !== this.#day) {
      const dayMs = dayToMs(year, month, dayOfMonth);
      if (Number.isNaN(dayMs)) return false;
      this.#day = day;
      this.#dayMs = dayMs;
    }
    if (length === 10) return this.#finish(zone.toUtc(this.#dayMs, row), 0, words, row);

    const separator = bytes[start + 10]!;
    if (separator !== BLANK && (separator & ~TO_LOWER) !== LETTER_T) return false;
    if (length < 16 || bytes[start + 13] !== COLON) return false;
    const hour = twoDigits(bytes, start + 11);
    const minute = twoDigits(bytes, start + 14);
    if (hour > 23 || minute > 59) return false;
    let at = start + 16;
    let second = 0;
    let millis = 0;
    let subNanos = 0;
    if (at < end && bytes[at] === COLON) {
      if (at + 3 > end) return false;
      second = twoDigits(bytes, at + 1);
      if (second > 59) return false;
      at += 3;
      if (at < end && (bytes[at] === DOT || bytes[at] === COMMA)) {
        const fraction = ++at;
        for (; at < end; at++) {
          const digit = bytes[at]! - 48;
          if (digit >>> 0 > 9) break;
          const place = at - fraction;
          if (place < 3) millis = millis * 10 + digit;
          else if (place < 9) subNanos = subNanos * 10 + digit;
        }
        const places = at - fraction;
        if (places === 0) return false;
        for (let place = places; place < 3; place++) millis *= 10;
        for (let place = Math.max(3, places); place < 9; place++) subNanos *= 10;
      }
    }
    const localMs = this.#dayMs + ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
    if (at === end) return this.#finish(zone.toUtc(localMs, row), subNanos, words, row);
    const offset = offsetMinutes(bytes, at, end);
    if (Number.isNaN(offset)) return false;
    return this.#finish(localMs - offset * 60_000, subNanos, words, row);
  }

  #finish(utcMs: number, subNanos: number, words: Int32Array, row: number): boolean {
    if (utcMs > EPOCH_MS_MAX || utcMs < -EPOCH_MS_MAX) return false;
    writeEpochMillis(words, row, utcMs, subNanos);
    return true;
  }
}

/** Returns ms since 1970 of a day; NaN if the day does not exist. */
export function dayToMs(year: number, month: number, dayOfMonth: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, dayOfMonth);
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === dayOfMonth;
  return exists ? date.getTime() : Number.NaN;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48;
  const ones = bytes[at + 1]! - 48;
  return tens >>> 0 <= 9 && ones >>> 0 <= 9 ? tens * 10 + ones : BAD;
}

/** Parses `Z`, `+01`, `+0100` or `+01:00` up to the end, in minutes; NaN otherwise. */
function offsetMinutes(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if ((first & ~TO_LOWER) === LETTER_Z) return end === start + 1 ? 0 : Number.NaN;
  if (first !== PLUS && first !== MINUS) return Number.NaN;
  const length = end - start;
  const colon = bytes[start + 3] === COLON ? 1 : 0;
  if (length !== 3 && length !== 5 + colon) return Number.NaN;
  const hours = twoDigits(bytes, start + 1);
  const minutes = length === 3 ? 0 : twoDigits(bytes, start + 3 + colon);
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (first === MINUS ? -1 : 1) * (hours * 60 + minutes);
}
