import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BY_ONE, numbered, playedOut, tradesOf } from '../../support/filled-stream.js';

const trade = (n: number, ms: number) => ({ trade: numbered(n, ms) });

describe('numbers that begin anew while rows are fetched', () => {
  const live = [trade(9, 9), trade(10, 10), trade(15, 15), trade(16, 16)];
  const begunAnew = [trade(1, 21), trade(2, 22), trade(3, 23)];
  const old = [9, 10, 11, 12, 13, 14, 15, 16].map((n) => numbered(n));

  it('leave the order as it is, and what is missing is fetched', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...live, ...begunAnew],
      history: {
        trades: [...old, numbered(1, 21), numbered(2, 22), numbered(3, 23)],
        pageMs: 20,
        pageRows: 3,
      },
    });
    expect(texts).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 'backfilled 4', 1, 2, 3]);
  });

  it('do so in the middle of the pages', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...live, trade(14, 14), { afterMs: 50, ...begunAnew[0]! }, ...begunAnew.slice(1)],
      history: {
        trades: [...old, numbered(1, 21), numbered(2, 22), numbered(3, 23)],
        pageMs: 20,
        pageRows: 2,
      },
    });
    expect(texts).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 'backfilled 3', 1, 2, 3]);
  });

  it('have rows fetched that are missing right before the new ones', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...live, ...begunAnew.slice(1)],
      history: {
        trades: [...old, numbered(17, 17), numbered(1, 21), numbered(2, 22), numbered(3, 23)],
        pageMs: 20,
      },
    });
    expect(texts).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 1, 'backfilled 6', 2, 3]);
  });

  it('are told as a gap, with the rows in order, where nothing can be fetched', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...live, ...begunAnew],
      history: { faults: [{ fail: 'authentication' }], pageMs: 20 },
    });
    expect(texts.filter((one) => typeof one === 'number')).toEqual([9, 10, 15, 16, 1, 2, 3]);
    expect(texts[2]).toContain('gap 10: sequence: 4 rows are missing (11 to 14)');
  });

  it('lose and double nothing, whatever is lost, and however long the pages are', async () => {
    const drawn = fc.array(fc.record({ afterMs: fc.constantFrom(1, 15, 60), isLost: fc.boolean() }), {
      minLength: 2,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(drawn, drawn, fc.integer({ min: 1, max: 5 }), async (before, after, pageRows) => {
        const feed: { ms: number; afterMs: number; isLost: boolean; row: ReturnType<typeof numbered> }[] = [];
        for (const { afterMs, isLost } of [...before, ...after]) {
          const i = feed.length;
          const ms = afterMs + (feed.at(-1)?.ms ?? 0);
          const number = i < before.length ? 100 + i : 1 + i - before.length;
          const isEnd = i === 0 || i === before.length + after.length - 1;
          feed.push({ ms, afterMs, isLost: isLost && !isEnd, row: numbered(number, ms) });
        }
        let afterMs = 0;
        const steps = feed.flatMap((one) => {
          afterMs += one.afterMs;
          if (one.isLost) return [];
          const step = { afterMs, trade: one.row };
          afterMs = 0;
          return [step];
        });
        const { texts } = await playedOut({
          capabilities: tradesOf(BY_ONE),
          trades: steps,
          history: { trades: feed.map(({ row }) => row), pageRows, pageMs: 20, lagMs: 0 },
        });
        expect(texts.filter((one) => typeof one === 'number')).toEqual(feed.map(({ row }) => row.price));
        expect(texts.join()).not.toContain('gap');
      }),
      { numRuns: 100 },
    );
  });
});
