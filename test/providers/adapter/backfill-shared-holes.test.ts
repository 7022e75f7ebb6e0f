import { describe, expect, it } from 'vitest';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'stream', step: 'one' } as const;
const CAPABILITIES: NonNullable<FakeScript['capabilities']> = {
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
  history: { trades: { sequence: SEQUENCE } },
};
/** BTC has the even numbers, ETH the odd ones. */
const symbolOf = (n: number) => (n % 2 === 0 ? 'BTC' : 'ETH');
const row = (n: number, symbol = symbolOf(n)) => ({
  symbol,
  timeMs: START_MS + 10 * n,
  price: n,
  sequence: n,
});
const trades = (...numbers: number[]): FakeStep[] => numbers.map((n) => ({ trade: row(n) }));
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

async function play(steps: readonly FakeStep[], had: readonly number[]) {
  const run = await runStream({
    script: {
      capabilities: CAPABILITIES,
      trades: steps,
      history: { trades: had.map((n) => row(n)), pageMs: 20, lagMs: 0 },
    },
    source: { symbols: ['BTC', 'ETH'], silence: false },
  });
  await run.clock.advance(15_000);
  const report = await run.drained();
  const gaps = told(run.records).filter(({ type }) => type === 'gap');
  return { prices: run.rows.map(({ price }) => Number(price)), gaps, report };
}

describe('a hole in numbers that symbols share', () => {
  it('is told for one number that no history has, however large it is', async () => {
    const had = from(1, 420).filter((n) => n !== 13);
    const { prices, gaps, report } = await play(
      [...trades(...from(1, 10)), ...trades(...from(411, 420))],
      had,
    );
    expect(prices.sort((a, b) => a - b)).toEqual(had);
    expect(gaps).toMatchObject([{ reason: expect.stringContaining('1 of them not in the history') }]);
    expect(report.stages[0]!.statistics).toMatchObject({ rowsMissing: 1 });
  });

  it('is told though the provider tells of a gap while it is fetched', async () => {
    const gap = { fromMs: START_MS + 50, toMs: START_MS + 80, reason: 'reconnected' };
    const { prices, gaps } = await play(
      [...trades(1, 2, 5), { gap }, ...trades(8, 9)],
      [1, 2, 5, 6, 7, 8, 9],
    );
    expect(prices.sort((a, b) => a - b)).toEqual([1, 2, 5, 6, 7, 8, 9]);
    expect(gaps).toMatchObject([{ reason: expect.stringContaining('2 of them not in the history') }]);
  });

  it('is closed by rows that come late in the stream', async () => {
    const { prices, gaps } = await play(trades(1, 2, 5, 3, 4, 6), [1, 2, 5, 6]);
    expect(prices.sort((a, b) => a - b)).toEqual(from(1, 6));
    expect(gaps).toEqual([]);
  });

  it('is closed by rows that are fetched after the provider has told of a gap', async () => {
    const gap = { fromMs: START_MS + 50, toMs: START_MS + 80, reason: 'reconnected' };
    const { prices, gaps } = await play([...trades(1, 2, 5), { gap }, ...trades(8, 9)], from(1, 9));
    expect(prices.sort((a, b) => a - b)).toEqual(from(1, 9));
    expect(gaps).toEqual([]);
  });
});
