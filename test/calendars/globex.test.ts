import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import type { TradingCalendar } from '../../src/calendars/trading-calendar.js';
import { nanos } from '../../src/core/units.js';
import { instantAt, wallTime } from '../support/wall-times.js';

const ZONE = 'America/Chicago';
const chicago = instantAt(ZONE);
const DAY = 86_400_000_000_000n;

const CLOSED = [
  ...['2015-12-25', '2016-01-01', '2016-12-26', '2017-01-02', '2017-12-25', '2018-01-01', '2018-12-25'],
  ...['2019-01-01', '2019-12-25', '2020-01-01', '2020-12-25', '2021-01-01', '2021-12-24', '2022-12-26'],
  ...['2023-01-02', '2023-12-25', '2024-01-01', '2024-12-25', '2025-01-01', '2025-12-25', '2026-01-01'],
];
/** Those without an employment report on the day. */
const GOOD_FRIDAYS = [
  ...['2016-03-25', '2017-04-14', '2018-03-30', '2019-04-19', '2020-04-10', '2022-04-15', '2024-03-29'],
  '2025-04-18',
];

const FAMILIES = ['equity', 'rates', 'fx', 'energy', 'crypto'] as const;
type Family = (typeof FAMILIES)[number];
const calendars = {} as Record<Family, TradingCalendar>;
beforeAll(async () => {
  for (const family of FAMILIES) calendars[family] = await tradingCalendar(`CME.${family}`);
});

/** When trading stops on a day before 17:00; `undefined` if it does not trade on that day. */
function stopOf(family: Family, date: string): string | undefined {
  const calendar = calendars[family];
  const night = calendar.at(chicago(`${date}T03:00`));
  if (night.state !== 'open') return undefined;
  return wallTime(ZONE, calendar.nextClose(chicago(`${date}T03:00`)))?.replace(`${date}T`, '');
}

const stops = (date: string, families: readonly Family[] = FAMILIES) =>
  Object.fromEntries(families.map((family) => [family, stopOf(family, date)]));

describe('CME Globex on a usual day', () => {
  it.each(FAMILIES.slice(0, 4))('trades %s from 17:00 of the evening before to 16:00', (family) => {
    const session = calendars[family].session('2026-11-30')!;
    expect([wallTime(ZONE, session.open), wallTime(ZONE, session.close)]).toEqual([
      '2026-11-29T17:00',
      '2026-11-30T16:00',
    ]);
  });

  it('gives the evening to the next trade date, and Sunday to Monday', () => {
    const { equity } = calendars;
    expect(equity.tradeDate(chicago('2026-11-30T15:59'))).toBe('2026-11-30');
    expect(equity.tradeDate(chicago('2026-11-30T16:30'))).toBeUndefined();
    expect(equity.tradeDate(chicago('2026-11-30T17:00'))).toBe('2026-12-01');
    expect(equity.tradeDate(chicago('2026-11-29T17:00'))).toBe('2026-11-30');
  });

  it('pauses for an hour, and from Friday to Sunday', () => {
    const { rates } = calendars;
    expect(rates.at(chicago('2026-12-01T16:30'))).toMatchObject({ state: 'closed', reason: 'overnight' });
    for (const at of ['2026-12-04T16:30', '2026-12-05T12:00', '2026-12-06T16:59']) {
      expect(rates.at(chicago(at))).toMatchObject({
        state: 'closed',
        reason: 'weekend',
        nextOpen: chicago('2026-12-06T17:00'),
      });
    }
  });

  it('had a break in share indexes until 2021-06-25', () => {
    const { equity } = calendars;
    expect(equity.at(chicago('2021-06-25T15:20'))).toMatchObject({ state: 'closed', reason: 'break' });
    expect(equity.session('2021-06-25')!.parts).toHaveLength(2);
    expect(equity.isOpen(chicago('2021-06-28T15:20'))).toBe(true);
  });

  it('keeps its hours on the clock when it is set forward and back', () => {
    const { fx } = calendars;
    const hours = (date: string) => {
      const { open, close } = fx.session(date)!;
      return Number(close! - open!) / 3_600e9;
    };
    // Clocks change on Sunday at 02:00, before the week begins.
    expect(['2026-03-06', '2026-03-09', '2026-10-30', '2026-11-02'].map(hours)).toEqual([23, 23, 23, 23]);
    expect(fx.session('2026-03-09')!.open).toBe(instantAt('UTC')('2026-03-08T22:00'));
    expect(fx.session('2026-03-02')!.open).toBe(instantAt('UTC')('2026-03-01T23:00'));
    const weekend = (from: string, to: string) => Number(chicago(to) - chicago(from)) / 3_600e9;
    expect(weekend('2026-03-06T16:00', '2026-03-08T17:00')).toBe(48);
    expect(weekend('2026-10-30T16:00', '2026-11-01T17:00')).toBe(50);
  });
});

