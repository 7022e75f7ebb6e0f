import { describe, expect, it } from 'vitest';
import { START_MS } from '../../support/fake-stream.js';
import { gapStep, playedOut, tradesOf } from '../../support/filled-stream.js';

const row = (n: number, ms: number) => ({ symbol: 'BTC', timeMs: START_MS + ms, price: n });

describe('a gap that is found while the history of an earlier one is read', () => {
  it('is fetched, too, though that history has reached the end of the earlier one', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(undefined),
      trades: [
        { trade: row(1, 0) },
        { afterMs: 102, ...gapStep(0, 100) },
        { trade: row(3, 100) },
        { trade: row(4, 101) },
        // Between the first page, which has 2 and 3, and the second one.
        { afterMs: 500, ...gapStep(102, 300) },
        { trade: row(6, 300) },
      ],
      history: {
        trades: [row(1, 0), row(2, 50), row(3, 100), row(4, 101), row(5, 200), row(6, 300)],
        pageRows: 3,
        pageMs: 400,
      },
    });
    expect(texts).toEqual([1, 2, 3, 4, 5, 'backfilled 2', 6]);
  });
});
