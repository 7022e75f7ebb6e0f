import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import type { SequenceNumbers } from '../../../src/wire/provider-capabilities.js';
import { runStream, START_MS } from '../../support/fake-stream.js';

const SYMBOLS = ['BTC', 'ETH'];
const SOURCE = { symbols: SYMBOLS, silence: false };
const capabilities = (sequence?: SequenceNumbers): NonNullable<FakeScript['capabilities']> => ({
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence } },
  history: { trades: { sequence } },
});

/** Each row has an instant of its own, and its index as price and number. */
const drawnRow = fc.record({
  symbol: fc.nat(1),
  afterMs: fc.constantFrom(1, 50, 400, 2_000),
  fate: fc.constantFrom('comes', 'comes', 'comes', 'lost', 'lost', 'twice', 'late'),
  lateMs: fc.constantFrom(1, 60, 900),
  isInHistory: fc.boolean(),
});
const drawnFeed = fc.array(drawnRow, { minLength: 2, maxLength: 25 }).map((drawn) => {
  let ms = 0;
  return drawn.map(({ symbol, afterMs, ...rest }, index) => {
    ms += afterMs;
    const name = SYMBOLS[symbol]!;
    return { ms, ...rest, row: { symbol: name, timeMs: START_MS + ms, price: index, sequence: index } };
  });
});
type Feed = typeof drawnFeed extends fc.Arbitrary<infer Value> ? Value : never;

const pricesOf = (all: readonly (Row | ControlRecord)[], symbol: string): number[] =>
  all.filter((one) => 'price' in one && one.symbol === symbol).map((one) => Number((one as Row).price));
const gapsOf = (all: readonly (Row | ControlRecord)[]) =>
  all.filter((one): one is Extract<ControlRecord, { type: 'gap' }> => 'type' in one && one.type === 'gap');

async function played(feed: Feed, script: FakeScript, source: object = SOURCE) {
  const run = await runStream({ script, source });
  await run.clock.advance(feed.at(-1)!.ms + 14_000);
  await run.drained();
  expect(run.clock.timersPending).toBe(0);
  return run.all;
}

function steps(arrivals: readonly { readonly at: number; readonly step: FakeStep }[]): FakeStep[] {
  let passed = 0;
  return arrivals.map(({ at, step }) => {
    const afterMs = at - passed;
    passed = at;
    return { ...step, afterMs };
  });
}

/** What was not delivered between the first and the last row of a symbol has to lie in a gap. */
function expectTold(feed: Feed, all: readonly (Row | ControlRecord)[]): void {
  const gaps = gapsOf(all);
  const first = (all.find((one) => 'price' in one) as Row | undefined)?.price;
  for (const symbol of SYMBOLS) {
    const prices = pricesOf(all, symbol);
    expect(new Set(prices).size).toBe(prices.length);
    for (const { row } of feed) {
      if (row.symbol !== symbol || prices.includes(row.price)) continue;
      // Nothing is promised from before the first row.
      if (
        prices.length === 0 ||
        row.price < Number(first) ||
        row.price < prices[0]! ||
        row.price > Math.max(...prices)
      )
        continue;
      const at = BigInt(row.timeMs) * 1_000_000n;
      const isTold = gaps.some((gap) => (gap.symbol ?? symbol) === symbol && gap.from <= at && at < gap.to);
      expect([row.price, isTold]).toEqual([row.price, true]);
    }
  }
}

