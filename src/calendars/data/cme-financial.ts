import type { CalendarData } from '../calendar-data.js';
import {
  GLOBEX,
  GLOBEX_FROM,
  GLOBEX_SESSION,
  globexHolidays,
  haltAt,
  reportMornings,
  stopsBetween,
} from './cme-days.js';

const NOON = [haltAt('12:00')];
const QUARTER_PAST_NOON = [{ close: '12:15' }];

/**
 * Futures on United States share indexes (ES, NQ, RTY, YM and their micros).
 *
 * - Hours: CME Globex notice of 2015-09-14; the halt from 15:15 to 15:30 ended with trade date 2021-06-28 (CME
 *   Globex notice of 2021-06-21).
 * - Days of mourning: CME Group's releases of 2018-12-02 and 2024-12-30, open until 08:30.
 */
export const CME_EQUITY: CalendarData = {
  name: 'CME.equity',
  title: 'CME Globex: futures on share indexes of the United States',
  ...GLOBEX,
  hours: [
    {
      from: GLOBEX_FROM,
      sessions: [
        { days: 'mon-fri', from: '-1d 17:00', to: '15:15' },
        { days: 'mon-fri', from: '15:30', to: '16:00' },
      ],
    },
    { from: '2021-06-28', sessions: [GLOBEX_SESSION] },
  ],
  holidays: [
    ...globexHolidays({
      halt: NOON,
      goodFriday: reportMornings('08:15', '08:15', '08:15'),
      dayAfterThanksgiving: QUARTER_PAST_NOON,
      christmasEve: QUARTER_PAST_NOON,
    }),
    { name: 'Day before Independence Day', month: 7, day: 3, weekdays: 'mon-thu', close: '12:15' },
  ],
  exceptions: [
    { name: 'Day of mourning for George H. W. Bush', date: '2018-12-05', close: '08:30' },
    { name: 'Day of mourning for Jimmy Carter', date: '2025-01-09', close: '08:30' },
  ],
};

/**
 * Futures on interest rates (Treasuries, Fed Funds, SOFR, and Eurodollars while there were any).
 *
 * - Hours: 17:00 to 16:00 since 2011-10-02 (CME Globex notice of 2011-09-26).
 * - Days of mourning: CME Group's releases of 2018-12-02 (closed) and 2024-12-30 (until 12:15).
 */
export const CME_RATES: CalendarData = {
  name: 'CME.rates',
  title: 'CME Globex: futures on interest rates',
  ...GLOBEX,
  holidays: globexHolidays({
    halt: NOON,
    goodFriday: reportMornings('10:15', '10:15', '10:15'),
    dayAfterThanksgiving: QUARTER_PAST_NOON,
    christmasEve: QUARTER_PAST_NOON,
  }),
  exceptions: [
    { name: 'Day of mourning for George H. W. Bush', date: '2018-12-05' },
    { name: 'Day of mourning for Jimmy Carter', date: '2025-01-09', close: '12:15' },
  ],
};

/**
 * Futures on foreign exchange.
 *
 * - Since 2022 they trade through holidays to their usual close, except on a Friday. The trade date is the next
 *   one all the same.
 * - The stop on the day after Thanksgiving of 2024, 12:15 or 13:45, was not found in CME's words.
 */
export const CME_FX: CalendarData = {
  name: 'CME.fx',
  title: 'CME Globex: futures on foreign exchange',
  ...GLOBEX,
  holidays: globexHolidays({
    halt: [
      { ...haltAt('12:00'), to: '2021-12-31' },
      { ...haltAt('12:00'), weekdays: 'fri' },
      { tradeDate: 'next', from: '2022-01-01' },
    ],
    goodFriday: reportMornings('10:15', '10:15', '10:15'),
    dayAfterThanksgiving: [
      { close: '12:15', to: '2023-12-31' },
      { ...stopsBetween('12:15', '13:45'), to: '2024-12-31' },
      { close: '13:45' },
    ],
    christmasEve: [{ close: '12:15', to: '2024-12-31' }, { close: '12:45' }],
  }),
};
