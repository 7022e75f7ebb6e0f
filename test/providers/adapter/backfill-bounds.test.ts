import { describe, expect, it } from 'vitest';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const capabilities = (sequence?: object) =>
  ({
    assetClasses: ['crypto'],
    streams: { trades: { delivery: 'resumable', sequence } },
    history: { trades: { sequence } },
  }) as NonNullable<FakeScript['capabilities']>;
/** A row each 25 ms. */
const row = (n: number) => ({ symbol: 'BTC', timeMs: START_MS + 25 * n, price: n, sequence: n });
const ROWS = 800;

/** Every second row is lost, and in the history 300 ms later. */
async function holesWithoutEnd(isNumbered: boolean, waitMax: string) {
  const trades = Array.from({ length: ROWS / 2 }, (_, i): FakeStep[] => {
    const n = 2 * i + 1;
    const gap = {
      symbol: 'BTC',
      fromMs: START_MS + 25 * (n - 2),
      toMs: START_MS + 25 * n,
      reason: 'lost',
    };
    const told: FakeStep[] = isNumbered || i === 0 ? [] : [{ gap }];
    return [{ afterMs: i === 0 ? 25 : 50, stall: true }, ...told, { trade: row(n) }];
  }).flat();
  const run = await runStream({
    script: {
      capabilities: capabilities(isNumbered ? SEQUENCE : undefined),
      trades,
      history: { trades: Array.from({ length: ROWS + 200 }, (_, i) => row(i + 1)), lagMs: 300 },
    },
    source: { silence: false, backfill: { waitMax, rowsMax: 100 } },
    spec: { batchRows: 8 },
  });
  await run.clock.advance(25 * ROWS + 4_000);
  const report = await run.drained();
  expect(report.error).toBeUndefined();
  expect(run.clock.timersPending).toBe(0);
  return { prices: run.rows.map(({ price }) => price), told: told(run.records) };
}

describe('a backfill that stays open, since new rows are lost all the time', () => {
  it.each([['numbers', true] as const, ['times', false] as const])(
    'counts the rows that wait, and not those that went on, by %s',
    async (_, isNumbered) => {
      const { prices, told } = await holesWithoutEnd(isNumbered, '1h');
      const last = Number(prices.at(-1));
      expect(last).toBeGreaterThan(ROWS - 20);
      expect(prices).toEqual(Array.from({ length: last }, (_, i) => i + 1));
      expect(told.filter(({ type }) => type === 'gap')).toEqual([]);
    },
  );
});
