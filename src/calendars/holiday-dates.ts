import type { HolidayRule, Observance } from './calendar-data.js';
import { dayOf, easterSunday, nthWeekday, parseDay, WEEKDAYS, weekdayOf, yearOf } from './civil-date.js';
import { parseWeekdays } from './wall-time.js';

const SATURDAY = 5;
const SUNDAY = 6;

/** Returns the day since 1970 on which a rule falls in a year, where it is observed; `undefined` if it does not. */
export function holidayIn(year: number, rule: HolidayRule): number | undefined {
  const named = namedDay(year, rule);
  if (named === undefined || rule.exceptYears?.includes(year)) return undefined;
  const day = observedOn(named + (rule.plusDays ?? 0), rule.observed);
  if (rule.weekdays !== undefined && !parseWeekdays(rule.weekdays)?.[weekdayOf(day)]) return undefined;
  const isBefore = rule.from !== undefined && day < parseDay(rule.from)!;
  const isAfter = rule.to !== undefined && day > parseDay(rule.to)!;
  return isBefore || isAfter ? undefined : day;
}

/**
 * Returns the first rule that falls on each day of a year, by day since 1970. One that belongs to the year
 * before or after may be observed in this one.
 */
export function holidaysOf(year: number, rules: readonly HolidayRule[]): Map<number, HolidayRule> {
  const found = new Map<number, HolidayRule>();
  for (const rule of rules) {
    for (const of of [year - 1, year, year + 1]) {
      const day = holidayIn(of, rule);
      if (day !== undefined && yearOf(day) === year && !found.has(day)) found.set(day, rule);
    }
  }
  return found;
}

function namedDay(year: number, { month, day, weekday, nth, easter }: HolidayRule): number | undefined {
  if (easter !== undefined) return easterSunday(year) + easter;
  if (month === undefined) return undefined;
  if (weekday !== undefined && nth !== undefined)
    return nthWeekday(year, month, WEEKDAYS.indexOf(weekday), nth);
  if (day === undefined) return undefined;
  // February 29 is in leap years only.
  return dayOf(year, month, day) < dayOf(year, month + 1, 1) ? dayOf(year, month, day) : undefined;
}

function observedOn(day: number, observance: Observance | undefined): number {
  const weekday = weekdayOf(day);
  if (observance === undefined || weekday < SATURDAY) return day;
  const friday = day - (weekday - SATURDAY) - 1;
  const monday = day + (SUNDAY - weekday) + 1;
  switch (observance) {
    case 'nearest-weekday':
      return weekday === SATURDAY ? friday : monday;
    case 'sunday-to-monday':
      return weekday === SUNDAY ? monday : day;
    case 'weekend-to-monday':
      return monday;
    case 'weekend-to-friday':
      return friday;
  }
}
