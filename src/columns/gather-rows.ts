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
  const at = target.length;
  target.columns.forEach((into, column) => {
    const data = source.columns[columns?.[column] ?? column]!;
    gatherColumn(data, into, elementsPerRow(target.schema.columns[column]!.type), order, count, at);
  });
  target.length += count;
}

/**
 * Writes the values of rows `order[0]` to `order[count - 1]` of one column to another of its type, from row `at`.
 *
 * @param width - Elements that a row takes.
 */
export function gatherColumn(
  from: ColumnData,
  to: ColumnData,
  width: number,
  order: Int32Array,
  count: number,
  at: number,
): void {
  // Both are of one type.
  if (from instanceof Float64Array) gatherFloats(from, to as Float64Array, order, count, at);
  else if (from instanceof Uint8Array) gatherBytes(from, to as Uint8Array, order, count, at);
  else if (width === 2) gatherPairs(from, to as Int32Array, order, count, at);
  else gatherInts(from, to as Int32Array, order, count, at);
}

// One loop per array type: a shared loop would make each access polymorphic.

function gatherFloats(from: Float64Array, to: Float64Array, order: Int32Array, count: number, at: number) {
  for (let i = 0; i < count; i++) to[at + i] = from[order[i]!]!;
}

function gatherInts(from: Int32Array, to: Int32Array, order: Int32Array, count: number, at: number) {
  for (let i = 0; i < count; i++) to[at + i] = from[order[i]!]!;
}

function gatherBytes(from: Uint8Array, to: Uint8Array, order: Int32Array, count: number, at: number) {
  for (let i = 0; i < count; i++) to[at + i] = from[order[i]!]!;
}

function gatherPairs(from: Int32Array, to: Int32Array, order: Int32Array, count: number, at: number) {
  for (let i = 0; i < count; i++) {
    const row = order[i]!;
    to[2 * (at + i)] = from[2 * row]!;
    to[2 * (at + i) + 1] = from[2 * row + 1]!;
  }
}
