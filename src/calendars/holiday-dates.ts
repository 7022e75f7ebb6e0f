import type { HolidayRule, Observance } from './calendar-data.js';
import { dayOf, easterSunday, nthWeekday, parseDay, WEEKDAYS, weekdayOf, yearOf } from './civil-date.js';
import { parseWeekdays } from './wall-time.js';

const SATURDAY = 5;
const SUNDAY = 6;

/** A rule whose texts are read once, for all years. */
export interface PreparedRule {
  readonly rule: HolidayRule;
  readonly weekdays: readonly boolean[] | undefined;
  /** First and last day, since 1970. */
  readonly from: number;
  readonly to: number;
  readonly exceptYears: ReadonlySet<number>;
}

/** @param rule - A rule without mistakes. */
export function prepareRule(rule: HolidayRule): PreparedRule {
  return {
    rule,
    weekdays: rule.weekdays === undefined ? undefined : parseWeekdays(rule.weekdays),
    from: rule.from === undefined ? Number.NEGATIVE_INFINITY : parseDay(rule.from)!,
    to: rule.to === undefined ? Number.POSITIVE_INFINITY : parseDay(rule.to)!,
    exceptYears: new Set(rule.exceptYears),
  };
}

/** Returns the day since 1970 on which a rule falls in a year, where it is observed; `undefined` if it does not. */
export function holidayIn(year: number, prepared: PreparedRule): number | undefined {
  const { rule, weekdays, from, to, exceptYears } = prepared;
  const named = exceptYears.has(year) ? undefined : namedDay(year, rule);
  if (named === undefined) return undefined;
  const day = observedOn(named + (rule.plusDays ?? 0), rule.observed);
  const isOnWeekday = weekdays === undefined || weekdays[weekdayOf(day)];
  return isOnWeekday && day >= from && day <= to ? day : undefined;
}

/**
 * Returns the first rule that falls on each day of a year, by day since 1970. One that belongs to the year
 * before or after may be observed in this one.
 */
export function holidaysOf(year: number, rules: readonly PreparedRule[]): Map<number, HolidayRule> {
  const found = new Map<number, HolidayRule>();
  for (const prepared of rules) {
    for (const of of [year - 1, year, year + 1]) {
      const day = holidayIn(of, prepared);
      if (day !== undefined && yearOf(day) === year && !found.has(day)) found.set(day, prepared.rule);
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
