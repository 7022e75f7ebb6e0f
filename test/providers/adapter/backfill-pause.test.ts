import { describe, expect, it } from 'vitest';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { runStream, START_MS } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const CAPABILITIES: NonNullable<FakeScript['capabilities']> = {
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
  history: { trades: { sequence: SEQUENCE } },
};
const row = (n: number) => ({ symbol: 'BTC', timeMs: START_MS + n, price: n, sequence: n });
const trades = (...numbers: number[]): FakeStep[] => numbers.map((n) => ({ trade: row(n) }));

describe('a backfill', () => {
  it('ends within its limit though nobody reads, and holds nothing afterwards', async () => {
    for (const pageMs of [0, 60_000]) {
      const { clock, pipeline, drained } = await runStream({
        script: {
          capabilities: CAPABILITIES,
          trades: trades(1, 2, 50, 51, 60),
          history: { trades: Array.from({ length: 70 }, (_, i) => row(i + 1)), pageMs, pageRows: 7 },
        },
        source: { backfill: { waitMax: '5s' } },
      });
      await clock.advance(10);
      await pipeline.pause();
      await clock.advance(10_000);
      await pipeline.resume();
      await clock.advance(10_000);
      const report = await drained();
      expect(report.outcome).toBe('completed');
      const { rowsHeld, gapsFilled, gapsGivenUp } = report.stages[0]!.statistics;
      expect([rowsHeld, gapsFilled, gapsGivenUp]).toEqual(pageMs === 0 ? [0, 1, 0] : [0, 0, 1]);
      expect(clock.timersPending).toBe(0);
    }
  });
});