describe('CME Globex on a holiday', () => {
  // Schedules of CME Group, as its pages and those of brokers and data vendors had them.
  it.each([
    ['2019-05-27', { equity: '12:00', rates: '12:00', fx: '12:00', energy: '12:00', crypto: '12:00' }],
    ['2023-02-20', { equity: '12:00', rates: '12:00', fx: '16:00', energy: '13:30', crypto: '16:00' }],
    ['2024-07-04', { equity: '12:00', rates: '12:00', fx: '16:00', energy: '13:30', crypto: '16:00' }],
    ['2025-07-04', { equity: '12:00', rates: '12:00', fx: '12:00', energy: '12:00', crypto: '12:00' }],
    ['2026-01-19', { equity: '12:00', rates: '12:00', fx: '16:00', energy: '13:30', crypto: '16:00' }],
    ['2024-07-03', { equity: '12:15', rates: '16:00', fx: '16:00', energy: '16:00', crypto: '16:00' }],
    ['2023-11-24', { equity: '12:15', rates: '12:15', fx: '12:15', energy: '12:45', crypto: '12:45' }],
    ['2025-11-28', { equity: '12:15', rates: '12:15', fx: '13:45', energy: '13:45', crypto: '13:45' }],
    ['2020-12-24', { equity: '12:15', rates: '12:15', fx: '12:15', energy: '12:45', crypto: '12:15' }],
    ['2025-12-24', { equity: '12:15', rates: '12:15', fx: '12:45', energy: '12:45', crypto: '12:45' }],
  ])('stops on %s as its schedule says', (date, expected) => {
    expect(stops(date)).toEqual(expected);
  });

  it.each([
    ['2021-04-02', { equity: '08:15', rates: '10:15', fx: '10:15', energy: undefined, crypto: '08:15' }],
    ['2023-04-07', { equity: '08:15', rates: '10:15', fx: '10:15', energy: undefined, crypto: '10:15' }],
    ['2026-04-03', { equity: '08:15', rates: '10:15', fx: '10:15', energy: undefined, crypto: '10:15' }],
  ])('trades on the morning of an employment report on Good Friday %s', (date, expected) => {
    expect(stops(date)).toEqual(expected);
  });

  it.each(['2022-04-15', '2024-03-29', '2025-04-18'])('is closed on other Good Fridays (%s)', (date) => {
    expect(Object.values(stops(date))).toEqual(Array(5).fill(undefined));
  });

  it.each([
    // CME Group, 2018-12-02 and 2024-12-30.
    ['2018-12-05', { equity: '08:30', rates: undefined, fx: '16:00', energy: '16:00', crypto: '16:00' }],
    ['2025-01-09', { equity: '08:30', rates: '12:15', fx: '16:00', energy: '16:00', crypto: '16:00' }],
  ])('keeps the day of mourning %s by family', (date, expected) => {
    expect(stops(date)).toEqual(expected);
  });

  it('halts for some hours, and gives those before to the next trade date', () => {
    const { equity } = calendars;
    // The schedule of 2026: Sunday 17:00, Monday halt at 12:00, Monday 17:00, for the trade date of Tuesday.
    expect([...equity.sessions('2026-01-17', '2026-01-19')]).toEqual([]);
    const { date, parts, isShort } = equity.session('2026-01-20')!;
    expect([date, isShort]).toEqual(['2026-01-20', false]);
    expect(parts.map(({ open, close }) => [wallTime(ZONE, open), wallTime(ZONE, close)])).toEqual([
      ['2026-01-18T17:00', '2026-01-19T12:00'],
      ['2026-01-19T17:00', '2026-01-20T16:00'],
    ]);
    expect(equity.at(chicago('2026-01-19T13:00'))).toMatchObject({
      state: 'closed',
      reason: 'early-close',
      what: 'Martin Luther King, Jr. Day',
      nextOpen: chicago('2026-01-19T17:00'),
    });
    // A halt on Friday lasts over the weekend.
    expect(equity.tradeDate(chicago('2025-07-04T09:00'))).toBe('2025-07-07');
    expect(equity.session('2025-07-07')!.open).toBe(chicago('2025-07-03T17:00'));
  });

  it('opens at 17:00 after Christmas and New Year', () => {
    const { energy } = calendars;
    expect(energy.at(chicago('2025-12-25T10:00'))).toMatchObject({
      state: 'closed',
      reason: 'holiday',
      what: 'Christmas Day',
      nextOpen: chicago('2025-12-25T17:00'),
    });
    expect(energy.nextOpen(chicago('2025-12-31T16:00'))).toBe(chicago('2026-01-01T17:00'));
  });

  it.each([
    ['energy', '2022-09-05', '12:00', '13:30'],
    ['energy', '2024-11-29', '12:45', '13:45'],
    ['fx', '2024-11-29', '12:15', '13:45'],
    ['crypto', '2024-11-29', '12:45', '13:45'],
    ['crypto', '2023-07-03', '12:15', '16:00'],
  ] as const)('does not know when %s stopped on %s, between %s and %s', (family, date, first, last) => {
    const calendar = calendars[family];
    expect(calendar.isOpen(nanos(chicago(`${date}T${first}`) - 1n))).toBe(true);
    expect(calendar.at(chicago(`${date}T${first}`))).toMatchObject({
      state: 'unknown',
      reason: 'unknown-hours',
    });
    expect(calendar.isOpen(chicago(`${date}T${last}`))).toBe(false);
    expect(calendar.nextClose(chicago(`${date}T10:00`))).toBeUndefined();
    expect(calendar.nextClose(chicago(`${date}T23:00`))).not.toBeUndefined();
    // From the session before, up to the very instant from which it is not known.
    expect(
      calendar.openBetween(nanos(chicago(`${date}T${first}`) - DAY), chicago(`${date}T${first}`)),
    ).toBeGreaterThan(0n);
    expect(
      calendar.openBetween(nanos(chicago(`${date}T${first}`) - DAY), nanos(chicago(`${date}T${first}`) + 1n)),
    ).toBeUndefined();
    expect(calendar.openBetween(chicago(`${date}T10:00`), chicago(`${date}T11:00`))).toBe(3_600_000_000_000n);
    expect(calendar.openBetween(chicago(`${date}T10:00`), chicago(`${date}T23:00`))).toBeUndefined();
  });
});

