import type { Weekday } from './calendar-data.js';

/*
 * Dates without a zone, as whole days since 1970-01-01.
 */

export const DAY_MS = 86_400_000;

/** In the order of `weekdayOf`. */
export const WEEKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** @returns `undefined` if the text is no date `YYYY-MM-DD` of the calendar. */
export function parseDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // February 30 is refused by some engines and read as March 1 or 2 by others.
  return Number.isNaN(ms) || dateText(ms / DAY_MS) !== text ? undefined : ms / DAY_MS;
}

/** `YYYY-MM-DD`. */
export const dateText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** 0 is Monday, 6 is Sunday. */
export const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7;

export const yearOf = (day: number): number => new Date(day * DAY_MS).getUTCFullYear();

/** @param month - 1 is January. */
export const dayOf = (year: number, month: number, date: number): number =>
  Date.UTC(year, month - 1, date) / DAY_MS;

/**
 * The nth weekday of a month.
 *
 * @param weekday - 0 is Monday.
 * @param nth - From 1; -1 is the last one.
 * @returns `undefined` if the month has no fifth one.
 */
export function nthWeekday(year: number, month: number, weekday: number, nth: number): number | undefined {
  const after = dayOf(year, month + 1, 1); // January follows month 12
  if (nth === -1) return after - 1 - ((weekdayOf(after - 1) - weekday + 7) % 7);
  const first = dayOf(year, month, 1);
  const day = first + ((weekday - weekdayOf(first) + 7) % 7) + 7 * (nth - 1);
  return day < after ? day : undefined;
}

/**
 * Easter Sunday of the Gregorian calendar.
 *
 * @see J. Meeus, Astronomical Algorithms, chapter 8, the rule for any Gregorian year.
 */
export function easterSunday(year: number): number {
  const golden = year % 19;
  const century = Math.floor(year / 100);
  const inCentury = year % 100;
  const correction = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + century - Math.floor(century / 4) - correction + 15) % 30;
  const weekday = (32 + 2 * (century % 4) + 2 * Math.floor(inCentury / 4) - epact - (inCentury % 4)) % 7;
  const late = Math.floor((golden + 11 * epact + 22 * weekday) / 451);
  const sum = epact + weekday - 7 * late + 114;
  return dayOf(year, Math.floor(sum / 31), (sum % 31) + 1);
}
