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
  const next = foldPrices(window, input, row, end, from, to, unpriced);
  if (input.sizes !== undefined) foldSizes(window, input, input.sizes, row, next);
  return next;
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
    // A difference of high words that is too large for a double still lands far outside.
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
      cells[cell + VOLUME] = 0;
      cells[cell + TURNOVER] = 0;
      continue;
    }
    if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
    if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
  }
  window.touchedCount = touchedCount;
  unpriced[0] = unpriced[0]! + left;
  return row;
}

function foldSizes(
  { cells }: BarWindow,
  { symbols, prices }: BarInput,
  sizes: Float64Array,
  start: number,
  end: number,
): void {
  for (let row = start; row < end; row++) {
    const price = prices[row]!;
    const size = sizes[row]!;
    if (price - price !== 0 || size - size !== 0) continue;
    const cell = (symbols[row]! + 1) * CELLS;
    cells[cell + VOLUME] = cells[cell + VOLUME]! + size;
    cells[cell + TURNOVER] = cells[cell + TURNOVER]! + price * size;
  }
}
