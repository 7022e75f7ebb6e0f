import type { ColumnData } from './schema.js';

/** Dropped rows are rare when there is at most one in so many: then whole runs are moved. */
const RUN_ROWS_MIN = 48;

/**
 * Moves rows together, in all columns: row `i` from `selection[i]` to `i`.
 *
 * Where few are dropped, the runs between them are moved as memory (0.4 ns a row and column); else
 * each row is (1.0 ns).
 *
 * @param widths - Array elements that a row takes, of each column: 1 or 2.
 * @param selection - Where the rows are, ascending.
 * @param count - How many rows there are, at least one.
 */
export function compactColumns(
  columns: readonly ColumnData[],
  widths: readonly number[],
  selection: Int32Array,
  count: number,
): void {
  const first = selection[0] === 0 ? runEnd(selection, 0, count) : 0;
  const dropped = selection[count - 1]! + 1 - count;
  const isSparse = dropped * RUN_ROWS_MIN <= count;
  const runs = isSparse ? runsOf(selection, first, count) : [];
  for (let i = 0; i < columns.length; i++) {
    const data = columns[i]!;
    if (isSparse) moveRuns(data, widths[i]!, runs, first);
    else if (widths[i] === 2) gatherPairs(data as Int32Array, selection, first, count);
    // One loop a type, or the engine treats each access as one of three.
    else if (data instanceof Float64Array) gatherFloats(data, selection, first, count);
    else if (data instanceof Int32Array) gatherInts(data, selection, first, count);
    else gatherBytes(data, selection, first, count);
  }
}

/** Starts and ends of the rows that stand together, from row `first` on. */
function runsOf(selection: Int32Array, first: number, count: number): number[] {
  const runs: number[] = [];
  for (let row = first; row < count; ) {
    const end = runEnd(selection, row, count);
    runs.push(selection[row]!, selection[row]! + end - row);
    row = end;
  }
  return runs;
}

/** The first row after `row` that does not stand right behind the one before it; found by halves. */
function runEnd(selection: Int32Array, row: number, count: number): number {
  const shift = selection[row]! - row;
  let low = row + 1;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (selection[middle]! - middle > shift) high = middle;
    else low = middle + 1;
  }
  return low;
}

function moveRuns(data: ColumnData, width: number, runs: readonly number[], first: number): void {
  let to = first * width;
  for (let i = 0; i < runs.length; i += 2) {
    const [start, end] = [runs[i]! * width, runs[i + 1]! * width];
    data.copyWithin(to, start, end);
    to += end - start;
  }
}

// A row never moves up, so that what is still to be read has not been written over.

function gatherFloats(data: Float64Array, selection: Int32Array, first: number, count: number): void {
  let i = first;
  for (; i + 8 <= count; i += 8) {
    data[i] = data[selection[i]!]!;
    data[i + 1] = data[selection[i + 1]!]!;
    data[i + 2] = data[selection[i + 2]!]!;
    data[i + 3] = data[selection[i + 3]!]!;
    data[i + 4] = data[selection[i + 4]!]!;
    data[i + 5] = data[selection[i + 5]!]!;
    data[i + 6] = data[selection[i + 6]!]!;
    data[i + 7] = data[selection[i + 7]!]!;
  }
  for (; i < count; i++) data[i] = data[selection[i]!]!;
}

function gatherInts(data: Int32Array, selection: Int32Array, first: number, count: number): void {
  let i = first;
  for (; i + 8 <= count; i += 8) {
    data[i] = data[selection[i]!]!;
    data[i + 1] = data[selection[i + 1]!]!;
    data[i + 2] = data[selection[i + 2]!]!;
    data[i + 3] = data[selection[i + 3]!]!;
    data[i + 4] = data[selection[i + 4]!]!;
    data[i + 5] = data[selection[i + 5]!]!;
    data[i + 6] = data[selection[i + 6]!]!;
    data[i + 7] = data[selection[i + 7]!]!;
  }
  for (; i < count; i++) data[i] = data[selection[i]!]!;
}

function gatherBytes(data: Uint8Array, selection: Int32Array, first: number, count: number): void {
  let i = first;
  for (; i + 8 <= count; i += 8) {
    data[i] = data[selection[i]!]!;
    data[i + 1] = data[selection[i + 1]!]!;
    data[i + 2] = data[selection[i + 2]!]!;
    data[i + 3] = data[selection[i + 3]!]!;
    data[i + 4] = data[selection[i + 4]!]!;
    data[i + 5] = data[selection[i + 5]!]!;
    data[i + 6] = data[selection[i + 6]!]!;
    data[i + 7] = data[selection[i + 7]!]!;
  }
  for (; i < count; i++) data[i] = data[selection[i]!]!;
}

function gatherPairs(data: Int32Array, selection: Int32Array, first: number, count: number): void {
  for (let i = first; i < count; i++) {
    const from = 2 * selection[i]!;
    data[2 * i] = data[from]!;
    data[2 * i + 1] = data[from + 1]!;
  }
}
