import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, told } from '../../support/fake-stream.js';
import { hasRecordedData, recordedPath, recordedTitle } from '../../support/recorded-data.js';

const SEQUENCE = { space: 'binance-spot-trades', scope: 'symbol', step: 'one' } as const;
const CAPABILITIES: NonNullable<FakeScript['capabilities']> = {
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', columns: ['size'], sequence: SEQUENCE } },
  history: { trades: { columns: ['size'], sequence: SEQUENCE } },
  calendars: { crypto: '24/7' },
};
const EVERY_MS = 10_000;

/** The trades of a recorded stream, with the time of their receipt in ns. */
function recordedTrades() {
  const lines = gunzipSync(readFileSync(recordedPath('raw-ws-binance/spot_btcusdt_20240808.gz'))).toString();
  return lines.split('\n').flatMap((line) => {
    if (!line.includes('@trade"')) return [];
    const at = line.indexOf(' ');
    const { T, p, q, t } = JSON.parse(line.slice(at + 1)).data;
    const row = {
      symbol: 'BTCUSDT',
      timeMs: T as number,
      price: Number(p),
      size: Number(q),
      sequence: t as number,
    };
    return [{ received: BigInt(line.slice(0, at)), row }];
  });
}

describe.runIf(hasRecordedData)(recordedTitle('a recorded stream of trades'), () => {
  async function played(isLost: (index: number) => boolean, source: object = {}) {
    const trades = recordedTrades();
    const begin = trades[0]!.received;
    let passed = 0;
    const steps = trades.flatMap(({ received, row }, index): FakeStep[] => {
      if (isLost(index)) return [];
      const at = Math.round(Number(received - begin) / 1e6);
      const afterMs = at - passed;
      passed = at;
      return [{ afterMs, trade: row }];
    });
    const run = await runStream({
      clock: new VirtualClock({ wall: begin }),
      script: {
        capabilities: CAPABILITIES,
        trades: steps,
        history: { trades: trades.map(({ row }) => row) },
      },
      source: { symbols: ['BTCUSDT'], silence: { after: '2m' }, ...source },
    });
    await run.clock.advance(passed + 5_000);
    const report = await run.drained();
    return { ...run, trades, statistics: report.stages[0]!.statistics };
  }

  it('has no gap, and shows how far the host stands behind the venue', async () => {
    const { rows, records, trades, statistics } = await played(() => false);
    expect(rows).toHaveLength(trades.length);
    expect(told(records)).toEqual([]);
    expect(statistics).toMatchObject({ sequenceGaps: 0, rowsDuplicate: 0, rowsDisordered: 0, silences: 0 });
    expect(statistics.clockSkewMs).toBeGreaterThan(1_200);
    expect(statistics.clockSkewMs).toBeLessThan(1_300);
  });

  it('is whole again where every seventh trade is lost, and has gaps without its history', async () => {
    const isLost = (index: number) => index % 7 === 3;
    const { rows, trades } = await played(isLost);
    expect(rows.map(({ sequence }) => Number(sequence))).toEqual(trades.map(({ row }) => row.sequence));
    const lost = trades.filter((_, index) => isLost(index)).length;
    const gaps = await played(isLost, { backfill: false });
    expect(gaps.statistics).toMatchObject({ sequenceGaps: lost, rowsMissing: lost });
    expect(gaps.rows).toHaveLength(trades.length - lost);
  });

  it('has the same bars as the whole stream, once it is whole', async () => {
    const bars = async (isLost: (index: number) => boolean) => {
      const trades = recordedTrades();
      const steps = trades.flatMap(({ row }, index): FakeStep[] => (isLost(index) ? [] : [{ trade: row }]));
      const run = await runStream({
        clock: new VirtualClock({ wall: trades[0]!.received }),
        script: {
          capabilities: CAPABILITIES,
          trades: steps,
          history: { trades: trades.map(({ row }) => row) },
        },
        source: { symbols: ['BTCUSDT'], silence: false },
        operators: [{ use: 'bars', every: `${EVERY_MS / 1_000}s` }],
      });
      await run.clock.advance(60_000);
      await run.drained();
      return run.rows;
    };
    const whole = await bars(() => false);
    expect(whole.length).toBeGreaterThan(30);
    expect(whole.slice(1, -1).every(({ mark }) => mark === 'complete')).toBe(true);
    expect(await bars((index) => index % 50 > 45)).toEqual(whole);
  });
});
