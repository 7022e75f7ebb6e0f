import { CELLS, EXTRAS, KEYS, PRICES, SELECTION, SIZES, SYMBOLS, TOUCHED } from './memory';

/** Where a cell is: see `src/stages/operators/bars/bar-window.ts`. High and low are side by side. */
const OPEN: usize = 0;
const HIGH_LOW: usize = 8;
const HIGH: usize = 8;
const LOW: usize = 16;
const CLOSE: usize = 24;
const COUNT: usize = 32;
const FIRST: usize = 40;
const LAST: usize = 48;
const VOLUME: usize = 0;
const TURNOVER: usize = 16;

let touched: i32 = 0;

/** How many slots the last fold touched first; their places are at `TOUCHED`. */
export function slotsTouched(): i32 {
  return touched;
}

/**
 * Folds rows that are ordered by time, and not earlier than any row of their window.
 *
 * @param first - The place in the columns that is copied to the front here.
 * @param shift - Is added to a symbol: the index of its slot.
 * @returns The rows without a finite price, which are left out.
 */
export function foldInOrder(rows: i32, first: i32, shift: i32): i32 {
  const cells = CELLS + (<usize>shift << 6);
  let added = 0;
  let unpriced = 0;
  for (let row = SELECTION, end = SELECTION + (<usize>rows << 2); row < end; row += 4) {
    const at = <usize>(load<i32>(row) - first);
    const price = load<f64>(PRICES + (at << 3));
    const key = load<f64>(KEYS + (at << 3));
    const cell = cells + (<usize>load<i32>(SYMBOLS + (at << 2)) << 6);
    if (price - price !== 0) {
      unpriced++;
      continue;
    }
    const count = load<f64>(cell, COUNT);
    if (count === 0) {
      store<i32>(TOUCHED + (<usize>added << 2), <i32>((cell - CELLS) >> 6));
      added++;
      store<f64>(cell, price, OPEN);
      store<f64>(cell, price, HIGH);
      store<f64>(cell, price, LOW);
      store<f64>(cell, key, FIRST);
    }
    // Without branches: records are rare and come when nobody expects them.
    const known = v128.load(cell, HIGH_LOW);
    const both = f64x2.splat(price);
    const high = f64x2.pmax(known, both);
    const low = f64x2.pmin(known, both);
    v128.store(cell, v128.shuffle<f64>(high, low, 0, 3), HIGH_LOW);
    store<f64>(cell, price, CLOSE);
    store<f64>(cell, count + 1, COUNT);
    store<f64>(cell, key, LAST);
  }
  touched = added;
  return unpriced;
}

/** Adds sizes, and prices × sizes, to the sums of rows with a finite price and a finite size. */
export function foldSizes(rows: i32, first: i32, shift: i32): void {
  const extras = EXTRAS + (<usize>shift << 6);
  for (let row = SELECTION, end = SELECTION + (<usize>rows << 2); row < end; row += 4) {
    const at = <usize>(load<i32>(row) - first);
    const price = load<f64>(PRICES + (at << 3));
    const size = load<f64>(SIZES + (at << 3));
    if (price - price !== 0 || size - size !== 0) continue;
    const cell = extras + (<usize>load<i32>(SYMBOLS + (at << 2)) << 6);
    addExactly(cell + VOLUME, size);
    addExactly(cell + TURNOVER, price * size);
  }
}

/** As `addExactly` in `src/stages/operators/bars/fold-rows.ts`. */
@inline
function addExactly(at: usize, value: f64): void {
  const before = load<f64>(at);
  const sum = before + value;
  const taken = sum - before;
  store<f64>(at, sum);
  store<f64>(at, load<f64>(at, 8) + (before - (sum - taken) + (value - taken)), 8);
}
