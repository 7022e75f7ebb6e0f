import {
  type BarWindow,
  CELLS,
  CLOSE,
  COUNT,
  FIRST,
  FIRST_SEQUENCE,
  HIGH,
  LAST,
  LAST_SEQUENCE,
  LOW,
  OPEN,
  TURNOVER,
  VOLUME,
} from './bar-window.js';
import { foldKernels } from './kernels/fold-kernels.js';
import type { Times } from './time-span.js';

/** For fewer rows, copies into the memory of kernels cost more than these save. */
const KERNEL_ROWS_MIN = 256;

/** The columns of a batch from which bars are built, and the indexes of its rows in them. */
export interface RowColumns {
  readonly times: Times;
  readonly symbols: Int32Array;
  readonly prices: Float64Array;
  readonly sizes: Float64Array | undefined;
  /**
   * Decides which of two rows at the same instant is the later one. Without it, or for NaN, the later
   * arrival is.
   */
  readonly sequences: Float64Array | undefined;
  readonly selection: Int32Array;
}

/**
 * Folds rows `row` to `end` into a window, which must be theirs. Open and close are those of the first
 * and last instant, whatever the order of arrival.
 *
 * @param ascends - Whether the rows are known to be ordered by time. If no earlier row is later than the
 *   first of them, their instants need not be compared.
 * @param unpriced - Cell 0 counts rows without a finite price; they are left out.
 */
export function foldRows(
  window: BarWindow,
  input: RowColumns,
  row: number,
  end: number,
  ascends: boolean,
  unpriced: Int32Array,
): void {
  if (row >= end) return;
  const { times, selection, sizes } = input;
  const { doubles } = times;
  const found = end - row >= KERNEL_ROWS_MIN ? foldKernels() : undefined;
  const kernels = found?.pays(window, selection, row, end) ? found : undefined;
  if (doubles === undefined || !window.hasPlainKeys || input.sequences !== undefined) {
    foldByInstant(window, input, row, end, unpriced);
  } else if (ascends && doubles[selection[row]!]! >= window.lastKey) {
    if (kernels) unpriced[0] = unpriced[0]! + kernels.foldInOrder(window, input, doubles, row, end);
    else foldInOrder(window, input, doubles, row, end, unpriced);
    window.lastKey = doubles[selection[end - 1]!]!;
  } else foldByInstant(window, input, row, end, unpriced);
  if (sizes === undefined) return;
  if (kernels) kernels.foldSizes(window, input, sizes, row, end);
  else foldSizes(window, input, sizes, row, end);
}

function foldInOrder(
  window: BarWindow,
  { symbols, prices, selection }: RowColumns,
  keys: Float64Array,
  row: number,
  end: number,
  unpriced: Int32Array,
): void {
  const { cells, touched } = window;
  const shift = 1 - window.firstSlot;
  let count = window.touchedCount;
  // Two rows per turn, so that the bounds and buffer of each array are looked up once for both. With more
  // rows, V8 considers the body too long to inline.
  for (; row + 2 <= end; row += 2) {
    const a = selection[row]!;
    const b = selection[row + 1]!;
    count = foldLatest(cells, touched, count, symbols[a]! + shift, prices[a]!, keys[a]!, unpriced);
    count = foldLatest(cells, touched, count, symbols[b]! + shift, prices[b]!, keys[b]!, unpriced);
  }
  for (; row < end; row++) {
    const at = selection[row]!;
    count = foldLatest(cells, touched, count, symbols[at]! + shift, prices[at]!, keys[at]!, unpriced);
  }
  window.touchedCount = count;
}

/**
 * Folds a row that is not earlier than any row of its window.
 *
 * @param place - Index of the symbol in the window's cells.
 * @returns The number of symbols that have rows now.
 */
