import type { DayEffect, HolidayRule, OpenHours } from '../calendar-data.js';

/*
 * What the families of CME Globex have in common. Times are Chicago's.
 *
 * Sources: the yearly holiday schedules of CME Group (its holiday calendar until 2022, its page of trading hours
 * since), by product family; its press releases for single days, which each table names. Two collections of these
 * by others were compared, day by day, and they differ: where CME's own words were not found, the hours in
 * question are `unknown`.
 */

/** First trade dates on which all families close at 16:00 (CME Globex notices of 2015-09-07 and 2015-09-14). */
export const GLOBEX_FROM = '2015-09-20';
/** CME fixes the schedules of a year towards the end of the one before. */
export const GLOBEX_TO = '2026-12-31';
export const GLOBEX_ZONE = 'America/Chicago';
export const GLOBEX_SOURCE = 'CME Group: notices on trading hours, holiday schedules 2015 to 2026';

/** The usual session: from 17:00 on the evening before. */
export const GLOBEX_SESSION = { days: 'mon-fri', from: '-1d 17:00', to: '16:00' } as const;

/** When a family stops on each kind of holiday; a time, or several with the dates on which they hold. */
export interface GlobexDays {
  /** Holidays on which trading halts and goes on at 17:00, for the next trade date. */
  readonly halt: readonly Dated[];
  readonly goodFriday: readonly Dated[];
  readonly dayAfterThanksgiving: readonly Dated[];
  readonly christmasEve: readonly Dated[];
}

/** What holds from one date to another. */
export interface Dated extends DayEffect {
  readonly from?: string;
  readonly to?: string;
  readonly weekdays?: string;
}

/** Trading stops, and goes on for the next trade date. */
export const haltAt = (close: string) => ({ close, tradeDate: 'next' }) as const;

/** Trading stops at one time or at a later one: sources differ. */
export const stopsBetween = (first: string, last: string, tradeDate?: 'next') => {
  const hours: OpenHours[] = [
    { from: '-1d 17:00', to: first },
    { kind: 'unknown', from: first, to: last },
  ];
  return { hours, ...(tradeDate && { tradeDate }) };
};

/** Good Fridays with an employment report, on which financial products trade in the morning. */
const REPORT_DAYS = ['2021-04-02', '2023-04-07', '2026-04-03'] as const;

/** Good Friday: closed, except for the given stop on the mornings with an employment report. */
export const reportMornings = (...closes: readonly [string, string, string]): Dated[] => [
  ...REPORT_DAYS.map((date, i) => ({ from: date, to: date, ...haltAt(closes[i]!) })),
  {},
];

/** The holidays of a family, those of which the first one counts first. */
export function globexHolidays(days: GlobexDays): HolidayRule[] {
  const { halt, goodFriday, dayAfterThanksgiving, christmasEve } = days;
  return [
    { name: "New Year's Day", month: 1, day: 1, observed: 'sunday-to-monday' },
    { name: 'Christmas Day', month: 12, day: 25, observed: 'nearest-weekday' },
    ...each(goodFriday, { name: 'Good Friday', easter: -2 }),
    ...each(halt, { name: 'Martin Luther King, Jr. Day', month: 1, weekday: 'mon', nth: 3 }),
    ...each(halt, { name: "Presidents' Day", month: 2, weekday: 'mon', nth: 3 }),
    ...each(halt, { name: 'Memorial Day', month: 5, weekday: 'mon', nth: -1 }),
    ...each(
      halt.filter(({ to }) => to === undefined || to > '2022'),
      { name: 'Juneteenth', month: 6, day: 19, observed: 'nearest-weekday', from: '2022-01-01' },
    ),
    ...each(halt, { name: 'Independence Day', month: 7, day: 4, observed: 'nearest-weekday' }),
    ...each(halt, { name: 'Labor Day', month: 9, weekday: 'mon', nth: 1 }),
    ...each(halt, { name: 'Thanksgiving Day', month: 11, weekday: 'thu', nth: 4 }),
    ...each(dayAfterThanksgiving, {
      name: 'Day after Thanksgiving',
      month: 11,
      weekday: 'thu',
      nth: 4,
      plusDays: 1,
    }),
    ...each(christmasEve, { name: 'Christmas Eve', month: 12, day: 24, weekdays: 'mon-thu' }),
  ];
}

/** A rule for each effect. What is for some days of the week alone is left out of a rule that falls on one. */
const each = (dated: readonly Dated[], rule: HolidayRule): HolidayRule[] =>
  dated
    .filter(({ weekdays }) => weekdays === undefined || rule.weekday === undefined)
    .map((effect) => ({ ...rule, ...effect }));

/** What the calendars of Globex have in common. */
export const GLOBEX = {
  zone: GLOBEX_ZONE,
  from: GLOBEX_FROM,
  to: GLOBEX_TO,
  source: GLOBEX_SOURCE,
  hours: [{ from: GLOBEX_FROM, sessions: [GLOBEX_SESSION] }],
} as const;