/** Day and time of each stop but the usual one at 16:00, in the range of dates. */
function unusualStops(calendar: TradingCalendar, to: string): string[] {
  const last = new Map<string, string>();
  for (const { parts } of calendar.sessions(calendar.from, to)) {
    for (const { close } of parts) {
      const [date, time] = wallTime(ZONE, close)!.split('T') as [string, string];
      if (time < '17:00') last.set(date, time);
    }
  }
  return [...last].filter(([, time]) => time !== '16:00').map(([date, time]) => `${date} ${time}`);
}

describe('over its whole range, CME Globex', () => {
  // The early closes of a database of market hours, with what CME's releases and rules say of the days that it
  // lacks. Of the days on which nobody knows, the first of the times.
  it.each([
    ['equity', '2026-12-31', 102, '84f66ea2b0ca519507786676876d94cb125faca190aa098d3aba6594a59fbf92'],
    ['rates', '2026-12-31', 95, '45e14a1d5598d0ba25de48c81361aaf86fefdf45d26c887e19c2fc3bdea85fac'],
    ['fx', '2026-12-31', 62, 'ac40e543cbbecd004bf8249bf7191aa415b60349db58e541a44c42e5bc242b9f'],
    ['energy', '2026-12-31', 91, 'f2bf888895dc5d17af8dec38e860547221b3dd02c1c658d0c456a5239917b49c'],
    ['crypto', '2026-05-29', 44, 'ccdfc26b7ffd34ddd54735ddbc5b6f806abab9eaabbb635ac4e4cab4fe4cb2d0'],
  ] as const)('stops %s early as an independent table says', (family, to, count, sha256) => {
    const lines = unusualStops(calendars[family], to).toSorted();
    expect(lines).toHaveLength(count);
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(sha256);
  });

  it.each(FAMILIES)('closes %s on Christmas and New Year, and on nothing else but Good Friday', (family) => {
    const { from } = calendars[family];
    const closed: string[] = [];
    for (let at = Date.parse(from); at < Date.parse('2026-05-01'); at += 86_400_000) {
      const date = new Date(at).toISOString().slice(0, 10);
      const isWeekend = [0, 6].includes(new Date(at).getUTCDay());
      if (!isWeekend && !calendars[family].isOpen(chicago(`${date}T03:00`))) closed.push(date);
    }
    const expected = [
      ...CLOSED,
      ...GOOD_FRIDAYS,
      ...(family === 'rates' ? ['2018-12-05'] : []),
      ...(family === 'energy' ? ['2021-04-02', '2023-04-07', '2026-04-03'] : []),
    ];
    expect(closed).toEqual(expected.filter((date) => date > from).toSorted());
  });
});

