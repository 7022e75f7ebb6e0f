import { afterAll, describe, expect, it } from 'vitest';
import { calendarNames } from '../../src/calendars/built-in-calendars.js';
import { type CalendarCommandOptions, calendar } from '../../src/cli/commands/calendar.js';
import { systemClock } from '../../src/core/clock.js';
import { called } from '../support/called-command.js';
import { scratchFolder } from '../support/recorded-data.js';
import { instantAt } from '../support/wall-times.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const clock = { ...systemClock, wall: () => instantAt('America/New_York')('2026-11-30T10:00') };
const tickloomCalendar = (name?: string, options: CalendarCommandOptions = {}) =>
  called((terminal) => calendar(name, options, terminal, clock));

describe('tickloom calendar', () => {
  it('lists the calendars with their ranges', async () => {
    const { code, out } = await tickloomCalendar();
    expect(code).toBe(0);
    for (const name of calendarNames()) expect(out).toContain(`${name} `);
    expect(out).toMatch(/^XNYS +2000-01-01 to 2028-12-31 {2}shares listed in the United States/m);
    const { calendars } = JSON.parse((await tickloomCalendar(undefined, { json: true })).out);
    expect(calendars.map(({ name }: { name: string }) => name)).toEqual(calendarNames());
  });

  it('says what a market is doing now, and from where it knows', async () => {
    const { out, err } = await tickloomCalendar('XNYS');
    expect(err).toBe('');
    expect(out.split('\n')).toEqual([
      'XNYS: shares listed in the United States (NYSE, Nasdaq)',
      '  zone: America/New_York',
      '  dates: 2000-01-01 to 2028-12-31',
      expect.stringMatching(/^ {2}source: NYSE Rules/),
      '  at 2026-11-30T10:00:00-05:00: open (regular, trade date 2026-11-30); closes at 2026-11-30T16:00:00-05:00',
      '',
    ]);
  });

  it.each([
    [
      'XNYS',
      '2026-11-27T14:00',
      'closed (early-close: Day after Thanksgiving); opens at 2026-11-30T09:30:00-05:00',
    ],
    [
      'XNYS',
      '2026-11-27T18:00Z',
      'closed (early-close: Day after Thanksgiving); opens at 2026-11-30T09:30:00-05:00',
    ],
    [
      'XNYS',
      '2026-11-27T10:00-08',
      'closed (early-close: Day after Thanksgiving); opens at 2026-11-30T09:30:00-05:00',
    ],
    ['XNYS', '1999-12-31T12:00', 'not known (before-range); when it opens is not known'],
    ['FX', '2026-12-25T12:00', 'not known (unknown-hours: Christmas Day); when it opens is not known'],
    ['24/7', '2026-12-25T12:00', 'open (regular, trade date 2026-12-25); when it closes is not known'],
  ])('says what %s is doing at %s', async (name, at, expected) => {
    const { code, out } = await tickloomCalendar(name, { at });
    expect(code).toBe(0);
    expect(out).toContain(`: ${expected}\n`);
  });

  it.each([
    ['2026-11-27T10:00', '2026-11-27T10:00:00-05:00'],
    ['2026-11-27', '2026-11-27T00:00:00-05:00'],
    ['2026-11-27T10:00-08', '2026-11-27T13:00:00-05:00'],
    ['2026-11-27 10:00-0800', '2026-11-27T13:00:00-05:00'],
    ['2026-11-27T10:00:00.5-08:00', '2026-11-27T13:00:00.5-05:00'],
    ['2026-11-27t15:00z', '2026-11-27T10:00:00-05:00'],
    ['2026-11-27T10:00-08:00[America/Los_Angeles]', '2026-11-27T13:00:00-05:00'],
    ['2026-11-27T10:00[Asia/Tokyo]', '2026-11-26T20:00:00-05:00'],
  ])('reads the time %s in its own zone, if it has one', async (at, expected) => {
    const { out } = await tickloomCalendar('XNYS', { at, json: true });
    expect(JSON.parse(out)).toMatchObject({ at: expected });
  });

  it.each([
    '2026-11-27T10:00+09:00[America/New_York]',
    '2026-11-27T10:00[Mars/Olympus]',
    '2026-11-27[u-ca=japanese]',
    '2026-11-27T10:00-25:00',
    '-271821-04-19T22:00+08:00',
    '',
  ])('refuses the time "%s"', async (at) => {
    const { code, err } = await tickloomCalendar('XNYS', { at });
    expect([code, err]).toEqual([2, expect.stringContaining('expected a time such as')]);
  });

  it('prints a state as JSON', async () => {
    const { out } = await tickloomCalendar('CME.equity', { at: '2026-01-19T13:00', json: true });
    expect(JSON.parse(out)).toMatchObject({
      name: 'CME.equity',
      at: '2026-01-19T13:00:00-06:00',
      state: 'closed',
      reason: 'early-close',
      what: 'Martin Luther King, Jr. Day',
      nextOpen: '2026-01-19T17:00:00-06:00',
      nextClose: '2026-01-20T16:00:00-06:00',
    });
  });

  it('prints sessions by trade date, on the clock of the market', async () => {
    const globex = await tickloomCalendar('CME.equity', { from: '2026-01-16', to: '2026-01-20' });
    expect(globex.out.split('\n')).toEqual([
      '2026-01-16  -1d 17:00 to 16:00',
      '2026-01-20  -2d 17:00 to -1d 12:00, -1d 17:00 to 16:00',
      '',
    ]);
    const shares = await tickloomCalendar('XNYS', { from: '2026-11-27', hours: 'extended' });
    expect(shares.out.split('\n')[0]).toBe(
      '2026-11-27  pre 04:00 to 09:30, 09:30 to 13:00, post 13:00 to 17:00  Day after Thanksgiving',
    );
    expect(shares.out.split('\n').at(-2)).toMatch(/^2026-12-10 /);
    const json = await tickloomCalendar('XNYS', { from: '2028-12-29', json: true });
    expect(JSON.parse(json.out).sessions).toEqual([
      {
        date: '2028-12-29',
        open: '2028-12-29T09:30:00-05:00',
        close: '2028-12-29T16:00:00-05:00',
        isShort: false,
        what: null,
        parts: [{ kind: 'regular', open: '2028-12-29T09:30:00-05:00', close: '2028-12-29T16:00:00-05:00' }],
        unknownHours: [],
      },
    ]);
  });

  it('prints unknown hours as such', async () => {
    const christmas = await tickloomCalendar('FX', { from: '2025-12-24', to: '2025-12-26' });
    expect(christmas.out.split('\n')).toEqual([
      '2025-12-24  -1d 17:00 to 17:00',
      '2025-12-25  -1d 17:00 to 17:00 not known  Christmas Day',
      '2025-12-26  -1d 17:00 to 17:00',
      '',
    ]);
    const half = { from: '2024-11-29', to: '2024-11-29' };
    expect((await tickloomCalendar('CME.energy', half)).out).toContain(
      '-1d 17:00 to 12:45, 12:45 to 13:45 not known  Day after Thanksgiving\n',
    );
    const { sessions } = JSON.parse((await tickloomCalendar('CME.energy', { ...half, json: true })).out);
    expect(sessions).toMatchObject([
      {
        close: null,
        unknownHours: [{ from: '2024-11-29T12:45:00-06:00', to: '2024-11-29T13:45:00-06:00' }],
      },
    ]);
  });

  it('reads a calendar of a file', async () => {
    const file = SCRATCH.write(
      'own.yaml',
      'name: own\nextends: "24/7"\nsource: ours\nexceptions: [{ name: Move, date: 2026-12-01 }]\n',
    );
    const { out } = await tickloomCalendar(file, { at: '2026-12-01T12:00' });
    expect(out).toContain('own: markets that never close\n');
    expect(out).toContain('closed (closure: Move); opens at 2026-12-02T00:00:00+00:00');
  });

  it.each([
    ['XNYZ', {}, 'found "XNYZ"; did you mean "XNYS"?'],
    ['none.yaml', {}, 'none.yaml:1:1 (root): expected the file of a calendar, found no file of that name'],
    ['XNYS', { at: 'noon' }, '--at'],
    ['XNYS', { from: '1999-01-01' }, 'knows the dates 2000-01-01 to 2028-12-31, found "1999-01-01"'],
    ['XNYS', { from: '+275760-09-13' }, ', as YYYY-MM-DD, found "+275760-09-13"'],
    ['XNYS', { from: '9999-12-31' }, 'found "9999-12-31"'],
    ['XNYS', { to: '+275760-09-13' }, ', as YYYY-MM-DD, found "+275760-09-13"'],
    ['XNYS', { from: 'today' }, ', as YYYY-MM-DD, found "today"'],
    ['XNYS', { from: '2026-01-01', to: '2030-01-01' }, 'found "2030-01-01"'],
  ])('refuses what it cannot print (%s %j)', async (name, options, reason) => {
    const { code, out, err } = await tickloomCalendar(name, options);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(reason);
  });
});
