import { describe, expect, it, vi } from 'vitest';
import { calendarNames, tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import type { CalendarData } from '../../src/calendars/calendar-data.js';
import { TradingCalendar } from '../../src/calendars/trading-calendar.js';
import { TradingDays } from '../../src/calendars/trading-days.js';
import { type Nanos, nanos } from '../../src/core/units.js';
import { instantAt, utc, wallTime } from '../support/wall-times.js';

const newYork = instantAt('America/New_York');
const HOUR = 3_600_000_000_000n;

describe('the FX week', () => {
  it('is open from Sunday to Friday at 17:00 New York without a pause', async () => {
    const fx = await tradingCalendar('FX');
    const opens = newYork('2026-11-29T17:00');
    expect(fx.nextOpen(newYork('2026-11-28T12:00'))).toBe(opens);
    expect(fx.nextClose(opens)).toBe(newYork('2026-12-04T17:00'));
    expect(fx.openBetween(opens, newYork('2026-12-04T17:00'))).toBe(120n * HOUR);
    expect(fx.tradeDate(newYork('2026-12-02T16:59'))).toBe('2026-12-02');
    expect(fx.tradeDate(newYork('2026-12-02T17:00'))).toBe('2026-12-03');
  });

  it('begins an hour of UTC earlier in summer', async () => {
    const fx = await tradingCalendar('FX');
    expect(fx.session('2026-03-06')!.close).toBe(utc('2026-03-06T22:00'));
    expect(fx.session('2026-03-09')!.open).toBe(utc('2026-03-08T21:00'));
    expect(fx.session('2026-10-30')!.close).toBe(utc('2026-10-30T21:00'));
    expect(fx.session('2026-11-02')!.open).toBe(utc('2026-11-01T22:00'));
  });

  it('does not know what happens on Christmas', async () => {
    const fx = await tradingCalendar('FX');
    const state = { state: 'unknown', reason: 'unknown-hours', what: 'Christmas Day' };
    expect(fx.at(newYork('2026-12-24T17:00'))).toEqual(state);
    expect(fx.at(newYork('2026-12-25T16:59'))).toEqual(state);
    expect(fx.session('2026-12-25')).toEqual({
      date: '2026-12-25',
      open: undefined,
      close: undefined,
      parts: [],
      unknownHours: [{ from: newYork('2026-12-24T17:00'), to: newYork('2026-12-25T17:00') }],
      isShort: false,
      what: 'Christmas Day',
    });
    expect(fx.isOpen(newYork('2026-12-25T12:00'))).toBeUndefined();
    // The weekend follows.
    expect(fx.nextOpen(newYork('2026-12-26T12:00'))).toBe(newYork('2026-12-27T17:00'));
  });
});

describe('a market that never closes', () => {
  it('is open at every instant of its range, and does not know when it closes', async () => {
    const always = await tradingCalendar('24/7');
    const now = utc('2026-11-30T12:34:56.789');
    expect(always.at(now)).toEqual({
      state: 'open',
      kind: 'regular',
      date: '2026-11-30',
      since: utc('2026-11-30T00:00'),
      until: utc('2026-12-01T00:00'),
    });
    expect(always.nextClose(now)).toBeUndefined();
    expect(always.nextOpen(now)).toBeUndefined();
    expect(always.openBetween(utc('2026-01-01T00:00'), utc('2027-01-01T00:00'))).toBe(365n * 24n * HOUR);
  });
});

describe('outside of its range', () => {
  it.each(['1900-01-01T00:00', '1999-12-31T12:00'])('a calendar knows nothing before (%s)', async (at) => {
    const xnys = await tradingCalendar('XNYS');
    expect(xnys.at(newYork(at))).toEqual({ state: 'unknown', reason: 'before-range' });
    expect(xnys.isOpen(newYork(at))).toBeUndefined();
    expect(xnys.nextOpen(newYork(at))).toBeUndefined();
    expect(xnys.openBetween(newYork(at), newYork('2000-01-04T12:00'))).toBeUndefined();
  });

  it.each(['2029-01-01T00:00', '2029-01-02T12:00', '2262-01-01T00:00'])('and after (%s)', async (at) => {
    const xnys = await tradingCalendar('XNYS');
    expect(xnys.at(newYork(at))).toEqual({ state: 'unknown', reason: 'after-range' });
    expect(xnys.nextClose(newYork(at))).toBeUndefined();
    expect(xnys.openBetween(newYork('2028-12-29T12:00'), newYork(at))).toBe(
      at === '2029-01-01T00:00' ? 4n * HOUR : undefined,
    );
  });

  it('a calendar answers for instants that no clock shows', async () => {
    const xnys = await tradingCalendar('XNYS');
    expect(xnys.at(nanos(-(2n ** 80n)))).toEqual({ state: 'unknown', reason: 'before-range' });
    expect(xnys.at(nanos(2n ** 80n))).toEqual({ state: 'unknown', reason: 'after-range' });
  });

  it('the last evening is unknown where it belongs to the next trade date', async () => {
    const data = { ...(await tradingCalendar('CME.fx')).data, to: '2026-12-01' };
    const calendar = await TradingCalendar.of(data);
    const chicago = instantAt('America/Chicago');
    expect(calendar.at(chicago('2026-12-01T16:30'))).toMatchObject({ state: 'closed', nextOpen: undefined });
    expect(calendar.at(chicago('2026-12-01T17:00'))).toEqual({ state: 'unknown', reason: 'after-range' });
    expect(calendar.nextClose(chicago('2026-12-01T12:00'))).toBe(chicago('2026-12-01T16:00'));
    expect(calendar.nextOpen(chicago('2026-12-01T12:00'))).toBeUndefined();
  });

  it.each([
    ['1999-12-31', '2000-12-31'],
    ['2026-01-01', '2029-01-01'],
    ['2026-02-30', '2026-03-01'],
    ['', '2026-03-01'],
  ])('has no sessions to list (%s to %s)', async (from, to) => {
    const xnys = await tradingCalendar('XNYS');
    expect(() => xnys.sessions(from, to)).toThrow(
      expect.objectContaining({
        code: 'CALENDAR_RANGE',
        message: expect.stringContaining('Calendar "XNYS" knows the dates 2000-01-01 to 2028-12-31'),
      }),
    );
  });
});

describe('a closed market', () => {
  it.each([
    ['2026-11-25T20:00', 'holiday', 'Thanksgiving Day'],
    ['2026-11-26T10:00', 'holiday', 'Thanksgiving Day'],
    ['2026-11-27T08:00', 'overnight', undefined],
    ['2026-11-27T14:00', 'early-close', 'Day after Thanksgiving'],
    ['2026-11-28T14:00', 'weekend', undefined],
    ['2026-11-29T23:00', 'weekend', undefined],
    ['2026-11-30T08:00', 'overnight', undefined],
    ['2026-12-01T18:00', 'overnight', undefined],
  ])('says why at %s: %s', async (at, reason, what) => {
    const xnys = await tradingCalendar('XNYS');
    const state = xnys.at(newYork(at));
    expect(state).toMatchObject({ state: 'closed', reason });
    expect('what' in state ? state.what : undefined).toBe(what);
  });

  it('says when it opens, over holidays and closures', async () => {
    const xnys = await tradingCalendar('XNYS');
    const next = (at: string) => wallTime('America/New_York', xnys.nextOpen(newYork(at)));
    expect(next('2001-09-11T08:46')).toBe('2001-09-17T09:33');
    expect(next('2026-11-25T16:00')).toBe('2026-11-27T09:30');
    expect(next('2026-12-31T16:00')).toBe('2027-01-04T09:30');
    // While it is open, the open after.
    expect(next('2026-11-30T09:30')).toBe('2026-12-01T09:30');
  });

  it('is closed from the very instant of the close, and open from that of the open', async () => {
    const xnys = await tradingCalendar('XNYS');
    const { open, close } = xnys.session('2026-11-30')!;
    const around = [open! - 1n, open!, close! - 1n, close!].map((at) => xnys.isOpen(at as Nanos));
    expect(around).toEqual([false, true, true, false]);
  });
});

describe('hours in which the clock is set', () => {
  const NIGHT: CalendarData = {
    name: 'night',
    title: 'a market at night',
    zone: 'America/New_York',
    from: '2026-01-01',
    to: '2026-12-31',
    source: 'a test',
    hours: [
      {
        from: '2026-01-01',
        sessions: [
          { days: 'sun', from: '00:30', to: '01:30' },
          { days: 'sun', from: '01:30', to: '02:30' },
          { days: 'sun', from: '02:30', to: '04:00' },
        ],
      },
    ],
  };

  it('come once, in order and without a gap, when an hour is doubled', async () => {
    const calendar = await TradingCalendar.of(NIGHT);
    const { parts } = calendar.session('2026-11-01')!;
    expect(parts.map(({ open, close }) => [open, close])).toEqual([
      [utc('2026-11-01T04:30'), utc('2026-11-01T05:30')],
      [utc('2026-11-01T05:30'), utc('2026-11-01T07:30')],
      [utc('2026-11-01T07:30'), utc('2026-11-01T09:00')],
    ]);
  });

  it('are shorter when an hour is left out', async () => {
    const calendar = await TradingCalendar.of(NIGHT);
    const { parts } = calendar.session('2026-03-08')!;
    expect(parts.map(({ open, close }) => [open, close])).toEqual([
      [utc('2026-03-08T05:30'), utc('2026-03-08T06:30')],
      [utc('2026-03-08T06:30'), utc('2026-03-08T07:00')],
      [utc('2026-03-08T07:00'), utc('2026-03-08T08:00')],
    ]);
  });
});

describe('a calendar', () => {
  it('answers for the same stretch again without planning a day', async () => {
    const xnys = await tradingCalendar('XNYS');
    const start = newYork('2026-11-30T10:00');
    xnys.at(start);
    xnys.nextClose(start);
    const plan = vi.spyOn(TradingDays.prototype, 'plan');
    for (let i = 0n; i < 1_000n; i++) {
      const now = nanos(start + i * 1_000_000_000n);
      expect(xnys.isOpen(now)).toBe(true);
      expect(xnys.openBetween(start, now)).toBe(now - start);
      xnys.nextClose(now);
    }
    expect(plan).not.toHaveBeenCalled();
    plan.mockRestore();
  });

  it('goes once through the range of a market that never closes', async () => {
    const always = await tradingCalendar('24/7');
    const now = utc('2026-11-30T12:00');
    expect(always.nextClose(now)).toBeUndefined();
    const plan = vi.spyOn(TradingDays.prototype, 'plan');
    expect(always.nextClose(nanos(now - 1n))).toBeUndefined();
    expect(always.nextClose(utc('2026-11-30T00:00'))).toBeUndefined();
    expect(always.nextClose(utc('2026-11-28T12:00'))).toBeUndefined();
    expect(plan.mock.calls.length).toBeLessThan(20);
    plan.mockRestore();
  });

  it('looks once for the end of a pause of a hundred years', async () => {
    const calendar = await TradingCalendar.of({
      name: 'rare',
      title: 'rare',
      source: 'a test',
      zone: 'UTC',
      from: '1900-01-01',
      to: '2049-12-31',
      hours: [{ from: '1900-01-01', sessions: [] }],
      exceptions: [
        { name: 'first', date: '1910-01-01', hours: [{ from: '09:00', to: '10:00' }] },
        { name: 'last', date: '2010-01-01', hours: [{ from: '09:00', to: '10:00' }] },
      ],
    });
    const now = utc('1960-06-01T12:00');
    expect(calendar.nextOpen(now)).toBe(utc('2010-01-01T09:00'));
    const plan = vi.spyOn(TradingDays.prototype, 'plan');
    for (const at of ['1910-01-01T10:00', '1930-01-01T00:00', '2010-01-01T08:00'].map(utc)) {
      expect(calendar.at(at)).toMatchObject({ state: 'closed' });
      expect(calendar.nextOpen(at)).toBe(utc('2010-01-01T09:00'));
      expect(calendar.nextClose(at)).toBe(utc('2010-01-01T10:00'));
    }
    expect(plan.mock.calls.length).toBeLessThan(100);
    plan.mockRestore();
    expect(calendar.nextOpen(utc('2010-01-01T10:00'))).toBeUndefined();
    expect(calendar.nextClose(utc('2010-01-01T10:00'))).toBeUndefined();
  });

  it('has a name that is known', async () => {
    await expect(tradingCalendar('XNYZ')).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/found "XNYZ"; did you mean "XNYS"\? \(there are: XNYS, /),
    });
    await expect(tradingCalendar(undefined as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  it.each([null, 'extended', { hours: 'all' }, { hours: null }])(
    'has no options like %j',
    async (options) => {
      await expect(tradingCalendar('XNYS', options as never)).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      });
    },
  );

  it('is plain data that another thread can take', async () => {
    for (const name of calendarNames()) {
      const { data } = await tradingCalendar(name);
      const copy = await TradingCalendar.of(JSON.parse(JSON.stringify(data)));
      expect(copy.data).toEqual(data);
      expect(data.source).not.toBe('');
    }
  });
});
