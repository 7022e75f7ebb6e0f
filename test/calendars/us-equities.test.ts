import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import type { TradingCalendar } from '../../src/calendars/trading-calendar.js';
import { instantAt, wallTime } from '../support/wall-times.js';

const ZONE = 'America/New_York';
const newYork = instantAt(ZONE);

let regular: TradingCalendar;
let extended: TradingCalendar;
beforeAll(async () => {
  regular = await tradingCalendar('XNYS');
  extended = await tradingCalendar('XNYS', { hours: 'extended' });
});

// Two independent calendars, in Python and as a database of hours, agree on these days.
const SESSIONS_BY_YEAR = [
  252, 248, 252, 252, 252, 252, 251, 251, 253, 252, 252, 252, 250, 252, 252, 252, 252, 251, 251, 252, 253,
  252, 251, 250, 252, 250, 251,
];
const HALF_DAYS = `
  2000-07-03 2000-11-24 2001-07-03 2001-11-23 2001-12-24 2002-07-05 2002-11-29 2002-12-24 2003-07-03 2003-11-28
  2003-12-24 2003-12-26 2004-11-26 2005-11-25 2006-07-03 2006-11-24 2007-07-03 2007-11-23 2007-12-24 2008-07-03
  2008-11-28 2008-12-24 2009-11-27 2009-12-24 2010-11-26 2011-11-25 2012-07-03 2012-11-23 2012-12-24 2013-07-03
  2013-11-29 2013-12-24 2014-07-03 2014-11-28 2014-12-24 2015-11-27 2015-12-24 2016-11-25 2017-07-03 2017-11-24
  2018-07-03 2018-11-23 2018-12-24 2019-07-03 2019-11-29 2019-12-24 2020-11-27 2020-12-24 2021-11-26 2022-11-25
  2023-07-03 2023-11-24 2024-07-03 2024-11-29 2024-12-24 2025-07-03 2025-11-28 2025-12-24 2026-11-27 2026-12-24`
  .trim()
  .split(/\s+/);
const SHA256_OF_SESSIONS = '592d6416e93938c3f6b720d86f7abc402994fd757b6a9d4a5faf87586ae3e418';

describe('XNYS from 2000 to 2026', () => {
  it('has the sessions on which two independent calendars agree, day by day', () => {
    const dates = [...regular.sessions('2000-01-01', '2026-12-31')].map(({ date }) => date);
    const byYear = SESSIONS_BY_YEAR.map(
      (_, i) => dates.filter((date) => date.startsWith(String(2000 + i))).length,
    );
    expect(byYear).toEqual(SESSIONS_BY_YEAR);
    expect(dates).toHaveLength(6_790);
    expect(createHash('sha256').update(dates.join('\n')).digest('hex')).toBe(SHA256_OF_SESSIONS);
  });

  it('has their 60 half days, which end at 13:00', () => {
    const early = [...regular.sessions('2000-01-01', '2026-12-31')].filter(
      ({ close }) => !wallTime(ZONE, close)!.endsWith('16:00'),
    );
    expect(early.map(({ date }) => date)).toEqual(HALF_DAYS);
    expect(new Set(early.map(({ close }) => wallTime(ZONE, close)!.slice(11)))).toEqual(new Set(['13:00']));
    expect(early.every(({ isShort, what }) => isShort && what !== undefined)).toBe(true);
  });

  it.each([
    ['2001-09-11', '2001-09-14', 'Attacks of September 11'],
    ['2004-06-11', '2004-06-11', 'Day of mourning for Ronald Reagan'],
    ['2007-01-02', '2007-01-02', 'Day of mourning for Gerald Ford'],
    ['2012-10-29', '2012-10-30', 'Hurricane Sandy'],
    ['2018-12-05', '2018-12-05', 'Day of mourning for George H. W. Bush'],
    ['2025-01-09', '2025-01-09', 'Day of mourning for Jimmy Carter'],
  ])('was closed from %s to %s: %s', (first, last, what) => {
    expect([...regular.sessions(first, last)]).toEqual([]);
    expect(regular.at(newYork(`${first}T12:00`))).toMatchObject({ state: 'closed', reason: 'closure', what });
  });

  it.each([
    ['2001-09-17', '09:33'],
    ['2001-10-08', '09:31'],
    ['2002-09-11', '12:00'],
    ['2003-03-20', '09:32'],
    ['2004-06-07', '09:32'],
    ['2006-12-27', '09:32'],
  ])('opened late on %s, at %s', (date, time) => {
    const session = regular.session(date)!;
    expect([wallTime(ZONE, session.open), session.isShort]).toEqual([`${date}T${time}`, true]);
    expect(regular.at(newYork(`${date}T09:30`))).toMatchObject({ state: 'closed', reason: 'late-open' });
  });
});

