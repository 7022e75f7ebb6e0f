import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Random } from '../../../../src/core/random.js';
import { BarWindow, CELLS } from '../../../../src/stages/operators/bars/bar-window.js';
import { foldRows, type RowColumns } from '../../../../src/stages/operators/bars/fold-rows.js';
import { FoldKernels } from '../../../../src/stages/operators/bars/kernels/fold-kernels.js';
import { timesOf } from '../../../../src/stages/operators/bars/time-span.js';
import { byKernels } from '../../../support/both-ways.js';

const EVERY = 60_000_000_000n;
const INDEX = 28_400_000;

interface Shape {
  readonly seed: number;
  readonly rows: number;
  readonly symbols: number;
  /** Of each hundred rows, about so many are not selected, are odd, or are as the row before. */
  readonly dropped: number;
  readonly odd: number;
  readonly hasSizes: boolean;
  /** Whether each row is in order; if not, one row is earlier than the one before it. */
  readonly ascends: boolean;
  readonly pieces: readonly number[];
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  seed: fc.nat(1_000_000),
  rows: fc.integer({ min: 1, max: 9_000 }),
  symbols: fc.constantFrom(1, 2, 10, 100, 1_000, 1_500),
  dropped: fc.constantFrom(0, 10, 95),
  odd: fc.constantFrom(0, 3),
  hasSizes: fc.boolean(),
  ascends: fc.boolean(),
  pieces: fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 3 }),
});

const PRICES = [0, -0, 1, -1, 5e-324, 1.7e308, 0.1, 100.25, 100.26, 99.99];
const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function columnsOf({ seed, rows, symbols, dropped, odd, hasSizes, ascends }: Shape): RowColumns {
  const random = new Random(seed);
  const below = (limit: number) => (random.nextInt32() >>> 0) % limit;
  const pick = (values: readonly number[]) => values[below(values.length)]!;
  const numbers = () =>
    Float64Array.from({ length: rows }, () => (below(100) < odd ? pick(ODD) : pick(PRICES)));
  const times = new BigInt64Array(rows);
  let time = BigInt(INDEX) * EVERY;
  for (let row = 0; row < rows; row++) {
    time += BigInt(below(3));
    times[row] = time;
  }
  if (!ascends && rows > 1) times[rows - 1] = times[0]!;
  return {
    times: timesOf(new Int32Array(times.buffer)),
    symbols: Int32Array.from({ length: rows }, () => below(symbols + 1) - 1),
    prices: numbers(),
    sizes: hasSizes ? numbers() : undefined,
    sequences: undefined,
    selection: Int32Array.from({ length: rows }, (_, row) => row).filter(() => below(100) >= dropped),
  };
}

function folded(input: RowColumns, { symbols, pieces, hasSizes }: Shape) {
  const window = new BarWindow(0, symbols + 1, hasSizes);
  window.moveTo(INDEX, BigInt(INDEX) * EVERY, BigInt(INDEX + 1) * EVERY);
  const unpriced = new Int32Array(1);
  const { selection, times } = input;
  const ascends = (from: number, to: number) => {
    for (let row = from + 1; row < to; row++)
      if (times.doubles![selection[row]!]! < times.doubles![selection[row - 1]!]!) return false;
    return true;
  };
  for (let row = 0, piece = 0; row < selection.length; piece++) {
    const end = Math.min(selection.length, row + pieces[piece % pieces.length]!);
    foldRows(window, input, row, end, ascends(row, end), unpriced);
    row = end;
  }
  const touched = window.touched.subarray(0, window.touchedCount);
  // `toEqual` tells zeros of either sign apart. All NaN are one: which bits a sum without a value has is up to the machine.
  const numbersIn = (cells: Float64Array) =>
    Array.from(touched, (place) => [...cells.subarray(place * CELLS, place * CELLS + (CELLS - 1))]);
  return {
    touched: [...touched],
    cells: numbersIn(window.cells),
    extras: hasSizes ? numbersIn(window.extras) : [],
    lastKey: window.lastKey,
    unpriced: unpriced[0],
  };
}

describe('rows that are folded by kernels', () => {
  it('make the same cells bit for bit as in JavaScript, in whatever pieces', async () => {
    const byOrder = vi.spyOn(FoldKernels.prototype, 'foldInOrder');
    const bySizes = vi.spyOn(FoldKernels.prototype, 'foldSizes');
    try {
      await fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          const input = columnsOf(shape);
          const expected = await byKernels(false, async () => folded(input, shape));
          expect(await byKernels(true, async () => folded(input, shape))).toEqual(expected);
        }),
        { numRuns: 150, seed: 53 },
      );
      expect(byOrder.mock.calls.length).toBeGreaterThan(50);
      expect(bySizes.mock.calls.length).toBeGreaterThan(50);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
