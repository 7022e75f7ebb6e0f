import { type BarWindow, CELLS, CLOSE, COUNT, HIGH, LOW, OPEN, TURNOVER, VOLUME } from './bar-window.js';
import type { Times } from './time-span.js';

/** The columns that bars are made of, of one batch, and where its rows stand in them. */
export interface BarInput {
  readonly times: Times;
  readonly symbols: Int32Array;
  readonly prices: Float64Array;
  readonly sizes: Float64Array | undefined;
  readonly places: Int32Array;
}

/**
 * Takes rows `row` to `end` into a window, whatever their time.
 *
 * @param unpriced - Cell 0 counts rows without a finite price; they are left out.
 */
export function foldRows(
  window: BarWindow,
  input: BarInput,
  row: number,
  end: number,
  unpriced: Int32Array,
): void {
  foldPrices(window, input, row, end, unpriced);
  if (input.sizes !== undefined) foldSizes(window, input, input.sizes, row, end);
}

function foldPrices(
  window: BarWindow,
  { symbols, prices, places }: BarInput,
  row: number,
  end: number,
  unpriced: Int32Array,
): void {
  const { cells, touched } = window;
  let count = window.touchedCount;
  // Four a turn: what an access needs to know of its array is then looked up once for all four.
  for (; row + 4 <= end; row += 4) {
    const a = places[row]!;
    const b = places[row + 1]!;
    const c = places[row + 2]!;
    const d = places[row + 3]!;
    count = foldPrice(cells, touched, count, symbols[a]! + 1, prices[a]!, unpriced);
    count = foldPrice(cells, touched, count, symbols[b]! + 1, prices[b]!, unpriced);
    count = foldPrice(cells, touched, count, symbols[c]! + 1, prices[c]!, unpriced);
    count = foldPrice(cells, touched, count, symbols[d]! + 1, prices[d]!, unpriced);
  }
  for (; row < end; row++) {
    const place = places[row]!;
    count = foldPrice(cells, touched, count, symbols[place]! + 1, prices[place]!, unpriced);
  }
  window.touchedCount = count;
}

/** @returns How many slots have rows now. */
function foldPrice(
  cells: Float64Array,
  touched: Int32Array,
  touchedCount: number,
  slot: number,
  price: number,
  unpriced: Int32Array,
): number {
  if (price - price !== 0) {
    unpriced[0] = unpriced[0]! + 1;
    return touchedCount;
  }
  const cell = slot * CELLS;
  const count = cells[cell + COUNT]!;
  cells[cell + COUNT] = count + 1;
  cells[cell + CLOSE] = price;
  if (count === 0) {
    touched[touchedCount] = slot;
    cells[cell + OPEN] = price;
    cells[cell + HIGH] = price;
    cells[cell + LOW] = price;
    cells[cell + VOLUME] = 0;
    cells[cell + TURNOVER] = 0;
    return touchedCount + 1;
  }
  if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
  if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
  return touchedCount;
}

function foldSizes(
  { cells }: BarWindow,
  { symbols, prices, places }: BarInput,
  sizes: Float64Array,
  start: number,
  end: number,
): void {
  for (let row = start; row < end; row++) {
    const place = places[row]!;
    const price = prices[place]!;
    const size = sizes[place]!;
    if (price - price !== 0 || size - size !== 0) continue;
    const cell = (symbols[place]! + 1) * CELLS;
    cells[cell + VOLUME] = cells[cell + VOLUME]! + size;
    cells[cell + TURNOVER] = cells[cell + TURNOVER]! + price * size;
  }
}
