import type { CalendarData, HolidayRule } from '../calendar-data.js';
import {
  GLOBEX_SESSION,
  GLOBEX_SOURCE,
  GLOBEX_TO,
  GLOBEX_ZONE,
  globexHolidays,
  haltAt,
  reportMornings,
  stopsBetween,
} from './cme-days.js';

/** Last trade date of the week of five days. */
const FIVE_DAYS_TO = '2026-05-29';
const ALL_DAYS_FROM = '2026-05-30';

/**
 * Futures on cryptocurrencies.
 *
 * - Bitcoin futures began on 2017-12-17 (CME filing 17-417).
 * - Since 2026-05-29, 16:02, they trade around the clock (CME filing 26-114, CME Globex notice of 2026-05-25).
 *   Maintenance is from 16:00 to 16:02 from Monday to Friday and from 02:00 to 04:00 on Saturday; on 2026-08-01
 *   it lasted until 09:00 (notice of 2026-07-27). Trades of a weekend and of a holiday belong to the next
 *   business day (CME Group's release of 2026-02-19), and holidays stop nothing.
 * - Two stops were not found in CME's words: the day before Independence Day of 2023 (12:15 or 16:00), and the
 *   day after Thanksgiving of 2024 (12:45 or 13:45).
 */
export const CME_CRYPTO: CalendarData = {
  name: 'CME.crypto',
  title: 'CME Globex: futures on cryptocurrencies',
  zone: GLOBEX_ZONE,
  from: '2017-12-17',
  to: GLOBEX_TO,
  source: `${GLOBEX_SOURCE}; filings 17-417 and 26-114`,
  hours: [
    { from: '2017-12-17', sessions: [GLOBEX_SESSION] },
    {
      from: ALL_DAYS_FROM,
      sessions: [
        { days: 'mon', from: '-3d 16:02', to: '-2d 02:00' },
        { days: 'mon', from: '-2d 04:00', to: '16:00' },
        { days: 'tue-fri', from: '-1d 16:02', to: '16:00' },
      ],
    },
  ],
  holidays: fiveDays(
    globexHolidays({
      halt: [
        { ...haltAt('12:00'), to: '2021-12-31' },
        { ...haltAt('12:00'), weekdays: 'fri' },
        { tradeDate: 'next', from: '2022-01-01' },
      ],
      goodFriday: reportMornings('08:15', '10:15', '10:15'),
      dayAfterThanksgiving: [
        { close: '12:15', to: '2020-12-31' },
        { close: '12:45', to: '2023-12-31' },
        { ...stopsBetween('12:45', '13:45'), to: '2024-12-31' },
        { close: '13:45' },
      ],
      christmasEve: [{ close: '12:15', to: '2020-12-31' }, { close: '12:45' }],
    }),
  ),
  exceptions: [
    { name: 'Day before Independence Day', date: '2018-07-03', close: '12:15' },
    { name: 'Day before Independence Day', date: '2019-07-03', close: '12:15' },
    { name: 'Day before Independence Day', date: '2023-07-03', ...stopsBetween('12:15', '16:00') },
    {
      name: 'Long maintenance on Saturday',
      date: '2026-08-03',
      hours: [
        { from: '-3d 16:02', to: '-2d 02:00' },
        { from: '-2d 09:00', to: '16:00' },
      ],
    },
  ],
};

/** The stops of the week of five days, and after it the same holidays without a stop. */
function fiveDays(rules: readonly HolidayRule[]): HolidayRule[] {
  // Juneteenth fell on no Friday of these years.
  const never = ({ name, weekdays }: HolidayRule) => name === 'Juneteenth' && weekdays === 'fri';
  const before = rules
    .filter((rule) => !never(rule))
    .map((rule) => ({
      ...rule,
      to: rule.to !== undefined && rule.to < FIVE_DAYS_TO ? rule.to : FIVE_DAYS_TO,
    }));
  const isHalf = ({ name }: HolidayRule) => name === 'Day after Thanksgiving' || name === 'Christmas Eve';
  const after = rules.filter((rule) => !isHalf(rule)).map(withoutStop);
  return [...before, ...after];
}

function withoutStop({ name, month, day, weekday, nth, easter, observed }: HolidayRule): HolidayRule {
  return {
    name,
    ...(month !== undefined && { month }),
    ...(day !== undefined && { day }),
    ...(weekday !== undefined && { weekday }),
    ...(nth !== undefined && { nth }),
    ...(easter !== undefined && { easter }),
    ...(observed !== undefined && { observed }),
    from: ALL_DAYS_FROM,
    tradeDate: 'next',
  };
}
