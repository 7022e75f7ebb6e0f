import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import type { TradingCalendar } from '../../src/calendars/trading-calendar.js';
import { instantAt, wallTime } from '../support/wall-times.js';

const ZONE = 'Europe/London';
let xlon: TradingCalendar;
beforeAll(async () => {
  xlon = await tradingCalendar('XLON');
});

// As an independent calendar has them.
const SESSIONS_BY_YEAR = [
  252, 253, 252, 253, 254, 252, 252, 253, 254, 253, 253, 251, 252, 253, 253, 253, 253, 252, 253, 253, 254,
  253, 250, 251, 254, 253, 253, 253,
];
const SHA256_OF_SESSIONS_TO_2026 = '72fa237ff984bb6272ce60bd67a732351ec3223b13d65ceeff5b661914b0ad50';

describe('XLON', () => {
  it('has the sessions of an independent calendar, day by day', () => {
    const dates = [...xlon.sessions('2000-01-01', '2027-12-31')].map(({ date }) => date);
    const byYear = SESSIONS_BY_YEAR.map(
      (_, i) => dates.filter((date) => date.startsWith(String(2000 + i))).length,
    );
    expect(byYear).toEqual(SESSIONS_BY_YEAR);
    const to2026 = dates.filter((date) => date < '2027').join('\n');
    expect(createHash('sha256').update(to2026).digest('hex')).toBe(SHA256_OF_SESSIONS_TO_2026);
  });

  it('ends at 12:30 on the last day before Christmas and before New Year, also where that is a Friday', () => {
    const short = [...xlon.sessions('2020-01-01', '2023-12-31')].filter(({ isShort }) => isShort);
    expect(short.map(({ close }) => wallTime(ZONE, close))).toEqual([
      '2020-12-24T12:30',
      '2020-12-31T12:30',
      '2021-12-24T12:30',
      '2021-12-31T12:30',
      '2022-12-23T12:30',
      '2022-12-30T12:30',
      '2023-12-22T12:30',
      '2023-12-29T12:30',
    ]);
  });

  it.each([
    '2002-06-03',
    '2002-06-04',
    '2011-04-29',
    '2012-06-04',
    '2012-06-05',
    '2020-05-08',
    '2022-06-02',
    '2022-06-03',
    '2022-09-19',
    '2023-05-08',
    '2021-12-27',
    '2021-12-28',
    '2022-12-27',
    '2023-01-02',
  ])('was closed on %s', (date) => {
    expect(xlon.session(date)).toBeUndefined();
  });

  it.each(['2002-05-27', '2012-05-28', '2020-05-04', '2022-05-30'])(
    'was open on %s, whose bank holiday was moved',
    (date) => {
      expect(xlon.session(date)).toMatchObject({ isShort: false });
    },
  );

  it('opens at 08:00 on the clock, in summer an hour earlier in UTC', () => {
    const opens = ['2026-03-27', '2026-03-30'].map((date) => xlon.session(date)!.open);
    expect(opens).toEqual([instantAt('UTC')('2026-03-27T08:00'), instantAt('UTC')('2026-03-30T07:00')]);
  });
});