describe('XNYS in the years that are announced', () => {
  // NYSE Group, 2025-12-23.
  it.each([
    ['2027-01-01', "New Year's Day"],
    ['2027-03-26', 'Good Friday'],
    ['2027-06-18', 'Juneteenth'],
    ['2027-07-05', 'Independence Day'],
    ['2027-12-24', 'Christmas Day'],
    ['2028-01-17', 'Martin Luther King, Jr. Day'],
    ['2028-04-14', 'Good Friday'],
    ['2028-06-19', 'Juneteenth'],
    ['2028-11-23', 'Thanksgiving Day'],
  ])('is closed on %s: %s', (date, what) => {
    expect(regular.at(newYork(`${date}T12:00`))).toMatchObject({ state: 'closed', reason: 'holiday', what });
  });

  it('has no holiday where New Year is on a Saturday, and the half days of the notice', () => {
    expect(regular.session('2027-12-31')).toMatchObject({ isShort: false });
    const short = [...regular.sessions('2027-01-01', '2028-12-31')].filter(({ isShort }) => isShort);
    expect(short.map(({ date }) => date)).toEqual(['2027-11-26', '2028-07-03', '2028-11-24']);
  });
});

describe('the hours before and after', () => {
  const hoursOf = (date: string) =>
    extended
      .session(date)!
      .parts.map(
        ({ kind, open, close }) =>
          `${kind} ${wallTime(ZONE, open)!.slice(11)}-${wallTime(ZONE, close)!.slice(11)}`,
      );

  it('begin at 07:00 before 2013-03-18 and at 04:00 since, and end at 20:00, on half days at 17:00', () => {
    expect(hoursOf('2013-03-15')).toEqual(['pre 07:00-09:30', 'regular 09:30-16:00', 'post 16:00-20:00']);
    expect(hoursOf('2013-03-18')).toEqual(['pre 04:00-09:30', 'regular 09:30-16:00', 'post 16:00-20:00']);
    expect(hoursOf('2026-11-27')).toEqual(['pre 04:00-09:30', 'regular 09:30-13:00', 'post 13:00-17:00']);
  });

  it('are not known before 2010, and no reason to take the market for open or closed', () => {
    expect(extended.from).toBe('2010-01-01');
    expect(extended.at(newYork('2009-12-31T12:00'))).toEqual({ state: 'unknown', reason: 'before-range' });
    expect(regular.isOpen(newYork('2009-12-31T12:00'))).toBe(true);
  });

  it('are open without a pause', () => {
    const at = newYork('2026-11-30T08:00');
    expect(extended.at(at)).toMatchObject({ state: 'open', kind: 'pre', date: '2026-11-30' });
    expect(wallTime(ZONE, extended.nextClose(at))).toBe('2026-11-30T20:00');
    expect(wallTime(ZONE, extended.nextOpen(at))).toBe('2026-12-01T04:00');
    expect(regular.at(at)).toMatchObject({ state: 'closed', reason: 'overnight' });
  });
});

describe('XNAS', () => {
  it('has the hours of XNYS under its own name', async () => {
    const nasdaq = await tradingCalendar('XNAS');
    expect(nasdaq.name).toBe('XNAS');
    expect([...nasdaq.sessions('2024-01-01', '2024-12-31')]).toEqual([
      ...regular.sessions('2024-01-01', '2024-12-31'),
    ]);
  });
});
