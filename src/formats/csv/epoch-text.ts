import { writeEpochMillis } from '../../columns/int64.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** 2⁴³ minus a day for the zone: the years 1691 to 2248, which fit 64 bits of nanoseconds. */
export const EPOCH_MS_MAX = 8_796_006_622_208;

/** Decimal places between a unit and milliseconds. */
export const MILLI_SHIFT = { s: 3, ms: 0, us: -3, ns: -6 } as const;

const DOT = 46;
const MINUS = 45;

/**
 * Reads a number of seconds, milliseconds, microseconds or nanoseconds, with or without a fraction. It
 * works digit by digit, since one double could not hold them all, and is exact to the nanosecond. Finer
 * digits are cut off (towards zero).
 *
 * @param shift - The shift of the unit, from `MILLI_SHIFT`.
 * @param baseMs - Local midnight from which the number counts; 0 for times since 1970.
 * @returns Whether the bytes are such a number, and the time is between 1691 and 2248.
 */
export function writeEpochText(
  bytes: Uint8Array,
  start: number,
  end: number,
  shift: number,
  baseMs: number,
  zone: ZoneOffsets,
  words: Int32Array,
  row: number,
): boolean {
  // The common form first: only digits, where those before `split` are milliseconds.
  const split = shift < 0 ? end + shift : end;
  if (split > start && split - start <= 15) {
    const ms = wholeDigits(bytes, start, split);
    const rest = wholeDigits(bytes, split, end);
    if (ms >= 0 && rest >= 0) {
      const localMs = (shift === 3 ? ms * 1_000 : ms) + baseMs;
      return finish(localMs, shift === -3 ? rest * 1_000 : rest, zone, words, row);
    }
  }
  const negative = start < end && bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  let dot = first;
  while (dot < end && bytes[dot] !== DOT) dot++;
  if (dot === first) return false; // no digit before the point
  if (dot === end - 1) return false; // no digit after the point

  // The digits up to `dot + shift` are the milliseconds, the next six the nanoseconds.
  let ms = 0;
  let subNanos = 0;
  let place = dot - first + shift; // digits left for ms; negative: leading zeros of the nanoseconds
  if (place > 16) return false;
  let places = place < 0 ? -place : 0; // nanosecond digits so far, leading zeros included
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) {
      if (at === dot) continue;
      return false;
    }
    if (place > 0) {
      ms = ms * 10 + digit;
      place--;
    } else if (places < 6) {
      subNanos = subNanos * 10 + digit;
      places++;
    }
  }
  for (; place > 0; place--) ms *= 10;
  for (; places < 6; places++) subNanos *= 10;

  if (negative) {
    ms = -ms;
    if (subNanos > 0) {
      ms -= 1;
      subNanos = 1_000_000 - subNanos;
    }
  }
  return finish(ms + baseMs, subNanos, zone, words, row);
}

function finish(
  localMs: number,
  subNanos: number,
  zone: ZoneOffsets,
  words: Int32Array,
  row: number,
): boolean {
  if (localMs > EPOCH_MS_MAX || localMs < -EPOCH_MS_MAX) return false;
  writeEpochMillis(words, row, zone.toUtc(localMs, row), subNanos);
  return true;
}

/** Parses at most 15 digits, in two limbs of 32-bit arithmetic; −1 if a byte is not a digit. */
function wholeDigits(bytes: Uint8Array, start: number, end: number): number {
  const middle = Math.max(start, end - 9);
  let upper = 0;
  let at = start;
  for (; at < middle; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return -1;
    upper = (Math.imul(upper, 10) + digit) | 0;
  }
  let lower = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >>> 0 > 9) return -1;
    lower = (Math.imul(lower, 10) + digit) | 0;
  }
  return upper * 1e9 + lower;
}
