import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BarWindow, CELLS } from '../../../src/operators/bars/bar-window.js';
import { foldRows } from '../../../src/operators/bars/fold-rows.js';
import { timesOf } from '../../../src/operators/bars/time-span.js';

interface Trade {
  readonly symbol: number;
  readonly price: number;
  readonly size: number;
  readonly isSelected: boolean;
}

const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
const trades: fc.Arbitrary<Trade[]> = fc.array(
  fc.record({
    symbol: fc.integer({ min: -1, max: 3 }),
    price: fc.oneof({ arbitrary: fc.integer({ min: -5, max: 5 }), weight: 9 }, odd),
    size: fc.oneof({ arbitrary: fc.integer({ min: 0, max: 9 }), weight: 9 }, odd),
    isSelected: fc.boolean(),
  }),
  { maxLength: 40 },
);

describe('rows that are folded', () => {
  it('make the open, high, low, close, volume, turnover and count of each symbol, in whatever pieces', () => {
    fc.assert(
      fc.property(trades, fc.nat(40), (rows, middle) => {
        const places = Int32Array.from(rows.keys()).filter((row) => rows[row]!.isSelected);
        const input = {
          times: timesOf(new Int32Array(2 * rows.length)),
          symbols: Int32Array.from(rows, ({ symbol }) => symbol),
          prices: Float64Array.from(rows, ({ price }) => price),
          sizes: Float64Array.from(rows, ({ size }) => size),
          places,
        };
        const window = new BarWindow(5);
        const unpriced = new Int32Array(1);
        const cut = Math.min(middle, places.length);
        foldRows(window, input, 0, cut, unpriced);
        foldRows(window, input, cut, places.length, unpriced);

        const selected = rows.filter(({ isSelected }) => isSelected);
        const priced = selected.filter(({ price }) => Number.isFinite(price));
        expect(unpriced[0]).toBe(selected.length - priced.length);
        const symbols = [...new Set(priced.map(({ symbol }) => symbol))];
        expect([...window.touched.subarray(0, window.touchedCount)]).toEqual(symbols.map((id) => id + 1));
        for (const id of symbols) {
          const own = priced.filter(({ symbol }) => symbol === id);
          const prices = own.map(({ price }) => price);
          const sized = own.filter(({ size }) => Number.isFinite(size));
          const cells = window.cells.subarray((id + 1) * CELLS, (id + 1) * CELLS + 7);
          expect([...cells]).toEqual([
            prices[0],
            Math.max(...prices),
            Math.min(...prices),
            prices.at(-1),
            sized.reduce((sum, { size }) => sum + size, 0),
            sized.reduce((sum, { size, price }) => sum + size * price, 0),
            own.length,
          ]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
