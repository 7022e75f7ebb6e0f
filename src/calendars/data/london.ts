import type { CalendarData } from '../calendar-data.js';

/**
 * Shares on the order book of the London Stock Exchange (SETS).
 *
 * - Holidays: the bank holidays of England (Banking and Financial Dealings Act 1971, with the proclamations
 *   that moved or added days), which the exchange's list of business days follows.
 * - Half days: that list, with the service announcements for Christmas and New Year: markets close from 12:30 on
 *   the last trading day before Christmas and before New Year.
 * - Hours: continuous trading 08:00 to 16:30 London (MIT201, Guide to the Trading System); the auctions at
 *   either end are not in it.
 */
export const LONDON: CalendarData = {
  name: 'XLON',
  title: 'shares on the London Stock Exchange (SETS)',
  zone: 'Europe/London',
  from: '2000-01-01',
  to: '2027-12-31',
  source:
    'Banking and Financial Dealings Act 1971 with proclamations; business days and MIT201 of the London Stock Exchange',
  hours: [{ from: '2000-01-01', sessions: [{ days: 'mon-fri', from: '08:00', to: '16:30' }] }],
  holidays: [
    { name: "New Year's Day", month: 1, day: 1, observed: 'weekend-to-monday' },
    { name: 'Good Friday', easter: -2 },
    { name: 'Easter Monday', easter: 1 },
    { name: 'Early May bank holiday', month: 5, weekday: 'mon', nth: 1, exceptYears: [2020] },
    { name: 'Spring bank holiday', month: 5, weekday: 'mon', nth: -1, exceptYears: [2002, 2012, 2022] },
    { name: 'Summer bank holiday', month: 8, weekday: 'mon', nth: -1 },
    { name: 'Christmas Day', month: 12, day: 25 },
    { name: 'Boxing Day', month: 12, day: 26 },
    { name: 'Christmas holiday, substitute', month: 12, day: 27, weekdays: 'mon-tue' },
    { name: 'Boxing Day, substitute', month: 12, day: 28, weekdays: 'mon-tue' },
    { name: 'Christmas Eve', month: 12, day: 24, observed: 'weekend-to-friday', close: '12:30' },
    { name: "New Year's Eve", month: 12, day: 31, observed: 'weekend-to-friday', close: '12:30' },
  ],
  exceptions: [
    { name: 'Spring bank holiday, moved, and Golden Jubilee', date: '2002-06-03', until: '2002-06-04' },
    { name: 'Royal wedding', date: '2011-04-29' },
    { name: 'Spring bank holiday, moved, and Diamond Jubilee', date: '2012-06-04', until: '2012-06-05' },
    { name: 'Early May bank holiday, moved to VE Day', date: '2020-05-08' },
    { name: 'Spring bank holiday, moved, and Platinum Jubilee', date: '2022-06-02', until: '2022-06-03' },
    { name: 'State funeral of Elizabeth II', date: '2022-09-19' },
    { name: 'Coronation of Charles III', date: '2023-05-08' },
  ],
};