function foldLatest(
  cells: Float64Array,
  touched: Int32Array,
  touchedCount: number,
  place: number,
  price: number,
  key: number,
  unpriced: Int32Array,
): number {
  if (price - price !== 0) {
    unpriced[0] = unpriced[0]! + 1;
    return touchedCount;
  }
  const cell = place * CELLS;
  const count = cells[cell + COUNT]!;
  cells[cell + COUNT] = count + 1;
  cells[cell + CLOSE] = price;
  cells[cell + LAST] = key;
  if (count === 0) {
    touched[touchedCount] = place;
    begin(cells, cell, price, key);
    return touchedCount + 1;
  }
  if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
  if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
  return touchedCount;
}

/** Sets the cells from the first row. Called rarely, so it is kept out of the loop. */
function begin(cells: Float64Array, cell: number, price: number, key: number): void {
  cells[cell + OPEN] = price;
  cells[cell + HIGH] = price;
  cells[cell + LOW] = price;
  cells[cell + FIRST] = key;
}

/** Folds rows in any order, rows with a sequence, and times whose bits do not sort. */
function foldByInstant(
  window: BarWindow,
  { times, symbols, prices, sequences, selection }: RowColumns,
  row: number,
  end: number,
  unpriced: Int32Array,
): void {
  const { cells, extras, touched, firstSlot } = window;
  for (; row < end; row++) {
    const at = selection[row]!;
    const key = window.keyOf(times.words[2 * at]!, times.words[2 * at + 1]!);
    if (key > window.lastKey) window.lastKey = key;
    const price = prices[at]!;
    if (price - price !== 0) {
      unpriced[0] = unpriced[0]! + 1;
      continue;
    }
    const place = symbols[at]! + 1 - firstSlot;
    const cell = place * CELLS;
    const sequence = sequences === undefined ? 0 : sequences[at]!;
    const count = cells[cell + COUNT]!;
    cells[cell + COUNT] = count + 1;
    if (count === 0) {
      touched[window.touchedCount++] = place;
      begin(cells, cell, price, key);
      cells[cell + CLOSE] = price;
      cells[cell + LAST] = key;
      if (sequences === undefined) continue;
      extras[cell + FIRST_SEQUENCE] = sequence;
      extras[cell + LAST_SEQUENCE] = sequence;
      continue;
    }
    if (price > cells[cell + HIGH]!) cells[cell + HIGH] = price;
    if (price < cells[cell + LOW]!) cells[cell + LOW] = price;
    const last = cells[cell + LAST]!;
    if (
      key > last ||
      (key === last && (sequences === undefined || !(sequence < extras[cell + LAST_SEQUENCE]!)))
    ) {
      cells[cell + LAST] = key;
      cells[cell + CLOSE] = price;
      if (sequences !== undefined) extras[cell + LAST_SEQUENCE] = sequence;
    }
    const first = cells[cell + FIRST]!;
    if (
      key < first ||
      (key === first && sequences !== undefined && sequence < extras[cell + FIRST_SEQUENCE]!)
    ) {
      cells[cell + FIRST] = key;
      cells[cell + OPEN] = price;
      if (sequences !== undefined) extras[cell + FIRST_SEQUENCE] = sequence;
    }
  }
}

function foldSizes(
  { extras, firstSlot }: BarWindow,
  { symbols, prices, selection }: RowColumns,
  sizes: Float64Array,
  start: number,
  end: number,
): void {
  for (let row = start; row < end; row++) {
    const place = selection[row]!;
    const price = prices[place]!;
    const size = sizes[place]!;
    if (price - price !== 0 || size - size !== 0) continue;
    const cell = (symbols[place]! + 1 - firstSlot) * CELLS;
    addExactly(extras, cell + VOLUME, size);
    addExactly(extras, cell + TURNOVER, price * size);
  }
}

/**
 * Adds a value to a sum. The next cell collects the part that the sum's double could not hold, so that
 * both together hardly depend on the order of a million additions.
 *
 * @see Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, 1974; the error
 *   of a sum without a branch is Knuth's (The Art of Computer Programming 2, 4.2.2, theorem B).
 */
export function addExactly(cells: Float64Array, at: number, value: number): void {
  const before = cells[at]!;
  const sum = before + value;
  const taken = sum - before;
  cells[at] = sum;
  cells[at + 1] = cells[at + 1]! + (before - (sum - taken) + (value - taken));
}
