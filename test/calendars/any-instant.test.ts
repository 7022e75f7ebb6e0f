import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { calendarNames, tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import type { CalendarData, OpenHours } from '../../src/calendars/calendar-data.js';
import { dateText, dayOf } from '../../src/calendars/civil-date.js';
import type { TradingSession } from '../../src/calendars/market-state.js';
import { TradingCalendar } from '../../src/calendars/trading-calendar.js';
import { type Nanos, nanos } from '../../src/core/units.js';
import { utc } from '../support/wall-times.js';

const FROM = utc('2018-01-01T00:00');
const TO = utc('2026-12-10T00:00');
const instants = fc.bigInt({ min: FROM, max: TO }).map(nanos);

const calendars = new Map<string, TradingCalendar>();
beforeAll(async () => {
  for (const name of calendarNames()) {
    calendars.set(name, await tradingCalendar(name));
    calendars.set(`${name}+`, await tradingCalendar(name, { hours: 'extended' }));
  }
});
const anyCalendar = fc
  .constantFrom(...calendarNames().flatMap((name) => [name, `${name}+`]))
  .map((name) => calendars.get(name)!);

/** Half of them at the edges of sessions, and a nanosecond before and after. */
const askedInstants = (calendar: TradingCalendar) =>
  fc.oneof(
    instants,
    fc.tuple(instants, fc.nat(), fc.constantFrom(-1n, 0n, 1n)).map(([near, which, by]) => {
      const edges = sessionsNear(calendar, near).flatMap(({ parts }) =>
        parts.flatMap(({ open, close }) => [open, close]),
      );
      return nanos((edges[which % edges.length] ?? near) + by);
    }),
  );
const calendarAndInstant = () =>
  anyCalendar.chain((calendar) => fc.tuple(fc.constant(calendar), askedInstants(calendar)));

/** The sessions around an instant. */
function sessionsNear(calendar: TradingCalendar, at: Nanos): TradingSession[] {
  const day = Number(at / 86_400_000_000_000n);
  return [...calendar.sessions(dateText(day - 8), dateText(Math.min(day + 8, dayOf(2026, 12, 31))))];
}

const partsOf = (sessions: readonly TradingSession[]) =>
  sessions.flatMap(({ date, parts }) => parts.map((part) => ({ date, ...part })));

describe('at any instant, a calendar', () => {
  it('is open exactly within a part of a session, of its kind and trade date', () => {
    fc.assert(
      fc.property(calendarAndInstant(), ([calendar, at]) => {
        const part = partsOf(sessionsNear(calendar, at)).find(({ open, close }) => at >= open && at < close);
        const state = calendar.at(at);
        expect(calendar.isOpen(at)).toBe(state.state === 'unknown' ? undefined : part !== undefined);
        if (state.state !== 'open') return;
        expect(part).toMatchObject({
          date: state.date,
          kind: state.kind,
          open: state.since,
          close: state.until,
        });
      }),
      { numRuns: 300 },
    );
  });

  it('says when it opens and closes next, as its sessions say', () => {
    fc.assert(
      fc.property(calendarAndInstant(), ([calendar, at]) => {
        const parts = partsOf(sessionsNear(calendar, at));
        const closes = calendar.nextClose(at);
        const opens = calendar.nextOpen(at);
        // Where one part begins as another ends, the market does neither open nor close.
        const isEdge = (edge: Nanos, key: 'open' | 'close') => !parts.some((part) => part[key] === edge);
        const expected = {
          close: parts.map(({ close }) => close).find((close) => close > at && isEdge(close, 'open')),
          open: parts.map(({ open }) => open).find((open) => open > at && isEdge(open, 'close')),
        };
        if (closes !== undefined && calendar.name !== '24/7') expect(closes).toBe(expected.close);
        if (opens !== undefined) expect(opens).toBe(expected.open);
        const state = calendar.at(at);
        if (state.state === 'closed') expect(state.nextOpen).toBe(opens);
      }),
      { numRuns: 300 },
    );
  });

  it('adds up the time that it was open', () => {
    fc.assert(
      fc.property(anyCalendar, fc.array(instants, { minLength: 3, maxLength: 3 }), (calendar, three) => {
        const [a, b, c] = three.sort((x, y) => (x < y ? -1 : 1)) as [Nanos, Nanos, Nanos];
        const [first, second, all] = [
          calendar.openBetween(a, b),
          calendar.openBetween(b, c),
          calendar.openBetween(a, c),
        ];
        if (all === undefined) expect(first === undefined || second === undefined).toBe(true);
        else expect(first! + second!).toBe(all);
        const known = calendar.knownOpenBetween(a, c);
        expect(calendar.knownOpenBetween(a, b) + calendar.knownOpenBetween(b, c)).toBe(known);
        if (all !== undefined) expect(known).toBe(all);
        expect(calendar.knownOpenBetween(c, a)).toBe(0n);
        expect(calendar.openBetween(c, a)).toBe(0n);
      }),
      { numRuns: 30 },
    );
  });

  it('answers the same in whatever order it is asked', () => {
    fc.assert(
      fc.property(anyCalendar, fc.array(instants, { minLength: 2, maxLength: 20 }), (calendar, asked) => {
        const answer = (at: Nanos) => [calendar.at(at), calendar.nextOpen(at), calendar.nextClose(at)];
        const forward = asked.map(answer);
        const backward = asked.toReversed().map(answer).toReversed();
        expect(backward).toEqual(forward);
      }),
      { numRuns: 50 },
    );
  });
});

describe('over its whole range', () => {
  it('a calendar has sessions in order that do not overlap', () => {
    const wrong: string[] = [];
    for (const calendar of calendars.values()) {
      if (calendar.name === '24/7') continue; // 47,000 days that are alike
      let before = { date: '', close: 0n };
      for (const { date, parts } of calendar.sessions(calendar.from, calendar.to)) {
        if (date <= before.date) wrong.push(`${calendar.name} ${date}`);
        before = { ...before, date };
        for (const { open, close } of parts) {
          if (open < before.close || close <= open) wrong.push(`${calendar.name} ${date} ${open}`);
          before = { date, close };
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('a calendar of any hours in any zone', () => {
  const minutes = (hour: number) => `${String(hour).padStart(2, '0')}:30`;
  const anyData = fc
    .record({
      zone: fc.constantFrom('America/New_York', 'Australia/Lord_Howe', 'Asia/Tokyo', '+05:30'),
      /** Hours of a day that do not overlap, beginning on the evening before. */
      edges: fc.uniqueArray(fc.integer({ min: -6, max: 17 }), { minLength: 2, maxLength: 6 }),
      closed: fc.uniqueArray(fc.integer({ min: 0, max: 364 }), { maxLength: 40 }),
      joined: fc.uniqueArray(fc.integer({ min: 0, max: 364 }), { maxLength: 10 }),
    })
    .map(({ zone, edges, closed, joined }): CalendarData => {
      const sorted = edges.toSorted((a, b) => a - b);
      const time = (hour: number) => (hour < 0 ? `-1d ${minutes(hour + 24)}` : minutes(hour));
      const hours: OpenHours[] = [];
      for (let i = 0; i + 1 < sorted.length; i += 2) {
        hours.push({ from: time(sorted[i]!), to: time(sorted[i + 1]!) });
      }
      const on = (day: number) => dateText(dayOf(2026, 1, 1) + day);
      return {
        name: 'any',
        title: 'any',
        zone,
        from: '2026-01-01',
        to: '2026-12-31',
        source: 'chance',
        hours: [{ from: '2026-01-01', sessions: hours.map((each) => ({ ...each, days: 'mon-sat' })) }],
        exceptions: [
          ...joined.map((day) => ({
            name: 'joined',
            date: on(day),
            close: '10:00',
            tradeDate: 'next' as const,
          })),
          ...closed.map((day) => ({ name: 'closed', date: on(day) })),
        ],
      };
    });

  it('has each open instant in exactly one session, and counts it', async () => {
    await fc.assert(
      fc.asyncProperty(anyData, async (data) => {
        const calendar = await TradingCalendar.of(data);
        const sessions = [...calendar.sessions(data.from, data.to)];
        const parts = partsOf(sessions);
        const wrong = parts.filter(
          ({ date, open, close }, i) =>
            open < (parts[i - 1]?.close ?? 0n) ||
            close <= open ||
            calendar.tradeDate(open) !== date ||
            calendar.tradeDate(nanos(close - 1n)) !== date ||
            calendar.isOpen(close) !== (parts[i + 1]?.open === close),
        );
        expect(wrong).toEqual([]);
        const [first, last] = [parts[0], parts.at(-1)];
        if (!first || !last) return;
        const sum = parts.reduce((all, part) => all + part.close - part.open, 0n);
        expect(calendar.openBetween(first.open, last.close)).toBe(sum);
      }),
      { numRuns: 40 },
    );
  });
});
