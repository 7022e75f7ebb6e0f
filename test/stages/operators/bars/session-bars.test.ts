import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import type { CalendarData } from '../../../../src/calendars/calendar-data.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { nanos } from '../../../../src/core/units.js';
import { specProblems } from '../../../support/spec-problems.js';
import { contextWithIds, type Item, isRecord, type Options } from './bars-rig.js';
import { barsOf, inShort, missing, ns, opened, TOKYO, trade, watermark, XNYS } from './session-rig.js';

// What a calendar loads is loaded once.
beforeAll(async () => {
  await tradingCalendar('XNYS');
});

/** A row outside may close the bar of its symbol before that of another one. */
const inOrder = (items: readonly Item[]): Row[] =>
  items
    .filter((item): item is Row => !isRecord(item))
    .sort(
      (a, b) =>
        Number((a.time as bigint) - (b.time as bigint)) || (String(a.symbol) < String(b.symbol) ? -1 : 1),
    );

describe('bars of sessions', () => {
  it('begin at the open and hold the rows of one session, without those outside', async () => {
    const bars = await opened(XNYS);
    void bars.process([
      trade('2024-11-26T14:30:00Z'),
      trade('2024-11-26T20:59:59.999Z'),
      trade('2024-11-26T21:00:00Z'), // the close
      trade('2024-11-27T14:29:59Z'),
      trade('2024-11-27T14:30:00Z', 101),
      trade('2024-11-27T22:00:00Z'),
      trade('2024-11-28T16:00:00Z'), // Thanksgiving
      trade('2024-11-29T14:30:00Z'), // a half day
      trade('2024-11-29T17:59:00Z'),
      trade('2024-11-29T18:00:00Z'),
      trade('2024-12-02T14:30:00Z'),
    ]);
    bars.flush();
    expect(inShort(bars.emitted())).toEqual([
      '11-26T14:30 A 2 complete',
      '11-27T14:30 A 1 complete',
      '11-29T14:30 A 2 complete',
      '12-02T14:30 A 1 partial', // the stream ended in it
    ]);
    expect(bars.operator.tally?.()).toMatchObject({ folded: 6, derived: 4, filtered: 5, dropped: 0 });
    expect(bars.operator.statistics?.()).toMatchObject({ rowsOutside: 5, rowsUnknown: 0 });
  });

  it('close by the watermark at the end of their session, a half day before the usual one', async () => {
    const bars = await opened(XNYS);
    void bars.process([trade('2024-11-29T14:30:00Z'), watermark('2024-11-29T17:59:59Z')]);
    expect(inShort(bars.emitted())).toEqual(['watermark 11-29T14:30']);
    void bars.process([watermark('2024-11-29T18:00:00Z')]);
    expect(inShort(bars.emitted())).toEqual(['11-29T14:30 A 1 complete', 'watermark 11-29T18:00']);
  });

  it('let time pass between sessions, and never ahead of what the source told', async () => {
    const bars = await opened(XNYS);
    void bars.process([
      trade('2024-11-29T14:30:00Z'),
      watermark('2024-11-30T12:00:00Z'),
      watermark('2024-12-02T10:00:00Z'),
      watermark('2024-12-02T18:00:00Z'),
    ]);
    expect(inShort(bars.emitted())).toEqual([
      '11-29T14:30 A 1 complete',
      'watermark 11-30T12:00',
      'watermark 12-02T10:00',
      'watermark 12-02T14:30',
    ]);
  });

  it('let time pass before the first session that the calendar knows', async () => {
    const bars = await opened(XNYS);
    void bars.process([watermark('1999-12-31T12:00:00Z'), watermark('2000-01-03T15:00:00Z')]);
    expect(inShort(bars.emitted())).toEqual(['watermark 12-31T12:00', 'watermark 01-03T14:30']);
  });

  it('let time pass behind the last session that the calendar knows, and say once that it has ended', async () => {
    const warnings: string[] = [];
    const { log } = contextWithIds();
    const calendars = { 'tokyo.yaml': { ...TOKYO, to: '2024-01-31' } };
    const bars = await opened(
      { every: 'session', calendar: 'tokyo.yaml', unknown: 'drop' },
      { calendars, log: { ...log, warn: (_: unknown, message: string) => void warnings.push(message) } },
    );
    void bars.process([trade('2024-01-31T00:00:00Z'), watermark('2024-01-31T06:00:00Z')]);
    expect(warnings).toEqual([]);
    void bars.process([
      watermark('2024-01-31T10:00:00Z'),
      watermark('2024-02-05T00:00:00Z'),
      watermark('2024-02-06T00:00:00Z'),
    ]);
    expect(inShort(bars.emitted())).toEqual([
      'watermark 01-31T00:00',
      '01-31T00:00 A 1 complete',
      'watermark 01-31T10:00',
      'watermark 02-05T00:00',
      'watermark 02-06T00:00',
    ]);
    expect(warnings).toEqual([expect.stringContaining('the calendar knows no further session')]);
  });

  it('are there for each session with `emptyBars`, and for no night, weekend and holiday', async () => {
    const items = [trade('2024-11-26T14:30:00Z'), watermark('2024-12-04T00:00:00Z')];
    expect(inShort(await barsOf(items, { ...XNYS, emptyBars: 'emit' }))).toEqual([
      '11-26T14:30 A 1 complete',
      '11-27T14:30 A 0 empty',
      '11-29T14:30 A 0 empty',
      '12-02T14:30 A 0 empty',
      '12-03T14:30 A 0 empty',
      'watermark 12-04T00:00',
    ]);
  });

  it('leave out bars above `fillMax`, and count those of sessions alone', async () => {
    const bars = await opened({ ...XNYS, emptyBars: 'emit', fillMax: 1 });
    void bars.process([trade('2024-11-26T14:30:00Z'), watermark('2024-12-04T00:00:00Z')]);
    expect(inShort(bars.emitted()).filter((bar) => bar.endsWith('empty'))).toHaveLength(1);
    expect(bars.operator.statistics?.()).toMatchObject({ barsNotFilled: 3 });
  });

  it('are marked where a gap lies in their session, and not where it lies between two', async () => {
    const items = [
      trade('2024-11-26T14:30:00Z'),
      missing('2024-11-26T21:00:00Z', '2024-11-27T14:30:00Z'),
      trade('2024-11-27T14:30:00Z'),
      missing('2024-11-27T20:59:00Z', '2024-11-29T14:31:00Z'),
      trade('2024-11-29T15:00:00Z'),
      watermark('2024-12-02T00:00:00Z'),
    ];
    expect(inShort(await barsOf(items, XNYS)).filter((bar) => !bar.startsWith('gap'))).toEqual([
      '11-26T14:30 A 1 complete',
      '11-27T14:30 A 1 gap',
      '11-29T14:30 A 1 gap',
      'watermark 12-02T00:00',
    ]);
  });

  it('are partial where the stream was reset in their session, and not where it was between two', async () => {
    const reset = (iso: string): ControlRecord => ({ type: 'reset', at: nanos(ns(iso)), reason: 'test' });
    const items = [
      trade('2024-11-26T14:30:00Z'),
      reset('2024-11-26T15:00:00Z'),
      watermark('2024-11-26T22:00:00Z'),
      reset('2024-11-26T23:00:00Z'),
      trade('2024-11-27T14:30:00Z'),
      watermark('2024-11-27T22:00:00Z'),
    ];
    expect(inShort(await barsOf(items, XNYS)).filter((bar) => bar.includes(' A '))).toEqual([
      '11-26T14:30 A 1 partial',
      '11-27T14:30 A 1 complete',
    ]);
  });

  it('have the hours before and after in them, if these are asked for', async () => {
    const items = [
      trade('2024-11-26T09:00:00Z'),
      trade('2024-11-27T00:59:00Z'),
      trade('2024-11-27T01:00:00Z'),
    ];
    const bars = await barsOf([...items, watermark('2024-11-27T02:00:00Z')], { ...XNYS, hours: 'extended' });
    expect(inShort(bars)).toEqual(['11-26T09:00 A 2 complete', 'watermark 11-27T02:00']);
  });

  it('go over a break at noon, whose rows are outside, by a calendar of a file', async () => {
    const options = { every: 'session', calendar: 'tokyo.yaml' };
    const items = [
      trade('2024-11-29T00:00:00Z'),
      trade('2024-11-29T03:00:00Z'), // 12:00
      trade('2024-11-29T06:29:00Z'),
      watermark('2024-11-29T06:30:00Z'),
    ];
    expect(inShort(await barsOf(items, options, { calendars: { 'tokyo.yaml': TOKYO } }))).toEqual([
      '11-29T00:00 A 2 complete',
      'watermark 11-29T06:30',
    ]);
  });

  it('end the job at a time that the calendar does not know, or count its rows', async () => {
    const items = [
      trade('1999-12-31T15:00:00Z'),
      trade('2000-01-03T14:30:00Z'),
      watermark('2000-01-04T00:00:00Z'),
    ];
    await expect(barsOf(items, XNYS)).rejects.toThrow(
      /A row at 1999-12-31T15:00:00\.000000000Z: expected a time of which the calendar "XNYS" knows .*; `unknown: drop` goes on/,
    );
    const bars = await opened({ ...XNYS, unknown: 'drop' });
    void bars.process(items);
    expect(inShort(bars.emitted())).toEqual(['01-03T14:30 A 1 complete', 'watermark 01-04T00:00']);
    expect(bars.operator.statistics?.()).toMatchObject({ rowsUnknown: 1, rowsOutside: 0 });
  });

  it('are partial where a row in hours that are not known was left out of their session', async () => {
    const [first] = TOKYO.hours;
    const sessions = [
      ...first!.sessions,
      { days: 'mon-fri', from: '11:30', to: '12:30', kind: 'unknown' as const },
    ];
    const calendars = { 'tokyo.yaml': { ...TOKYO, hours: [{ ...first!, sessions }] } };
    const items = [
      trade('2024-11-28T00:00:00Z'),
      watermark('2024-11-28T07:00:00Z'),
      trade('2024-11-29T00:00:00Z'),
      trade('2024-11-29T03:00:00Z'),
      watermark('2024-11-29T07:00:00Z'),
    ];
    const options: Options = { every: 'session', calendar: 'tokyo.yaml', unknown: 'drop' };
    expect(inShort(await barsOf(items, options, { calendars })).filter((bar) => bar.includes(' A '))).toEqual(
      ['11-28T00:00 A 1 complete', '11-29T00:00 A 1 partial'],
    );
  });

  it('say what late rows are late for', async () => {
    const items = [
      trade('2024-11-26T14:30:00Z'),
      watermark('2024-11-26T21:00:00Z'),
      trade('2024-11-26T15:00:00Z'),
    ];
    await expect(barsOf(items, XNYS)).rejects.toThrow(/its bar ended at 2024-11-26T21:00:00\.000000000Z/);
    expect(inShort(await barsOf(items, { ...XNYS, late: 'drop' }))[0]).toBe('11-26T14:30 A 1 complete');
  });
});

