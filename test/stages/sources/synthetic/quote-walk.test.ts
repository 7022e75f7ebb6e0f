import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asBigInt64Array } from '../../../../src/columns/int64.js';
import { Random } from '../../../../src/core/random.js';
import { QuoteWalk, type QuoteWalkSettings } from '../../../../src/stages/sources/synthetic/quote-walk.js';

interface Quote {
  readonly time: bigint;
  readonly id: number;
  readonly bid: number;
  readonly ask: number;
  readonly bidSize: number;
  readonly askSize: number;
}

const idOf = (symbol: number): number => 3 * symbol + 1;

/** The same walk, row by row in plain arithmetic. */
function* naiveWalk(settings: QuoteWalkSettings): Generator<Quote> {
  const { symbols, volatility, ticksMin, ticksMax, spread, sizeMin, sizes, jitterNs } = settings;
  const { numerator, denominator } = settings.grid;
  const random = new Random(settings.seed);
  const ticksOf = new Array<number>(symbols).fill(settings.startTicks);
  const next = () => random.nextInt32() >>> 0;
  const choose = (half: number, count: number) => Math.floor((half * count) / 65_536);
  for (let time = settings.startNs; ; ) {
    const draw = next();
    const symbol = choose(Math.floor(draw / 65_536), symbols);
    let ticks = ticksOf[symbol]! + choose(draw % 65_536, 2 * volatility + 1) - volatility;
    if (ticks < ticksMin) ticks = 2 * ticksMin - ticks;
    else if (ticks > ticksMax) ticks = 2 * ticksMax - ticks;
    ticksOf[symbol] = ticks;
    const free = next();
    const bid = ticks - Math.floor(spread / 2);
    yield {
      time,
      id: idOf(symbol),
      bid: (bid * numerator) / denominator,
      ask: ((bid + spread) * numerator) / denominator,
      bidSize: sizeMin + choose(Math.floor(free / 65_536), sizes),
      askSize: sizeMin + choose(free % 65_536, sizes),
    };
    time += BigInt(settings.intervalNs - jitterNs);
    if (jitterNs > 0) time += (BigInt(next()) * BigInt(2 * jitterNs + 1)) >> 32n;
  }
}

const settings: fc.Arbitrary<QuoteWalkSettings> = fc
  .record({
    seed: fc.maxSafeNat(),
    startNs: fc.bigInt({ min: -(2n ** 40n), max: 2n ** 61n }),
    intervalNs: fc.constantFrom(1, 999, 4_294_967_295, 4_294_967_296, 86_400_000_000_000),
    jitterNs: fc.constantFrom(0, 0, 1, 999),
    symbols: fc.constantFrom(1, 3, 100, 65_536),
    startTicks: fc.constant(500),
    ticksMin: fc.constantFrom(3, 495),
    ticksMax: fc.constantFrom(505, 2 ** 29),
    volatility: fc.integer({ min: 0, max: 5 }),
    spread: fc.integer({ min: 0, max: 5 }),
    sizeMin: fc.constantFrom(0, 1, 1_000_000_000),
    sizes: fc.constantFrom(1, 100, 65_536),
    grid: fc.constantFrom(
      { numerator: 1, denominator: 100 },
      { numerator: 5, denominator: 1 },
      { numerator: 1, denominator: 4 },
    ),
  })
  .map((drawn) => ({ ...drawn, jitterNs: Math.min(drawn.jitterNs, drawn.intervalNs) }));

// Lengths on both sides of the strides of the loops.
const lengths = fc.array(fc.integer({ min: 1, max: 21 }), { minLength: 1, maxLength: 5 });

describe('the walk by columns', () => {
  it('makes the rows of one that goes row by row, in whatever pieces', () => {
    fc.assert(
      fc.property(settings, lengths, fc.nat(3), (given, pieces, offset) => {
        const rows = pieces.reduce((sum, count) => sum + count, 0);
        const ids = Int32Array.from({ length: given.symbols }, (_, symbol) => idOf(symbol));
        const times = new Int32Array(2 * (offset + rows));
        const symbols = new Int32Array(offset + rows);
        const [bids, asks, bidSizes, askSizes] = Array.from(
          { length: 4 },
          () => new Float64Array(offset + rows),
        ) as [Float64Array, Float64Array, Float64Array, Float64Array];
        const walk = new QuoteWalk(given);
        let start = offset;
        for (const count of pieces) {
          walk.advance(times, symbols, ids, start, count);
          walk.writeBids(bids, start, count);
          walk.writeAsks(asks, start, count);
          walk.writeBidSizes(bidSizes, start, count);
          walk.writeAskSizes(askSizes, start, count);
          start += count;
        }
        const naive = naiveWalk(given);
        for (let row = offset; row < start; row++) {
          const found: Quote = {
            time: asBigInt64Array(times)[row]!,
            id: symbols[row]!,
            bid: bids[row]!,
            ask: asks[row]!,
            bidSize: bidSizes[row]!,
            askSize: askSizes[row]!,
          };
          expect(found).toEqual(naive.next().value);
        }
        expect(walk.nextTime).toBe((naive.next().value as Quote).time);
      }),
      { numRuns: 300 },
    );
  });
});
