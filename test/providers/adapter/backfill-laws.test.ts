import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, START_MS } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const SYMBOLS = ['BTC', 'ETH'];

/** What becomes of a row on its way. */
const drawnRow = fc.record({
  symbol: fc.nat(1),
  afterMs: fc.constantFrom(0, 1, 50, 400, 2_000),
  fate: fc.constantFrom('comes', 'comes', 'comes', 'lost', 'lost', 'twice', 'late'),
  lateMs: fc.constantFrom(1, 60, 900),
  isInHistory: fc.boolean(),
});
type DrawnRow = typeof drawnRow extends fc.Arbitrary<infer Value> ? Value : never;

/** All rows that there are, and when they arrive, each once or more, in ms from the start. */
function feedOf(drawn: readonly DrawnRow[]) {
  const counts = [0, 0];
  let at = 0;
  return drawn.map(({ symbol, afterMs, fate, lateMs, isInHistory }) => {
    at += afterMs;
    const sequence = ++counts[symbol]!;
    const row = { symbol: SYMBOLS[symbol]!, timeMs: START_MS + at, price: sequence, sequence };
    const arrivals =
      fate === 'lost' ? [] : fate === 'late' ? [at + lateMs] : fate === 'twice' ? [at, at + lateMs] : [at];
    return { row, arrivals, isInHistory };
  });
}
type Feed = ReturnType<typeof feedOf>;

/** What a stream does that begins so many ms from the start. */
function stepsFrom(feed: Feed, beginMs: number, failMs: number | undefined): FakeStep[] {
  let passed = beginMs;
  const steps = feed
    .flatMap(({ row, arrivals }) => arrivals.map((at) => ({ row, at })))
    .filter(({ at }) => at >= beginMs && (failMs === undefined || at <= failMs))
    .sort((a, b) => a.at - b.at)
    .map(({ row, at }): FakeStep => {
      const afterMs = at - passed;
      passed = at;
      return { afterMs, trade: row };
    });
  return failMs === undefined ? steps : [...steps, { afterMs: failMs - passed, fail: 'disconnected' }];
}

const provider = (
  feed: Feed,
  begins: readonly number[],
  keepsAll: boolean,
  pageRows: number,
  lagMs: number,
  failMs?: number,
) =>
  fakeProvider({
    capabilities: {
      assetClasses: ['crypto'],
      streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
      history: { trades: { sequence: SEQUENCE } },
    },
    trades: (start) => stepsFrom(feed, begins[start] ?? 0, start === 0 ? failMs : undefined),
    history: {
      trades: feed.filter(({ isInHistory }) => keepsAll || isInHistory).map(({ row }) => row),
      pageRows,
      pageMs: 20,
      lagMs,
    },
  });

/** Numbers that gaps say are missing. */
function toldMissing(all: readonly (Row | ControlRecord)[], symbol: string): Set<number> {
  const numbers = new Set<number>();
  for (const one of all) {
    if (!('type' in one) || one.type !== 'gap' || one.symbol !== symbol) continue;
    const [, from, to = from] = /\((\d+)(?: to (\d+))?\)/.exec(String(one.reason)) ?? [];
    if (from === undefined) continue;
    for (let n = Number(from); n <= Number(to); n++) numbers.add(n);
  }
  return numbers;
}

const numbersOf = (all: readonly (Row | ControlRecord)[], symbol: string): number[] =>
  all.filter((one) => 'price' in one && one.symbol === symbol).map((one) => Number((one as Row).price));

/** Each row once; what is missing in between is told; in order, but for late rows that fill a gap that was told. */
function checkSymbol(all: readonly (Row | ControlRecord)[], symbol: string): void {
  const numbers = numbersOf(all, symbol);
  if (numbers.length === 0) return;
  expect(new Set(numbers).size).toBe(numbers.length);
  const told = toldMissing(all, symbol);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  for (let n = numbers[0]!; n <= last; n++) {
    if (!numbers.includes(n)) expect([n, told.has(n)]).toEqual([n, true]);
  }
  let highest = first - 1;
  for (const n of numbers) {
    if (n < highest) expect([n, told.has(n) || n < numbers[0]!]).toEqual([n, true]);
    highest = Math.max(highest, n);
  }
}

const waitMs = (feed: Feed) => Math.max(0, ...feed.flatMap(({ arrivals }) => arrivals)) + 13_000;

describe('a stream with a history, whatever is lost, doubled or late', () => {
  it('delivers each row once, in order, and tells of all that nobody has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawnRow, { minLength: 2, maxLength: 25 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 700),
        async (drawn, keepsAll, pageRows, lagMs) => {
          const feed = feedOf(drawn);
          const components = [provider(feed, [0], keepsAll, pageRows, lagMs)];
          const run = await runStream({
            options: { components },
            source: { symbols: SYMBOLS, silence: false },
          });
          await run.clock.advance(waitMs(feed));
          await run.drained();
          for (const symbol of SYMBOLS) {
            checkSymbol(run.all, symbol);
            if (keepsAll) expect(toldMissing(run.all, symbol)).toEqual(new Set());
          }
          expect(run.clock.timersPending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['suspended', 'disconnected'])(
    'does so over a restart of a run that was %s at any time, in the middle of a backfill too',
    async (how) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(drawnRow, { minLength: 4, maxLength: 25 }),
          fc.boolean(),
          fc.integer({ min: 0, max: 6_000 }),
          fc.constantFrom(0, 30, 3_000),
          fc.integer({ min: 1, max: 5 }),
          async (drawn, keepsAll, endMs, downMs, pageRows) => {
            const feed = feedOf(drawn);
            const begins = [0, endMs + downMs];
            const options = {
              store: new MemoryCheckpointStore(),
              components: [
                provider(feed, begins, keepsAll, pageRows, 0, how === 'suspended' ? undefined : endMs),
              ],
            };
            const source = { symbols: SYMBOLS, silence: false };
            const first = await runStream({ options, source });
            await first.clock.advance(endMs);
            if (how === 'suspended') await first.pipeline.suspend();
            await first.clock.advance(0);
            expect((await first.outcome).outcome).toBe(how === 'suspended' ? 'stopped' : 'failed');
            const wall = BigInt(START_MS + begins[1]!) * 1_000_000n;
            const second = await runStream({ options, source, clock: new VirtualClock({ wall }) });
            await second.clock.advance(waitMs(feed));
            await second.drained();
            const all = [...first.all, ...second.all];
            for (const symbol of SYMBOLS) {
              checkSymbol(all, symbol);
              if (keepsAll) expect(toldMissing(all, symbol)).toEqual(new Set());
            }
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});
