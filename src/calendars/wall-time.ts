import type { Weekdays } from './calendar-data.js';
import { DAY_MS, WEEKDAYS } from './civil-date.js';

const WALL_TIME = /^(?:([+-]\d)d )?(\d{2}):(\d{2})(?::(\d{2}))?$/;

/**
 * Reads a time on the wall as ms after midnight of the trade date; before it, less than 0.
 *
 * @returns `undefined` if the text is no time such as `09:30`, `16:35:30`, `24:00` or `-1d 17:00`.
 */
export function parseWallTime(text: string): number | undefined {
  const [, days = '0', hours, minutes, seconds = '0'] = WALL_TIME.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 24 || m > 59 || s > 59 || (h === 24 && m + s > 0)) return undefined;
  return Number(days) * DAY_MS + ((h * 60 + m) * 60 + s) * 1_000;
}

/**
 * Reads days of the week: `mon`, `mon-fri`, or a list of such.
 *
 * @returns A list of seven, Monday first; `undefined` if the text names none.
 */
export function parseWeekdays(days: Weekdays): boolean[] | undefined {
  const found = Array<boolean>(7).fill(false);
  const parts = typeof days === 'string' ? [days] : days;
  for (const part of parts) {
    const [first = '', last = first, ...more] = part.split('-');
    const from = indexOf(first);
    const to = indexOf(last);
    if (from < 0 || to < 0 || more.length > 0) return undefined;
    // `fri-mon` goes over the weekend.
    for (let i = from; ; i = (i + 1) % 7) {
      found[i] = true;
      if (i === to) break;
    }
  }
  return parts.length === 0 ? undefined : found;
}

const indexOf = (weekday: string): number => (WEEKDAYS as readonly string[]).indexOf(weekday);

/** As `parseWallTime` reads it: `09:30`, or `-1d 17:00`. */
export function wallTimeText(ms: number): string {
  const day = ms === DAY_MS ? 0 : Math.floor(ms / DAY_MS);
  const seconds = (ms - day * DAY_MS) / 1_000;
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = seconds % 60 === 0 ? parts.slice(0, 2) : parts;
  const time = shown.map((part) => String(part).padStart(2, '0')).join(':');
  return day === 0 ? time : `${day > 0 ? '+' : ''}${day}d ${time}`;
}
