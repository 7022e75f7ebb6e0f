import type { CalendarData } from '../calendar-data.js';

/**
 * Shares listed in the United States.
 *
 * - Holidays and early closings: NYSE Rule 7.2 and the yearly notices of NYSE Group, the last one of
 *   2025-12-23 for 2026 to 2028. Juneteenth since 2022.
 * - Single closings before: the list of special closings that NYSE publishes.
 * - Regular hours: NYSE Rule 7.34, 09:30 to 16:00 New York, unchanged since 1985.
 * - Before and after: those of Nasdaq (Equity 2, section 8), from 07:00 until 2013-03-15 and from 04:00 since
 *   2013-03-18 (Nasdaq Equity Trader Alert 2013-21). On half days until 17:00 (the notices of NYSE Group).
 *   No source was found for the years before 2010.
 */
export const US_EQUITIES: CalendarData = {
  name: 'XNYS',
  title: 'shares listed in the United States (NYSE, Nasdaq)',
  zone: 'America/New_York',
  from: '2000-01-01',
  to: '2028-12-31',
  extendedFrom: '2010-01-01',
  source:
    'NYSE Rules 7.2 and 7.34, notices of NYSE Group (last of 2025-12-23); hours before and after: Nasdaq Equity 2 § 8, ETA 2013-21',
  hours: [
    {
      from: '2000-01-01',
      sessions: [
        { days: 'mon-fri', kind: 'pre', from: '07:00', to: '09:30' },
        { days: 'mon-fri', from: '09:30', to: '16:00' },
        { days: 'mon-fri', kind: 'post', from: '16:00', to: '20:00' },
      ],
    },
    {
      from: '2013-03-18',
      sessions: [
        { days: 'mon-fri', kind: 'pre', from: '04:00', to: '09:30' },
        { days: 'mon-fri', from: '09:30', to: '16:00' },
        { days: 'mon-fri', kind: 'post', from: '16:00', to: '20:00' },
      ],
    },
  ],
  holidays: [
    { name: "New Year's Day", month: 1, day: 1, observed: 'sunday-to-monday' },
    { name: 'Martin Luther King, Jr. Day', month: 1, weekday: 'mon', nth: 3 },
    { name: "Washington's Birthday", month: 2, weekday: 'mon', nth: 3 },
    { name: 'Good Friday', easter: -2 },
    { name: 'Memorial Day', month: 5, weekday: 'mon', nth: -1 },
    { name: 'Juneteenth', month: 6, day: 19, observed: 'nearest-weekday', from: '2022-01-01' },
    { name: 'Independence Day', month: 7, day: 4, observed: 'nearest-weekday' },
    { name: 'Labor Day', month: 9, weekday: 'mon', nth: 1 },
    { name: 'Thanksgiving Day', month: 11, weekday: 'thu', nth: 4 },
    { name: 'Christmas Day', month: 12, day: 25, observed: 'nearest-weekday' },
    { ...halfDay('Day before Independence Day'), month: 7, day: 3, weekdays: ['mon', 'tue', 'thu'] },
    // Of a Thursday the 4th, the Friday after was the half day until 2012; since 2013 the Wednesday before is.
    { ...halfDay('Day before Independence Day'), month: 7, day: 3, weekdays: 'wed', from: '2013-01-01' },
    { ...halfDay('Day after Independence Day'), month: 7, day: 5, weekdays: 'fri', to: '2012-12-31' },
    { ...halfDay('Day after Thanksgiving'), month: 11, weekday: 'thu', nth: 4, plusDays: 1 },
    { ...halfDay('Christmas Eve'), month: 12, day: 24, weekdays: 'mon-thu' },
  ],
  exceptions: [
    { name: 'Attacks of September 11', date: '2001-09-11', until: '2001-09-14' },
    { name: 'Two minutes of silence', date: '2001-09-17', open: '09:33' },
    { name: 'Moment of silence', date: '2001-10-08', open: '09:31' },
    { name: 'Anniversary of September 11', date: '2002-09-11', open: '12:00' },
    { name: 'Moment of silence', date: '2003-03-20', open: '09:32' },
    { ...halfDay('Day after Christmas'), date: '2003-12-26' },
    { name: 'Moment of silence for Ronald Reagan', date: '2004-06-07', open: '09:32' },
    { name: 'Day of mourning for Ronald Reagan', date: '2004-06-11' },
    { name: 'Moment of silence for Gerald Ford', date: '2006-12-27', open: '09:32' },
    { name: 'Day of mourning for Gerald Ford', date: '2007-01-02' },
    { name: 'Hurricane Sandy', date: '2012-10-29', until: '2012-10-30' },
    { name: 'Day of mourning for George H. W. Bush', date: '2018-12-05' },
    { name: 'Day of mourning for Jimmy Carter', date: '2025-01-09' },
  ],
};

function halfDay(name: string) {
  return { name, close: '13:00', postUntil: '17:00' };
}
