import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeInt64 } from '../../../../src/columns/int64.js';
import {
  BarWindow,
  CELLS,
  CLOSE,
  COUNT,
  HIGH,
  LOW,
  OPEN,
  TURNOVER,
  TURNOVER_REST,
  VOLUME,
  VOLUME_REST,
} from '../../../../src/stages/operators/bars/bar-window.js';
import { addExactly, foldRows, type RowColumns } from '../../../../src/stages/operators/bars/fold-rows.js';
import { timesOf } from '../../../../src/stages/operators/bars/time-span.js';

interface Trade {
  readonly symbol: number;
  /** Ns since the window began. */
  readonly offset: number;
  readonly sequence: number;
  readonly price: number;
  readonly size: number;
  readonly isSelected: boolean;
}

const EVERY = 1_000_000_000n;
const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
const trades: fc.Arbitrary<Trade[]> = fc.array(
  fc.record({
    symbol: fc.integer({ min: -1, max: 3 }),
    offset: fc.integer({ min: 0, max: 4 }),
    sequence: fc.integer({ min: 0, max: 3 }),
    price: fc.oneof({ arbitrary: fc.integer({ min: -5, max: 5 }), weight: 9 }, odd),
    size: fc.oneof({ arbitrary: fc.integer({ min: 0, max: 9 }), weight: 9 }, odd),
    isSelected: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** Windows whose times are doubles by their bits, and others: before 1970, about it, in 2262. */
const windows = fc.constantFrom(1_700_000_000n, 0n, -1n, -50_000_000n, 9_223_000_000n);

function columnsOf(
  rows: readonly Trade[],
  startNs: bigint,
  hasSequence: boolean,
  isAligned: boolean,
): RowColumns {
  const memory = new Int32Array(2 * rows.length + 1);
  const words = isAligned ? new Int32Array(2 * rows.length) : memory.subarray(1);
  rows.forEach(({ offset }, row) => {
    writeInt64(words, row, startNs + BigInt(offset));
  });
  return {
    times: timesOf(words),
    symbols: Int32Array.from(rows, ({ symbol }) => symbol),
    prices: Float64Array.from(rows, ({ price }) => price),
    sizes: Float64Array.from(rows, ({ size }) => size),
    sequences: hasSequence ? Float64Array.from(rows, ({ sequence }) => sequence) : undefined,
    selection: Int32Array.from(rows.keys()).filter((row) => rows[row]!.isSelected),
  };
}

describe('rows that are folded', () => {
  it('make open and close by instant, then sequence, then arrival, and sums, in whatever pieces', () => {
    fc.assert(
      fc.property(
        trades,
        fc.nat(40),
        windows,
        fc.boolean(),
        fc.boolean(),
        (rows, middle, index, hasSequence, isAligned) => {
          const input = columnsOf(rows, index * EVERY, hasSequence, isAligned);
          const window = new BarWindow(0, 5, true);
          window.moveTo(Number(index), index * EVERY, (index + 1n) * EVERY);
          const unpriced = new Int32Array(1);
          const offsets = Array.from(input.selection, (place) => rows[place]!.offset);
          const ascends = (from: number, to: number) =>
            offsets.slice(from, to).every((offset, i, all) => i === 0 || offset >= all[i - 1]!);
          const cut = Math.min(middle, input.selection.length);
          foldRows(window, input, 0, cut, ascends(0, cut), unpriced);
          foldRows(
            window,
            input,
            cut,
            input.selection.length,
            ascends(cut, input.selection.length),
            unpriced,
          );

          const selected = rows.filter(({ isSelected }) => isSelected);
          const priced = selected.filter(({ price }) => Number.isFinite(price));
          expect(unpriced[0]).toBe(selected.length - priced.length);
          const symbols = [...new Set(priced.map(({ symbol }) => symbol))];
          expect([...window.touched.subarray(0, window.touchedCount)]).toEqual(symbols.map((id) => id + 1));
          for (const id of symbols) {
            const own = priced.filter(({ symbol }) => symbol === id);
            // The sort is stable: rows of one instant and sequence stay as they arrived.
            const inOrder = own.toSorted(
              (a, b) => a.offset - b.offset || (hasSequence ? a.sequence - b.sequence : 0),
            );
            const prices = own.map(({ price }) => price);
            const sized = own.filter(({ size }) => Number.isFinite(size));
            const cell = (name: number) => window.cells[(id + 1) * CELLS + name];
            const extra = (name: number) => window.extras[(id + 1) * CELLS + name];
            expect([OPEN, HIGH, LOW, CLOSE, COUNT].map(cell)).toEqual([
              inOrder[0]!.price,
              Math.max(...prices),
              Math.min(...prices),
              inOrder.at(-1)!.price,
              own.length,
            ]);
            expect([VOLUME, VOLUME_REST, TURNOVER, TURNOVER_REST].map(extra)).toEqual([
              sized.reduce((sum, { size }) => sum + size, 0),
              0,
              sized.reduce((sum, { size, price }) => sum + size * price, 0),
              0,
            ]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a compensated sum', () => {
  const sumOf = (values: readonly number[]) => {
    const cells = new Float64Array(2);
    for (const value of values) addExactly(cells, 0, value);
    return cells[0]! + cells[1]!;
  };

  it('is that of the decimals, where a plain one is not', () => {
    const tenths = Array.from({ length: 1_000_000 }, () => 0.1);
    expect(tenths.reduce((sum, value) => sum + value)).not.toBe(100_000);
    expect(sumOf(tenths)).toBe(100_000);
    expect(sumOf([1e100, 1, -1e100])).toBe(1);
  });

  it('does not depend on the order of its terms', () => {
    const terms = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(terms, fc.integer(), (units, seed) => {
        const values = units.map((unit) => unit / 1e8);
        const shuffled = values
          .map((value, i) => ({ value, key: Math.imul(i + 1, seed | 1) }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ value }) => value);
        expect(sumOf(shuffled)).toBe(sumOf(values));
      }),
    );
  });
});