describe('bars of one length in sessions', () => {
  const starts = (items: readonly Item[]) => inShort(items).filter((bar) => bar.includes(' A '));

  it('begin at the open, and the last one ends at the close, of half days too', async () => {
    const items = [trade('2024-11-29T14:30:00Z'), watermark('2024-12-03T00:00:00Z')];
    expect(starts(await barsOf(items, { calendar: 'XNYS', every: '1h', emptyBars: 'emit' }))).toEqual([
      '11-29T14:30 A 1 complete',
      '11-29T15:30 A 0 empty',
      '11-29T16:30 A 0 empty',
      '11-29T17:30 A 0 empty',
      ...['14', '15', '16', '17', '18', '19', '20'].map((hour) => `12-02T${hour}:30 A 0 empty`),
    ]);
  });

  it('begin anew behind a break', async () => {
    const options: Options = { every: '1h', calendar: 'tokyo.yaml', emptyBars: 'emit' };
    const items = [trade('2024-11-29T00:00:00Z'), watermark('2024-11-29T07:00:00Z')];
    expect(starts(await barsOf(items, options, { calendars: { 'tokyo.yaml': TOKYO } }))).toEqual(
      ['00:00', '01:00', '02:00', '03:30', '04:30', '05:30'].map(
        (at, i) => `11-29T${at} A ${i === 0 ? '1 complete' : '0 empty'}`,
      ),
    );
  });

  it('close at the close, though they would be longer', async () => {
    const bars = await opened({ calendar: 'XNYS', every: '1h' });
    void bars.process([trade('2024-11-29T17:45:00Z'), watermark('2024-11-29T17:59:59Z')]);
    expect(starts(bars.emitted())).toEqual([]);
    void bars.process([watermark('2024-11-29T18:00:00Z')]);
    expect(starts(bars.emitted())).toEqual(['11-29T17:30 A 1 partial']); // the stream began in it
  });

  it('follow the clock of the market over the change to winter time', async () => {
    const items = [
      trade('2024-11-01T13:30:00Z'),
      trade('2024-11-04T14:30:00Z'),
      watermark('2024-11-04T16:00:00Z'),
    ];
    const bars = await opened({ calendar: 'XNYS', every: '4h' });
    void bars.process(items);
    expect(starts(bars.emitted())).toEqual(['11-01T13:30 A 1 complete']);
    void bars.process([watermark('2024-11-04T18:30:00Z')]);
    expect(starts(bars.emitted())).toEqual(['11-04T14:30 A 1 complete']);
  });

  const OFFSETS = fc.array(
    fc.record({
      // Around the open and the close of a Friday, a weekend, and a Monday.
      minutes: fc.oneof(fc.integer({ min: -30, max: 240 }), fc.integer({ min: 4_290, max: 4_800 })),
      seconds: fc.constantFrom(0, 1, 30, 59),
      symbol: fc.constantFrom('A', 'B', 'C'),
      price: fc.integer({ min: 1, max: 9 }),
    }),
    { minLength: 1, maxLength: 40 },
  );

  it('of one minute are those of minutes since 1970 of the rows that `sessions` keeps', async () => {
    await fc.assert(
      fc.asyncProperty(
        OFFSETS,
        fc.constantFrom('all', 'symbol'),
        fc.constantFrom('0s', '5m', '10d'),
        async (offsets, scope, lateness) => {
          const open = ns('2024-11-29T14:30:00Z');
          const rows = offsets.map(({ minutes, seconds, symbol, price }): Row => {
            return { time: open + BigInt(minutes * 60 + seconds) * 1_000_000_000n, symbol, price, size: 1 };
          });
          // Otherwise, nothing is late.
          if (lateness !== '10d') rows.sort((a, b) => Number((a.time as bigint) - (b.time as bigint)));
          const stream = { order: { scope, maxDelayNs: 0 }, bounded: true };
          const options: Options = { lateness };
          // Both streams began long before, since a row outside shows that as well.
          rows.unshift(trade('2024-11-27T15:00:00Z'));
          const kept: Row[] = [];
          const calendar = await tradingCalendar('XNYS');
          for (const row of rows) if (calendar.isOpen(nanos(row.time as bigint))) kept.push(row);
          const end = watermark('2024-12-20T00:00:00Z');
          const own = await barsOf([...rows, end], { ...options, every: '1m', calendar: 'XNYS' }, { stream });
          const fixed = await barsOf([...kept, end], { ...options, every: '1m' }, { stream });
          expect(inOrder(own)).toEqual(inOrder(fixed));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('go on from a checkpoint as if nothing had happened, wherever it is taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        OFFSETS,
        fc.nat(40),
        fc.constantFrom<Options>(
          { every: 'session', calendar: 'XNYS' },
          { every: '1h', calendar: 'XNYS', emptyBars: 'emit', lateness: '1h' },
          { every: '7m', calendar: 'XNYS', hours: 'extended', unknown: 'drop' },
        ),
        async (offsets, at, options) => {
          const open = ns('2024-11-29T14:30:00Z');
          const items: Item[] = offsets.flatMap(({ minutes, seconds, symbol, price }, i): Item[] => {
            const time = open + BigInt(minutes * 60 + seconds) * 1_000_000_000n;
            const row: Row = { time, symbol, price, size: 1 };
            return i % 7 === 3
              ? [{ type: 'gap', from: nanos(time - 10_000_000_000_000n), to: nanos(time), reason: 'x' }, row]
              : [row];
          });
          const cut = Math.min(at, items.length);
          const whole = await opened({ ...options, late: 'drop' });
          void whole.process(items.slice(0, cut));
          void whole.process(items.slice(cut));
          whole.flush();
          const first = await opened({ ...options, late: 'drop' });
          void first.process(items.slice(0, cut));
          const state = JSON.parse(JSON.stringify(first.operator.snapshot!()));
          const second = await opened(
            { ...options, late: 'drop' },
            { dictionaries: first.context.dictionaries },
          );
          second.operator.restore!(state);
          void second.process(items.slice(cut));
          second.flush();
          expect([...first.emitted(), ...second.emitted()]).toEqual(whole.emitted());
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuse a checkpoint of which an open session has other hours now, and take other dates', async () => {
    const options: Options = { every: 'session', calendar: 'tokyo.yaml' };
    const first = await opened(options, { calendars: { 'tokyo.yaml': TOKYO } });
    void first.process([trade('2024-11-29T00:00:00Z')]);
    const state = first.operator.snapshot!();
    const restored = async (exceptions: CalendarData['exceptions']) => {
      const calendars = { 'tokyo.yaml': { ...TOKYO, exceptions: exceptions! } };
      const bars = await opened(options, { calendars, dictionaries: first.context.dictionaries });
      bars.operator.restore!(state);
    };
    const named = async (other: Options) => {
      const bars = await opened(other, {
        calendars: { 'b.yaml': TOKYO },
        dictionaries: first.context.dictionaries,
      });
      bars.operator.restore!(state);
    };
    await named({ ...options, calendar: 'b.yaml' });
    const hours = await opened({ every: '1h' });
    await expect(
      opened({ ...options, every: '1h' }, { calendars: { 'tokyo.yaml': TOKYO } }).then((bars) =>
        bars.operator.restore!(hours.operator.snapshot!()),
      ),
    ).rejects.toThrow(/Expected the state of bars in sessions, found that of bars without a calendar/);
    await restored([{ name: 'Mourning', date: '2024-12-02' }]);
    await expect(restored([{ name: 'Typhoon', date: '2024-11-29', close: '15:00' }])).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringMatching(
        /2024-11-29T00:00:00\.000000000Z to 2024-11-29T06:30:00\.000000000Z, found others; was the calendar changed\? Change it when/,
      ),
    });
  });
});

describe('the options of bars in sessions', () => {
  const spec = (bars: object) => ({
    name: 'bars',
    source: { use: 'synthetic', kind: 'trade', rows: 1 },
    operators: [{ use: 'bars', ...bars }],
    sink: { use: 'null' },
  });

  it.each([
    [{ every: 'session' }, 'operators.0.every: expected "calendar" as well, which says when sessions are'],
    [{ every: '1m', hours: 'extended' }, 'operators.0.hours: expected "calendar" as well'],
    [{ every: '1m', unknown: 'drop' }, 'operators.0.unknown: expected "calendar" as well'],
    [
      { every: '1ms', calendar: 'XNYS' },
      'operators.0.every: expected 1s or longer with "calendar", found 1000 us',
    ],
    [
      { every: 'sesion', calendar: 'XNYS' },
      'operators.0.every: expected a duration of 10us to 30d, such as "250ms", "1s", "5m", "1h" or "1d" (a number with its unit, as text), or "session", found "sesion" (did you mean "session"?)',
    ],
  ])('are asked for together: %j', async (bars, problem) => {
    expect(await specProblems(spec(bars))).toEqual([problem]);
  });
});