describe('rows that all symbols number together', () => {
  it('come once each from stream and history, and what none of them has is told', async () => {
    await fc.assert(
      fc.asyncProperty(
        drawnFeed,
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        async (feed, keepsAll, pageRows) => {
          const arrivals = feed
            .flatMap(({ ms, fate, lateMs, row }) => {
              const one = (at: number) => ({ at, step: { trade: row } as FakeStep });
              if (fate === 'lost') return [];
              return fate === 'late'
                ? [one(ms + lateMs)]
                : fate === 'twice'
                  ? [one(ms), one(ms + lateMs)]
                  : [one(ms)];
            })
            .sort((a, b) => a.at - b.at);
          const all = await played(feed, {
            capabilities: capabilities({ space: 'fake', scope: 'stream', step: 'one' }),
            trades: steps(arrivals),
            history: {
              trades: feed.filter(({ isInHistory }) => keepsAll || isInHistory).map(({ row }) => row),
              pageRows,
              pageMs: 20,
              lagMs: 0,
            },
          });
          expectTold(feed, all);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('rows without numbers', () => {
  it('come once each where the provider tells of its gaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        drawnFeed,
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        async (feed, keepsAll, pageRows) => {
          const lastMs = new Map<string, number>();
          const isMissed = new Set<string>();
          const arrivals = feed.flatMap(({ ms, fate, row }) => {
            const { symbol } = row;
            if (fate === 'lost') {
              if (lastMs.has(symbol)) isMissed.add(symbol);
              return [];
            }
            const gap = { symbol, fromMs: lastMs.get(symbol) ?? 0, toMs: row.timeMs, reason: 'reconnected' };
            const told: FakeStep[] = isMissed.delete(symbol) ? [{ gap }] : [];
            lastMs.set(symbol, row.timeMs);
            return [...told, { trade: row }].map((step) => ({ at: ms, step }));
          });
          const all = await played(feed, {
            capabilities: capabilities(),
            trades: steps(arrivals),
            history: {
              trades: feed
                .filter(({ isInHistory, fate }) => keepsAll || isInHistory || fate !== 'lost')
                .map(({ row }) => row),
              pageRows,
              pageMs: 20,
              lagMs: 0,
            },
          });
          for (const symbol of SYMBOLS) {
            const prices = pricesOf(all, symbol);
            expect(prices).toEqual([...new Set(prices)].sort((a, b) => a - b));
            if (!keepsAll || prices.length === 0) continue;
            const wanted = feed.filter(({ row }) => row.symbol === symbol).map(({ row }) => row.price);
            const between = wanted.filter((price) => price >= prices[0]! && price <= prices.at(-1)!);
            expect(prices).toEqual(between);
          }
          expect(gapsOf(all)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('bars over rows that are lost', () => {
  const ONE: SequenceNumbers = { space: 'fake', scope: 'symbol', step: 'one' };
  const EVERY_MS = 1_000;

  it('have a gap exactly where rows are missing, and are complete once these are fetched', async () => {
    await fc.assert(
      fc.asyncProperty(drawnFeed, fc.boolean(), async (drawn, isFetched) => {
        // One symbol, by number from 0 on, each in order; the first one comes.
        const feed = drawn.map((one, index) => ({
          ...one,
          fate: index === 0 || one.fate !== 'lost' ? 'comes' : 'lost',
          row: { ...one.row, symbol: 'BTC' },
        }));
        const arrivals = feed
          .filter(({ fate }) => fate === 'comes')
          .map(({ ms, row }) => ({ at: ms, step: { trade: row } as FakeStep }));
        const lastMs = arrivals.at(-1)!.at;
        const run = await runStream({
          script: {
            capabilities: capabilities(ONE),
            trades: steps(arrivals),
            history: { trades: feed.map(({ row }) => row), pageMs: 20, lagMs: 0 },
          },
          source: { silence: false, ...(!isFetched && { backfill: false }) },
          operators: [{ use: 'bars', every: '1s', lateness: '120s', late: 'drop' }],
        });
        await run.clock.advance(lastMs + 20_000);
        await run.drained();
        const windowOf = (ms: number) => Math.floor((START_MS + ms) / EVERY_MS);
        const blind = new Set<number>();
        if (!isFetched) {
          for (let i = 1; i < arrivals.length; i++) {
            const [before, after] = [arrivals[i - 1]!.at, arrivals[i]!.at];
            const isLost = feed.some(({ ms, fate }) => fate === 'lost' && ms > before && ms < after);
            for (let at = windowOf(before); isLost && at <= windowOf(after); at++) blind.add(at);
          }
        }
        for (const { time, mark, count } of run.rows) {
          const window = Number(time as bigint) / 1e6 / EVERY_MS;
          const rows = feed.filter(
            ({ ms, fate }) => windowOf(ms) === window && ms <= lastMs && (isFetched || fate === 'comes'),
          );
          const at = Math.round(window);
          expect([at, mark === 'gap']).toEqual([at, blind.has(at)]);
          if (rows.length > 0 && at > windowOf(0) + 1) expect([at, count]).toEqual([at, rows.length]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
