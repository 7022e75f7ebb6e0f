import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runStream } from '../../support/fake-stream.js';
import { BY_ONE, gapStep, numbered, playedOut, tradesOf, UPWARDS } from '../../support/filled-stream.js';

const trade = (n: number, ms: number) => ({ trade: numbered(n, ms) });
const HOURS_12 = 12 * 3_600_000;

describe('a stream whose rows are in order of their numbers, and not of their times', () => {
  it('goes on from the highest number that was delivered', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE, { maxDelayMs: 1 }),
      trades: [trade(10, 5), trade(11, 5.9), trade(12, 5.8), trade(15, 7)],
      history: {
        trades: [
          [10, 5],
          [12, 5.8],
          [11, 5.9],
          [13, 6],
          [14, 6.5],
          [15, 7],
        ].map(([n, ms]) => numbered(n!, ms)),
      },
    });
    expect(texts).toEqual([10, 11, 12, 13, 14, 'backfilled 2', 15]);
  });

  it('is not misled by a row whose time is far ahead', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE, { maxDelayMs: 1_000 }),
      trades: [trade(1, 1), trade(2, HOURS_12), trade(3, 3), trade(4, 4), trade(6, 6)],
      history: { trades: [1, 3, 4, 5, 6].map((n) => numbered(n)) },
    });
    expect(texts).toEqual([1, 2, 3, 4, 5, 'backfilled 1', 6]);
  });

  it('fetches what is missing right behind such a row', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE, { maxDelayMs: 1_000 }),
      trades: [trade(1, 1), trade(2, HOURS_12), trade(4, 4)],
      history: { trades: [1, 3, 4].map((n) => numbered(n)) },
    });
    expect(texts).toEqual([1, 2, 3, 'backfilled 1', 4]);
  });

  it('fetches a missing row that is earlier than the last one', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE, { maxDelayMs: 50 }),
      trades: [trade(10, 100), trade(12, 101)],
      history: { trades: [numbered(11, 97), numbered(10, 100), numbered(12, 101)] },
    });
    expect(texts).toEqual([10, 11, 'backfilled 1', 12]);
  });

  it('fetches a missing row that is later than the one behind it', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(UPWARDS, { maxDelayMs: 50 }),
      trades: [trade(10, 100), gapStep(100, 110), trade(13, 110)],
      history: {
        trades: [
          [10, 100],
          [12, 105],
          [13, 110],
          [11, 115],
        ].map(([n, ms]) => numbered(n!, ms)),
      },
    });
    expect(texts).toEqual([10, 11, 12, 'backfilled 2', 13]);
  });

  it('waits for a row that comes into the history behind the end of the gap', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(UPWARDS, { maxDelayMs: 40 }),
      trades: [trade(13, 220), { ...gapStep(220, 230), afterMs: 241 }, trade(15, 240)],
      history: {
        trades: [
          [13, 220],
          [15, 240],
          [14, 260],
        ].map(([n, ms]) => numbered(n!, ms!)),
        lagMs: 0,
      },
    });
    expect(texts).toEqual([13, 14, 'backfilled 1', 15]);
  });

  it.each([['goes up by one', BY_ONE] as const, ['goes up', UPWARDS] as const])(
    'delivers each row once, in order, where the number %s, and pages are of any length',
    async (_, sequence) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ aheadMs: fc.nat(40), isLost: fc.boolean() }), { minLength: 3, maxLength: 25 }),
          fc.integer({ min: 1, max: 6 }),
          async (drawn, pageRows) => {
            // A row is at most 40 ms ahead of its place, so at most 40 ms behind another one.
            const feed = drawn.map(({ aheadMs, isLost }, i) => ({
              row: numbered(i + 1, 100 + 10 * i + aheadMs),
              isLost: isLost && i > 0 && i < drawn.length - 1,
            }));
            const steps = feed.flatMap(({ row, isLost }, i) => {
              if (isLost) return [];
              const before = feed[i - 1];
              const gap = gapStep(100 + 10 * (i - 1), 100 + 10 * i);
              return before?.isLost ? [gap, { trade: row }] : [{ trade: row }];
            });
            const trades = feed.map(({ row }) => row).sort((a, b) => a.timeMs - b.timeMs);
            const { texts } = await playedOut({
              capabilities: tradesOf(sequence, { maxDelayMs: 40 }),
              trades: steps,
              history: { trades, pageRows, pageMs: 5, lagMs: 0 },
            });
            const numbers = texts.filter((one) => typeof one === 'number');
            expect(numbers).toEqual(feed.map(({ row }) => row.price));
            expect(texts.join()).not.toContain('gap');
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

describe('a stream whose rows come out of order, without numbers', () => {
  it('holds the watermark back as far as rows may be late', async () => {
    const unnumbered = (ms: number, afterMs = 0) => ({
      afterMs,
      trade: { ...numbered(1, ms), sequence: undefined },
    });
    const run = await runStream({
      script: {
        capabilities: tradesOf(undefined, { maxDelayMs: 5_000 }),
        trades: [
          unnumbered(0),
          unnumbered(10_000, 10_000),
          gapStep(10_000, 10_400),
          unnumbered(7_000),
          unnumbered(10_500, 500),
        ],
        history: { trades: [], pageMs: 20 },
      },
      source: { silence: false },
      operators: [{ use: 'bars', every: '1s' }],
    });
    await run.clock.advance(30_000);
    await run.drained();
    const bars = run.rows
      .filter(({ count }) => Number(count) > 0)
      .map(({ time }) => Number((time as bigint) / 1_000_000_000n) - 1_700_000_000);
    expect(bars).toEqual([0, 7, 10]);
  });
});
