import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../src/calendars/built-in-calendars.js';
import { instantsOf } from '../../../src/service/schedules/instants-of.js';
import { intervalInstants } from '../../../src/service/schedules/interval-instants.js';
import { latestInstant } from '../../../src/service/schedules/schedule-instants.js';
import { Schedule } from '../../../src/service/schedules/schedule-options.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { TOKYO } from '../../support/tokyo-calendar.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined) =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16);
const make = async (schedule: Schedule) => instantsOf(Schedule.parse(schedule));

describe('the instants of a schedule', () => {
  it('are apart by the interval, from its first one on', async () => {
    const { next } = await make({ use: 'interval', everyMs: 900_000, fromMs: at('2026-01-01T00:05Z') });
    expect(iso(next(0))).toBe('2026-01-01T00:05');
    expect(iso(next(at('2026-01-01T00:05Z')))).toBe('2026-01-01T00:20');
    expect(iso(next(at('2026-03-29T01:19:59Z')))).toBe('2026-03-29T01:20');
  });

  it('are before the opens of a market, through holidays and changes of the clock', async () => {
    const { next } = await make({ use: 'session', calendar: 'XNYS', at: 'open', offsetMs: -1_800_000 });
    expect(iso(next(at('2026-03-06T12:00Z')))).toBe('2026-03-06T14:00');
    expect(iso(next(at('2026-03-06T14:00Z')))).toBe('2026-03-09T13:00');
    expect(iso(next(at('2026-12-24T20:00Z')))).toBe('2026-12-28T14:00');
  });

  it('are after the closes, those of short days too', async () => {
    const { next } = await make({ use: 'session', calendar: 'XNYS', at: 'close', offsetMs: 300_000 });
    expect(iso(next(at('2026-11-26T00:00Z')))).toBe('2026-11-27T18:05');
    expect(iso(next(at('2026-11-27T18:05Z')))).toBe('2026-11-30T21:05');
  });

  it('are those of a calendar of your own, by its file or its data', async () => {
    const tokyo = SCRATCH.write('tokyo.yaml', TOKYO);
    const base = { name: 'a day off', extends: 'XNYS', source: 'a notice' };
    const data = { ...base, exceptions: [{ name: 'Day off', date: '2026-12-09' }] };
    const ofFile = await make({ use: 'session', calendar: tokyo, at: 'open' });
    expect(iso(ofFile.next(at('2026-03-06T12:00Z')))).toBe('2026-03-09T00:00');
    const ofData = await make({ use: 'session', calendar: data, at: 'open' });
    expect(iso(ofData.next(at('2026-12-08T20:00Z')))).toBe('2026-12-10T14:30');
  });

  it('are refused for a calendar of your own that cannot be used, with what is wrong with it', async () => {
    const none = make({ use: 'session', calendar: './none.yaml', at: 'open' });
    await expect(none).rejects.toThrow(/schedule.*calendar: expected the file of a calendar, found none/s);
    const token = make({ use: 'session', calendar: SCRATCH.write('token', 'sk_live_51'), at: 'open' });
    await expect(token).rejects.toThrow(/calendar: the calendar is not usable: .*found a text/s);
    const data = make({ use: 'session', calendar: { name: 'x', zone: 'UTC' }, at: 'open' });
    await expect(data).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  it('end where the calendar ends, and begin where it begins', async () => {
    const { from, to } = await tradingCalendar('XNYS');
    const { next } = await make({ use: 'session', calendar: 'XNYS', at: 'open' });
    expect(iso(next(0))?.slice(0, 4)).toBe(from.slice(0, 4));
    expect(next(at(`${to}T23:00Z`))).toBeUndefined();
    expect(next(at('2190-01-01T00:00Z'))).toBeUndefined();
  });

  it('have sessions that begin on the day before, and none twice', async () => {
    const { next } = await make({ use: 'session', calendar: 'CME.equity', at: 'open' });
    let instant = at('2026-03-01T00:00Z');
    const found: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      instant = next(instant)!;
      found.push(iso(instant));
    }
    expect(found.slice(0, 2)).toEqual(['2026-03-01T23:00', '2026-03-02T23:00']);
    expect(found.at(-1)).toBe('2026-03-08T22:00');
  });

  it('are refused for an unknown calendar, a pattern that is none, and settings that are wrong', async () => {
    await expect(make({ use: 'session', calendar: 'NYSE', at: 'open' })).rejects.toThrow(
      /expected a calendar: .*found .*NYSE/,
    );
    await expect(make({ use: 'cron', pattern: 'daily' })).rejects.toThrow(
      /schedule.*pattern: expected a cron pattern/s,
    );
    expect(() => Schedule.parse({ use: 'cron', pattern: '* * * * *', zone: 'Berlin' })).toThrow(/time zone/);
    expect(() => Schedule.parse({ use: 'interval', everyMs: 1 })).toThrow(/1000 to/);
  });
});

describe('the latest instant', () => {
  it('is the last one in a time, however many are in it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.nat(10_000),
        fc.nat(30_000),
        fc.nat(30_000),
        (everyMs, fromMs, afterMs, lengthMs) => {
          const instants = intervalInstants({ everyMs, fromMs });
          let expected: number | undefined;
          for (let i = instants.next(afterMs)!; i <= afterMs + lengthMs; i = instants.next(i)!) expected = i;
          expect(latestInstant(instants, { afterMs, untilMs: afterMs + lengthMs })).toBe(expected);
        },
      ),
    );
  });

  it('is found in few steps after a year', () => {
    let steps = 0;
    const second = intervalInstants({ everyMs: 1_000, fromMs: 0 });
    const instants = {
      next: (ms: number) => {
        steps++;
        return second.next(ms);
      },
    };
    const untilMs = at('2027-01-01T00:00Z') + 1;
    expect(latestInstant(instants, { afterMs: at('2026-01-01T00:00Z'), untilMs })).toBe(untilMs - 1);
    expect(steps).toBeLessThan(60);
  });

  it('is none where there are no instants', () => {
    const never = { next: () => undefined };
    expect(latestInstant(never, { afterMs: 0, untilMs: 1e12 })).toBeUndefined();
  });
});
