import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ZoneClock } from '../../../src/calendars/zone-clock.js';
import { cronInstants, cronProblem } from '../../../src/service/schedules/cron-instants.js';
import { MinuteOracle } from './minute-oracle.js';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** Zones and days around each of their changes. */
const CHANGES: readonly { readonly zone: string; readonly from: string }[] = [
  { zone: 'Europe/Berlin', from: '2026-03-28' },
  { zone: 'Europe/Berlin', from: '2026-10-24' },
  { zone: 'America/New_York', from: '2026-03-07' },
  { zone: 'America/New_York', from: '2026-10-31' },
  // Half an hour.
  { zone: 'Australia/Lord_Howe', from: '2026-10-02' },
  { zone: 'Australia/Lord_Howe', from: '2026-04-03' },
  // At midnight: a gap before the first minute of the day, and a second hour before midnight.
  { zone: 'America/Havana', from: '2026-03-07' },
  { zone: 'America/Santiago', from: '2026-04-04' },
  // A whole day that never was.
  { zone: 'Pacific/Apia', from: '2011-12-28' },
];

async function runsOf(pattern: string, zone: string, from: string, days = 3): Promise<string[]> {
  const instants = cronInstants(pattern, await ZoneClock.of(zone));
  const begin = Date.parse(`${from}T00:00:00Z`) - 1;
  const runs: string[] = [];
  for (
    let at = instants.next(begin);
    at !== undefined && at <= begin + days * DAY_MS;
    at = instants.next(at)
  ) {
    runs.push(new Date(at).toISOString().slice(5, 16));
  }
  return runs;
}

describe('the instants of a cron pattern', () => {
  it('are times on the clock of the zone', async () => {
    expect(await runsOf('30 9 * * mon-fri', 'America/New_York', '2026-03-06', 4)).toEqual([
      '03-06T14:30',
      '03-09T13:30',
    ]);
  });

  it('are the end of the gap, once, for times that the clock skips', async () => {
    expect(await runsOf('*/15 2 * * *', 'Europe/Berlin', '2026-03-29', 1)).toEqual(['03-29T01:00']);
    expect(await runsOf('30 2,3 * * *', 'Europe/Berlin', '2026-03-29', 1)).toEqual([
      '03-29T01:00',
      '03-29T01:30',
    ]);
  });

  it('are in the first pass alone of an hour that the clock shows twice', async () => {
    expect(await runsOf('*/20 2 * * *', 'Europe/Berlin', '2026-10-25', 1)).toEqual([
      '10-25T00:00',
      '10-25T00:20',
      '10-25T00:40',
    ]);
  });

  it('follow the time that passes where the hour is free', async () => {
    expect(await runsOf('30 * * * *', 'Europe/Berlin', '2026-10-25', 1)).toHaveLength(24);
    expect(await runsOf('30 * * * *', 'Europe/Berlin', '2026-03-29', 1)).toHaveLength(24);
    // The clock shows half an hour twice there: 01:40 comes again half an hour later.
    const lordHowe = await runsOf('40 * * * *', 'Australia/Lord_Howe', '2026-04-04', 1);
    expect(lordHowe.slice(14, 17)).toEqual(['04-04T14:40', '04-04T15:10', '04-04T16:10']);
  });

  it.each(CHANGES)(
    'equal those of stepping minute by minute, around $from in $zone',
    async ({ zone, from }) => {
      const clock = await ZoneClock.of(zone);
      const begin = Date.parse(`${from}T00:00:00Z`);
      const oracle = new MinuteOracle(zone, begin - 2 * DAY_MS, begin + 5 * DAY_MS);
      fc.assert(
        fc.property(patternArbitrary, fc.nat(60), (pattern, lateMinutes) => {
          const instants = cronInstants(pattern, clock);
          const after = begin + lateMinutes * 7 * MINUTE_MS;
          const found: number[] = [];
          for (let at = instants.next(after); at !== undefined && at < begin + 4 * DAY_MS; ) {
            found.push(at);
            at = instants.next(at);
          }
          const expected = oracle.runs(pattern).filter((at) => at > after && at < begin + 4 * DAY_MS);
          expect(found.map(iso)).toEqual(expected.map(iso));
        }),
        { numRuns: 12 },
      );
    },
  );

  it('are found from within the second pass', async () => {
    const clock = await ZoneClock.of('Europe/Berlin');
    const inSecondPass = Date.parse('2026-10-25T01:10:00Z');
    expect(iso(cronInstants('30 2 * * *', clock).next(inSecondPass)!)).toBe('2026-10-26T01:30:00.000Z');
    expect(iso(cronInstants('30 * * * *', clock).next(inSecondPass)!)).toBe('2026-10-25T01:30:00.000Z');
  });

  it.each(['0 * 29 2 *', '0 0 29 2 *', '59 23 31 12 *'])('may be years away: %s', async (pattern) => {
    const clock = await ZoneClock.of('Europe/Berlin');
    const next = cronInstants(pattern, clock).next(Date.parse('2025-12-31T22:59:00Z'))!;
    expect(clock.toLocal(next)).toBeGreaterThan(Date.parse('2026-12-31T00:00:00Z'));
  });

  it('are refused for what is no pattern, has seconds, or fits no date', () => {
    expect(cronProblem('0 9 * * mon-fri')).toBeUndefined();
    expect(cronProblem('0 9 * *')).toMatch(/five fields/);
    expect(cronProblem('* * * * * *')).toMatch(/five fields/);
    expect(cronProblem('61 * * * *')).toMatch(/minute: 61/);
    expect(cronProblem('@hourly')).toMatch(/five fields.*found 1/);
    expect(cronProblem('0 0 31 2 *')).toMatch(/some date fits, found none/);
  });
});

const iso = (ms: number): string => new Date(ms).toISOString();

const minutes = fc.constantFrom('0', '30', '59', '*/15', '10,50', '*/7');
const hours = fc.constantFrom('*', '0', '1', '2', '3', '23', '1-3', '0,2', '*/2', '0-23');
const days = fc.constantFrom('* * *', '* * *', '* * sun', '* * mon-fri', '29-31 * *', '*/2 * *');
const patternArbitrary = fc.tuple(minutes, hours, days).map((fields) => fields.join(' '));
