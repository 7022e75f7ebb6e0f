import type { CalendarData } from '../calendar-data.js';

const EVERY_DAY = 'mon-sun';

/** Venues that never close: most of crypto. A trade date is a day of UTC. */
export const ALWAYS_OPEN: CalendarData = {
  name: '24/7',
  title: 'markets that never close',
  zone: 'UTC',
  from: '1970-01-01',
  to: '2099-12-31',
  source: 'by definition',
  hours: [{ from: '1970-01-01', sessions: [{ days: EVERY_DAY, from: '00:00', to: '24:00' }] }],
};

/**
 * The week of foreign exchange between banks, from Sunday 17:00 to Friday 17:00 New York, when its trade date
 * changes. There is no exchange, so it is a convention. On Christmas and New Year some quote and most do not:
 * the calendar does not know.
 */
export const FX_WEEK: CalendarData = {
  name: 'FX',
  title: 'spot foreign exchange',
  zone: 'America/New_York',
  from: '2000-01-01',
  to: '2049-12-31',
  source: 'convention of the market: the trade date changes at 17:00 New York',
  hours: [{ from: '2000-01-01', sessions: [{ days: 'mon-fri', from: '-1d 17:00', to: '17:00' }] }],
  holidays: [
    { name: "New Year's Day", month: 1, day: 1, weekdays: 'mon-fri', ...unknownDay() },
    { name: 'Christmas Day', month: 12, day: 25, weekdays: 'mon-fri', ...unknownDay() },
  ],
};

function unknownDay() {
  return { hours: [{ kind: 'unknown', from: '-1d 17:00', to: '17:00' }] } as const;
}
