import { type BarWindow, CELLS, CLOSE, COUNT, HIGH, LOW, OPEN, TURNOVER, VOLUME } from './bar-window.js';

const TWO_32 = 4_294_967_296;

/** The columns that bars are made of, of one batch. */
export interface BarInput {
  readonly times: Int32Array;
  readonly symbols: Int32Array;
  readonly prices: Float64Array;
  readonly sizes: Float64Array | undefined;
}

/**
 * Takes rows from `row` on into a window, as long as their time lies in it, and answers with the
 * first row that does not.
 *
 * @param from - Least ns since the window's begin that is taken without a closer look.
 * @param to - First ns that is not.
 * @param unpriced - Cell 0 counts rows without a finite price; they are left out.
 */
export function foldRows(
  window: BarWindow,
  input: BarInput,
  row: number,
  end: number,
  from: number,
  to: number,
  unpriced: Int32Array,
): number {
  return input.sizes === undefined
    ? foldPrices(window, input, row, end, from, to, unpriced)
    : foldPricesAndSizes(window, input, input.sizes, row, end, from, to, unpriced);
}

// Two loops, not one with a test inside: the sums are a third of the work. A difference of high
// words that is too large for a double still lands far outside of `from` to `to`.

function foldPricesAndSizes(
  window: BarWindow,
  { times, symbols, prices }: BarInput,
  sizes: Float64Array,
  row: number,
  end: number,
  from: number,
  to: number,
  unpriced: Int32Array,
): number {
  const { cells, touched, startHigh, startLow } = window;
  let touchedCount = window.touchedCount;
  let left = 0;
  for (; row < end; row++) {
    const offset = (times[2 * row + 1]! - startHigh) * TWO_32 + ((times[2 * row]! >>> 0) - startLow);
    if (!(offset >= from && offset < to)) break;
    const price = prices[row]!;
    if (price - price !== 0) {
      left++;
      continue;
    }
    const size = sizes[row]!;
    const known = size - size === 0 ? size : 0;
    const slot = symbols[row]! + 1;
    const cell = slot * CELLS;
    const count = cells[cell + COUNT]!;
    cells[cell + COUNT] = count + 1;
    cells[cell + CLOSE] = price;
    if (count === 0) {
      touched[touchedCount++] = slot;
      cells[cell + OPEN] = price;
      cells[cell + HIGH] = price;
      cells[cell + LOW] = price;
      cells[cell + VOLUME] = known;
      cells[cell + TURNOVER] = price * known;
      continue;
    }
    if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
    if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
    cells[cell + VOLUME] = cells[cell + VOLUME]! + known;
    cells[cell + TURNOVER] = cells[cell + TURNOVER]! + price * known;
  }
  window.touchedCount = touchedCount;
  unpriced[0] = unpriced[0]! + left;
  return row;
}

function foldPrices(
  window: BarWindow,
  { times, symbols, prices }: BarInput,
  row: number,
  end: number,
  from: number,
  to: number,
  unpriced: Int32Array,
): number {
  const { cells, touched, startHigh, startLow } = window;
  let touchedCount = window.touchedCount;
  let left = 0;
  for (; row < end; row++) {
    const offset = (times[2 * row + 1]! - startHigh) * TWO_32 + ((times[2 * row]! >>> 0) - startLow);
    if (!(offset >= from && offset < to)) break;
    const price = prices[row]!;
    if (price - price !== 0) {
      left++;
      continue;
    }
    const slot = symbols[row]! + 1;
    const cell = slot * CELLS;
    const count = cells[cell + COUNT]!;
    cells[cell + COUNT] = count + 1;
    cells[cell + CLOSE] = price;
    if (count === 0) {
      touched[touchedCount++] = slot;
      cells[cell + OPEN] = price;
      cells[cell + HIGH] = price;
      cells[cell + LOW] = price;
      continue;
    }
    if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
    if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
  }
  window.touchedCount = touchedCount;
  unpriced[0] = unpriced[0]! + left;
  return row;
}
