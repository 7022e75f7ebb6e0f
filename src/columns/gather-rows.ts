import { invariant } from '../core/invariant.js';
import type { Batch } from './batch.js';
import { type ColumnData, elementsPerRow } from './schema.js';

/**
 * Appends rows `order[0]` to `order[count - 1]` of `source` to `target`, which must have room for them.
 *
 * @param columns - For each column of `target`, the index of its column in `source`. Omit it if the
 *   schemas are equal.
 */
export function gatherRows(
  source: Batch,
  order: Int32Array,
  count: number,
  target: Batch,
  columns?: readonly number[],
): void {
  invariant(!target.isShared, 'rows are gathered into columns that are not shared');
  const at = target.length;
  invariant(at + count <= target.capacity, 'gathered rows fit');
  target.columns.forEach((into, column) => {
    const data = source.columns[columns?.[column] ?? column]!;
    gatherColumn(data, into, elementsPerRow(target.schema.columns[column]!.type), order, 0, count, at);
  });
  target.length += count;
}

/**
 * Writes the values of rows `order[start]` to `order[end - 1]` of one column to another of its type, from row
 * `at`. The two may be one column if no row is written before it is read.
 *
 * @param width - Elements that a row takes.
 */
export function gatherColumn(
  from: ColumnData,
  to: ColumnData,
  width: number,
  order: Int32Array,
  start: number,
  end: number,
  at: number,
): void {
  // Both are of one type.
  if (from instanceof Float64Array) gatherFloats(from, to as Float64Array, order, start, end, at);
  else if (from instanceof Uint8Array) gatherBytes(from, to as Uint8Array, order, start, end, at);
  else if (width === 2) gatherPairs(from, to as Int32Array, order, start, end, at);
  else gatherInts(from, to as Int32Array, order, start, end, at);
}

// One loop per array type: a shared loop would make each access polymorphic. Eight rows at a time take half as long.

function gatherFloats(
  from: Float64Array,
  to: Float64Array,
  order: Int32Array,
  start: number,
  end: number,
  at: number,
) {
  const shift = at - start;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const row = i + shift;
    to[row] = from[order[i]!]!;
    to[row + 1] = from[order[i + 1]!]!;
    to[row + 2] = from[order[i + 2]!]!;
    to[row + 3] = from[order[i + 3]!]!;
    to[row + 4] = from[order[i + 4]!]!;
    to[row + 5] = from[order[i + 5]!]!;
    to[row + 6] = from[order[i + 6]!]!;
    to[row + 7] = from[order[i + 7]!]!;
  }
  for (; i < end; i++) to[i + shift] = from[order[i]!]!;
}

function gatherInts(
  from: Int32Array,
  to: Int32Array,
  order: Int32Array,
  start: number,
  end: number,
  at: number,
) {
  const shift = at - start;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const row = i + shift;
    to[row] = from[order[i]!]!;
    to[row + 1] = from[order[i + 1]!]!;
    to[row + 2] = from[order[i + 2]!]!;
    to[row + 3] = from[order[i + 3]!]!;
    to[row + 4] = from[order[i + 4]!]!;
    to[row + 5] = from[order[i + 5]!]!;
    to[row + 6] = from[order[i + 6]!]!;
    to[row + 7] = from[order[i + 7]!]!;
  }
  for (; i < end; i++) to[i + shift] = from[order[i]!]!;
}

function gatherBytes(
  from: Uint8Array,
  to: Uint8Array,
  order: Int32Array,
  start: number,
  end: number,
  at: number,
) {
  const shift = at - start;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const row = i + shift;
    to[row] = from[order[i]!]!;
    to[row + 1] = from[order[i + 1]!]!;
    to[row + 2] = from[order[i + 2]!]!;
    to[row + 3] = from[order[i + 3]!]!;
    to[row + 4] = from[order[i + 4]!]!;
    to[row + 5] = from[order[i + 5]!]!;
    to[row + 6] = from[order[i + 6]!]!;
    to[row + 7] = from[order[i + 7]!]!;
  }
  for (; i < end; i++) to[i + shift] = from[order[i]!]!;
}

function gatherPairs(
  from: Int32Array,
  to: Int32Array,
  order: Int32Array,
  start: number,
  end: number,
  at: number,
) {
  const shift = at - start;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = 2 * (i + shift);
    const a = 2 * order[i]!;
    const b = 2 * order[i + 1]!;
    const c = 2 * order[i + 2]!;
    const d = 2 * order[i + 3]!;
    to[word] = from[a]!;
    to[word + 1] = from[a + 1]!;
    to[word + 2] = from[b]!;
    to[word + 3] = from[b + 1]!;
    to[word + 4] = from[c]!;
    to[word + 5] = from[c + 1]!;
    to[word + 6] = from[d]!;
    to[word + 7] = from[d + 1]!;
  }
  for (; i < end; i++) {
    const first = 2 * order[i]!;
    to[2 * (i + shift)] = from[first]!;
    to[2 * (i + shift) + 1] = from[first + 1]!;
  }
}
