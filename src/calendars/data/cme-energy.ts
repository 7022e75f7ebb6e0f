import type { CalendarData } from '../calendar-data.js';
import { GLOBEX, globexHolidays, haltAt, stopsBetween } from './cme-days.js';

/**
 * Futures of NYMEX and COMEX on energy and metals: one schedule.
 *
 * - Hours: CME Globex notice of 2015-09-07, which moved the close from 16:15 to 16:00.
 * - Closed on every Good Friday, also with an employment report.
 * - Two stops were not found in CME's words: Labor Day of 2022 (12:00 or 13:30), and the day after Thanksgiving
 *   of 2024 (12:45 or 13:45).
 */
export const CME_ENERGY: CalendarData = {
  name: 'CME.energy',
  title: 'CME Globex: futures on energy and metals (NYMEX, COMEX)',
  ...GLOBEX,
  holidays: globexHolidays({
    halt: [
      { ...haltAt('12:00'), to: '2021-12-31' },
      { ...haltAt('12:00'), weekdays: 'fri' },
      { ...haltAt('13:30'), from: '2022-01-01' },
    ],
    goodFriday: [{}],
    dayAfterThanksgiving: [
      { close: '12:45', to: '2023-12-31' },
      { ...stopsBetween('12:45', '13:45'), to: '2024-12-31' },
      { close: '13:45' },
    ],
    christmasEve: [{ close: '12:45' }],
  }),
  exceptions: [{ name: 'Labor Day', date: '2022-09-05', ...stopsBetween('12:00', '13:30', 'next') }],
};