describe('CME.crypto', () => {
  const at = (local: string) => calendars.crypto.at(chicago(local));

  it('begins with the first futures on bitcoin', () => {
    expect(at('2017-12-16T23:59')).toEqual({ state: 'unknown', reason: 'before-range' });
    expect(at('2017-12-17T12:00').state).toBe('closed');
    expect(at('2017-12-17T17:00')).toMatchObject({ state: 'open', date: '2017-12-18' });
  });

  it('went from five days to around the clock on 2026-05-29 at 16:02', () => {
    expect(at('2026-05-28T16:30').state).toBe('closed');
    expect(at('2026-05-29T15:59').state).toBe('open');
    expect(at('2026-05-29T16:01')).toMatchObject({ state: 'closed', nextOpen: chicago('2026-05-29T16:02') });
    expect(at('2026-05-30T12:00')).toMatchObject({ state: 'open', date: '2026-06-01' });
  });

  it('pauses for two minutes, and for two hours on Saturday', () => {
    const pauses: (string | undefined)[] = [];
    const end = chicago('2026-06-09T00:00');
    for (let now = chicago('2026-06-05T12:00'); ; ) {
      const closes = calendars.crypto.nextClose(now)!;
      if (closes >= end) break;
      now = calendars.crypto.nextOpen(now)!;
      pauses.push(`${wallTime(ZONE, closes)} ${wallTime(ZONE, now)?.slice(11)}`);
    }
    expect(pauses).toEqual(['2026-06-05T16:00 16:02', '2026-06-06T02:00 04:00', '2026-06-08T16:00 16:02']);
    expect(at('2026-08-01T08:59').state).toBe('closed');
    expect(at('2026-08-01T09:00').state).toBe('open');
  });

  it('trades through holidays since, for the next trade date', () => {
    expect(at('2026-12-25T12:00')).toMatchObject({ state: 'open', date: '2026-12-28' });
    expect(at('2026-07-03T15:00')).toMatchObject({ state: 'open', date: '2026-07-06' });
    const { date, parts } = calendars.crypto.session('2026-09-08')!;
    expect([date, wallTime(ZONE, parts[0]!.open)]).toEqual(['2026-09-08', '2026-09-04T16:02']);
  });
});

describe('a session with unknown hours', () => {
  it('has no close if it ends with them', () => {
    const session = calendars.energy.session('2024-11-29')!;
    expect(session).toMatchObject({ close: undefined, isShort: true, what: 'Day after Thanksgiving' });
    expect(session.open).toBe(chicago('2024-11-27T17:00')); // Thanksgiving is part of it
    expect(session.parts.map(({ close }) => close)).toContain(chicago('2024-11-29T12:45'));
    expect(session.unknownHours).toEqual([
      { from: chicago('2024-11-29T12:45'), to: chicago('2024-11-29T13:45') },
    ]);
  });

  it('has open and close if they lie in between', () => {
    const { open, close, unknownHours } = calendars.energy.session('2022-09-06')!;
    expect([wallTime(ZONE, open), wallTime(ZONE, close)]).toEqual(['2022-09-04T17:00', '2022-09-06T16:00']);
    expect(unknownHours).toEqual([{ from: chicago('2022-09-05T12:00'), to: chicago('2022-09-05T13:30') }]);
  });
});

describe('CME.metals', () => {
  it('has the hours of CME.energy', async () => {
    const metals = await tradingCalendar('CME.metals');
    expect([...metals.sessions('2024-01-01', '2024-12-31')]).toEqual([
      ...calendars.energy.sessions('2024-01-01', '2024-12-31'),
    ]);
  });
});
