/**
 * The data of a calendar: what the tables in `data/` hold, and what a file of a user says. Plain data, so that
 * it crosses threads. Dates are `YYYY-MM-DD`, in the calendar's zone.
 */
export interface CalendarData {
  readonly name: string;
  /** For people: which market and which products. */
  readonly title: string;
  /** Of the IANA time zone database, `UTC`, or an offset like `-05:00`. */
  readonly zone: string;
  /** First trade date that the calendar knows. */
  readonly from: string;
  /** Last trade date that it knows. */
  readonly to: string;
  /** First trade date whose `pre` and `post` hours are known, where that is later than `from`. */
  readonly extendedFrom?: string;
  /** Where the dates and hours come from. */
  readonly source: string;
  /** The hours of a usual week and their changes, oldest first. The first one holds from `from` on. */
  readonly hours: readonly HoursChange[];
  /** Holidays and shortened days that come back each year. Of several on a date, the first one counts. */
  readonly holidays?: readonly HolidayRule[];
  /** Single dates in the range, one exception for each. They go before `holidays`. */
  readonly exceptions?: readonly DateException[];
}

/** The hours of a usual week, from a trade date on. */
export interface HoursChange {
  readonly from: string;
  readonly sessions: readonly WeeklySession[];
}

/** Hours on some days of the week. */
export interface WeeklySession extends OpenHours {
  /** Days of the week of the trade date: `mon`, `mon-fri`, or a list of such. */
  readonly days: Weekdays;
}

/**
 * A part of a trading day. Between two parts is a break.
 *
 * A time is `HH:MM` or `HH:MM:SS`, up to `24:00`, on the clock of the calendar's zone. With `-1d ` or `+1d ` in
 * front, it is that many days before or after the trade date: a Globex session begins at `-1d 17:00`.
 */
export interface OpenHours {
  /** `regular` by default. */
  readonly kind?: HoursKind;
  readonly from: string;
  readonly to: string;
}

/**
 * What the hours are: the main session, trading before and after it, or hours of which is not known whether the
 * market is open.
 */
export type HoursKind = 'pre' | 'regular' | 'post' | 'unknown';

/** A day of the week. */
export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';
/** Days of the week: `mon`, `mon-fri`, or a list of such. */
export type Weekdays = string | readonly string[];

/** What is different on a day. Without any of these, the market is closed. */
export interface DayEffect {
  /** Trading ends at this time, before the usual close. */
  readonly close?: string;
  /** Trading after hours then goes on until this time, where the calendar has `post` hours. */
  readonly postUntil?: string;
  /** Trading begins at this time, after the usual open. */
  readonly open?: string;
  /** All hours of the day, in place of the usual ones. */
  readonly hours?: readonly OpenHours[];
  /** `next`: the day is no trade date of its own, and its trades belong to the next one, at most 14 days later. */
  readonly tradeDate?: 'next';
}

/**
 * A day that comes back each year: `month` and `day`, the `nth` `weekday` of a `month` (-1 is the last), or days
 * from Easter Sunday (`easter: -2` is Good Friday).
 */
export interface HolidayRule extends DayEffect {
  readonly name: string;
  /** Number of the month: 1 is January. */
  readonly month?: number;
  /** Number of the day in the month. */
  readonly day?: number;
  readonly weekday?: Weekday;
  /** Which number of the weekday in the month, 1 to 5; -1 is the last one. */
  readonly nth?: number;
  /** Number of days from Easter Sunday. */
  readonly easter?: number;
  /** So many days later: the day after Thanksgiving is the fourth Thursday of November and 1. */
  readonly plusDays?: number;
  /** What becomes of a date on a weekend. */
  readonly observed?: Observance;
  /** Only on these days of the week; the day on which it is observed counts. */
  readonly weekdays?: Weekdays;
  /** First and last date of the rule. */
  readonly from?: string;
  readonly to?: string;
  readonly exceptYears?: readonly number[];
}

/**
 * Where a holiday on a weekend goes: to the nearest weekday (Saturday to Friday, Sunday to Monday), from Sunday
 * to Monday alone, from both days to Monday, or from both to the Friday before.
 */
export type Observance = 'nearest-weekday' | 'sunday-to-monday' | 'weekend-to-monday' | 'weekend-to-friday';

/** A single date, or several in a row, that differ from a usual day. */
export interface DateException extends DayEffect {
  readonly name: string;
  readonly date: string;
  /** Of several dates in a row, the last one. */
  readonly until?: string;
  /** A usual day, whatever `holidays` say. */
  readonly usual?: true;
}
