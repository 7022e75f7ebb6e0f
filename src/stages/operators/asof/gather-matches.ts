import { type ColumnData, type ColumnType, elementsPerRow } from '../../../columns/schema.js';

/** There is no side row at or before the row. */
export const NONE = -1;

/**
 * Copies the values that were matched to rows.
 *
 * @param side - Values of a side batch, of the type of the column.
 * @param carried - By symbol: values of the last rows from used-up side batches.
 * @param matches - For each row: a row of the side batch, `~(symbol + 1)` for a carried row, or `NONE`.
 */
export function gatherMatches(
  type: ColumnType,
  side: ColumnData,
  carried: ColumnData,
  matches: Int32Array,
  start: number,
  end: number,
  to: ColumnData,
): void {
  // The casts are true: all three have the type of the column.
  if (to instanceof Float64Array) {
    gatherFloats(side as Float64Array, carried as Float64Array, matches, start, end, to);
  } else if (to instanceof Uint8Array) {
    gatherBytes(side as Uint8Array, carried as Uint8Array, matches, start, end, to);
  } else if (elementsPerRow(type) === 2) {
    gatherPairs(side as Int32Array, carried as Int32Array, matches, start, end, to);
  } else {
    const missing = type === 'string' ? -1 : 0;
    gatherInts(side as Int32Array, carried as Int32Array, matches, start, end, to, missing);
  }
}

/** Copies pairs of words of the latest row of each symbol to the place of the symbol. */
export function carryPairs(
  from: Int32Array,
  latest: Int32Array,
  symbols: Int32Array,
  count: number,
  to: Int32Array,
) {
  for (let n = 0; n < count; n++) {
    const symbol = symbols[n]!;
    const row = latest[symbol]!;
    to[2 * symbol] = from[2 * row]!;
    to[2 * symbol + 1] = from[2 * row + 1]!;
  }
}

// One loop per type keeps each array access monomorphic for V8.

function gatherFloats(
  side: Float64Array,
  carried: Float64Array,
  matches: Int32Array,
  start: number,
  end: number,
  to: Float64Array,
) {
  for (let row = start; row < end; row++) {
    const match = matches[row]!;
    to[row] = match >= 0 ? side[match]! : match === NONE ? Number.NaN : carried[~match - 1]!;
  }
}

function gatherInts(
  side: Int32Array,
  carried: Int32Array,
  matches: Int32Array,
  start: number,
  end: number,
  to: Int32Array,
  missing: number,
) {
  for (let row = start; row < end; row++) {
    const match = matches[row]!;
    to[row] = match >= 0 ? side[match]! : match === NONE ? missing : carried[~match - 1]!;
  }
}

function gatherBytes(
  side: Uint8Array,
  carried: Uint8Array,
  matches: Int32Array,
  start: number,
  end: number,
  to: Uint8Array,
) {
  for (let row = start; row < end; row++) {
    const match = matches[row]!;
    to[row] = match >= 0 ? side[match]! : match === NONE ? 0 : carried[~match - 1]!;
  }
}

function gatherPairs(
  side: Int32Array,
  carried: Int32Array,
  matches: Int32Array,
  start: number,
  end: number,
  to: Int32Array,
) {
  for (let row = start; row < end; row++) {
    const match = matches[row]!;
    const from = match >= 0 ? side : carried;
    const at = match >= 0 ? match : ~match - 1;
    to[2 * row] = match === NONE ? 0 : from[2 * at]!;
    to[2 * row + 1] = match === NONE ? 0 : from[2 * at + 1]!;
  }
}
