import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../src/calendars/built-in-calendars.js';
import type { FakeScript } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, told } from '../../support/fake-stream.js';
import { instantsOf, nsAt, passTo, tradesAt } from '../../support/market-time.js';

const EQUITIES: NonNullable<FakeScript['capabilities']> = {
  assetClasses: ['equity'],
  streams: { trades: { delivery: 'live-only' } },
  calendars: { equity: 'XNYS' },
};

const BEGIN = '2024-11-27T20:58:00Z';
const NOON = '2024-12-02T17:00:00Z';
const BUSY = 20_000;
/** Quiet, and never for ten minutes. */
const QUIET = 300_000;
/** Wednesday to Monday, with Thanksgiving and the half day behind it: when there are trades, and how far apart. */
const OPEN = [
  [BEGIN, '2024-11-27T21:00:00Z', BUSY], // to the close
  ['2024-11-29T14:30:00Z', '2024-11-29T14:32:00Z', BUSY], // from the open on
  ['2024-11-29T14:32:00Z', '2024-11-29T17:58:00Z', QUIET],
  ['2024-11-29T17:58:00Z', '2024-11-29T18:00:00Z', BUSY], // to the early close
  ['2024-12-02T14:30:00Z', '2024-12-02T14:32:00Z', BUSY],
  ['2024-12-02T14:32:00Z', NOON, QUIET],
] as const;

// What a calendar loads takes no virtual time.
beforeAll(async () => {
  await tradingCalendar('XNYS');
});

/** Where bars and their marks are: those of A and of B. */
const minutesOf = (rows: readonly Record<string, unknown>[], symbol: string) =>
  rows
    .filter((row) => row.symbol === symbol)
    .map(
      ({ time, mark }) =>
        `${new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(5, 16)} ${mark}`,
    );

describe('a pipeline of a stream, with bars behind it', () => {
  it('is told nothing of a night, a holiday, a half day and a weekend, and is told of ten minutes at noon', async () => {
    const clock = new VirtualClock({ wall: nsAt(BEGIN) });
    let starts = 0;
    const trades = OPEN.flatMap(([from, to, stepMs]) => instantsOf(from, to, stepMs)).flatMap((at) => [
      { at, symbol: 'A' },
      { at, symbol: 'B' },
    ]);
    const afternoon = [
      ...instantsOf(NOON, '2024-12-02T17:20:00Z', 20_000).map((at) => ({ at, symbol: 'B' })),
      ...instantsOf('2024-12-02T17:14:00Z', '2024-12-02T17:20:00Z', 20_000).map((at) => ({
        at,
        symbol: 'A',
      })),
    ];
    const { rows, records, pipeline, drained } = await runStream({
      clock,
      script: {
        capabilities: EQUITIES,
        trades: () => {
          starts++;
          return tradesAt(BEGIN, [...trades, ...afternoon]);
        },
      },
      source: { symbols: ['A', 'B'], silence: { after: '10m' } },
      operators: [{ use: 'bars', every: '1m' }],
    });
    for (const [from, to, stepMs] of OPEN) {
      for (const at of instantsOf(from, to, stepMs)) await passTo(clock, new Date(at).toISOString());
      await passTo(clock, to);
      expect(told(records)).toEqual([]);
    }
    expect((await pipeline.build()).describe()[0]!.health).toEqual({ status: 'ok' });
    await clock.advance(20 * 60_000 + 1_000);
    // The last row of A was five minutes before noon.
    expect(told(records)).toEqual([{ type: 'stale', since: nsAt('2024-12-02T16:57:00Z'), symbol: 'A' }]);
    const report = await drained();
    expect([report.outcome, starts]).toEqual(['completed', 1]);
    expect(report.stages[0]!.statistics).toMatchObject({ silences: 1, symbolsStale: 0 });

    const minutes = minutesOf(rows, 'A');
    const edges = minutes.filter((minute) => /20:5|14:3[01]|17:5[89]/.test(minute));
    expect(edges).toEqual([
      '11-27T20:58 complete',
      '11-27T20:59 complete',
      '11-29T14:30 complete',
      '11-29T14:31 complete',
      '11-29T17:58 complete',
      '11-29T17:59 complete',
      '12-02T14:30 complete',
      '12-02T14:31 complete',
    ]);
    expect(minutes.filter((minute) => minute < '12-02T17' && !minute.endsWith(' complete'))).toEqual([]);
    const later = minutes.filter((minute) => minute > '12-02T16:5');
    const blind = later.filter((minute) => minute.endsWith(' gap'));
    expect(blind.at(0)).toBe('12-02T17:07 gap');
    expect(blind.at(-1)).toBe('12-02T17:14 gap');
    expect(later.slice(-4)).toEqual([
      '12-02T17:16 complete',
      '12-02T17:17 complete',
      '12-02T17:18 complete',
      '12-02T17:19 complete',
    ]);
    expect(minutesOf(rows, 'B').filter((minute) => !minute.endsWith(' complete'))).toEqual([]);
  });

  it('breaks off after ten minutes at noon in which all of it is silent, so that it is begun anew', async () => {
    const clock = new VirtualClock({ wall: nsAt('2024-11-29T16:59:00Z') });
    const { records, outcome } = await runStream({
      clock,
      script: {
        capabilities: EQUITIES,
        trades: tradesAt(
          '2024-11-29T16:59:00Z',
          instantsOf('2024-11-29T16:59:00Z', '2024-11-29T17:00:00Z', 20_000).map((at) => ({
            at,
            symbol: 'BTC',
          })),
        ),
      },
      source: { silence: { after: '10m' } },
      operators: [{ use: 'bars', every: '1m' }],
    });
    await clock.advance(11 * 60_000);
    expect(told(records)).toEqual([{ type: 'stale', since: nsAt('2024-11-29T16:59:40Z'), symbol: 'BTC' }]);
    expect((await outcome).error?.code).toBe('PROVIDER_DISCONNECTED');
  });
});
