import { Batch } from '../../columns/batch.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import type { Schema } from '../../columns/schema.js';
import type { ColumnBuffer } from './column-buffer.js';
import { lengthPrefixed, readUint32 } from './length-prefixed.js';

/** Rows per batch that `savedRows` yields. */
const ROWS_MAX = 8_192;

/**
 * Serializes rows of the buffers: their number, then each column, prefixed with its length. One piece of
 * memory for all of it: a checkpoint saves a few rows of each of many parts.
 */
export function saveRows(buffers: readonly ColumnBuffer[], start: number, end: number): Uint8Array[] {
  if (start === end) return [];
  const columns: (readonly Uint8Array[])[] = [];
  let length = 4;
  for (const buffer of buffers) {
    const pieces = buffer.save(start, end);
    columns.push(pieces);
    length += 4 + lengthOf(pieces);
  }
  const saved = Buffer.allocUnsafe(length);
  let at = saved.writeUInt32LE(end - start, 0);
  for (const pieces of columns) {
    at = saved.writeUInt32LE(lengthOf(pieces), at);
    for (const piece of pieces) {
      saved.set(piece, at);
      at += piece.length;
    }
  }
  return [saved];
}

/**
 * Yields saved rows in batches, each valid until the next.
 *
 * @param saved - The results of `saveRows` in order, starting with one from row 0.
 */
export function* savedRows(
  saved: readonly Uint8Array[],
  buffers: readonly ColumnBuffer[],
  schema: Schema,
  dictionaries: DictionarySet,
): Generator<Batch> {
  const loaders = buffers.map((buffer) => buffer.loader());
  for (const piece of saved) {
    const rows = readUint32(piece, 0);
    for (const [i, column] of lengthPrefixed(piece.subarray(4)).entries()) loaders[i]!.take(column);
    const batch = new Batch(schema, Math.min(rows, ROWS_MAX), dictionaries);
    try {
      for (let start = 0; start < rows; start += batch.capacity) {
        const end = Math.min(rows, start + batch.capacity);
        for (const [i, loader] of loaders.entries()) loader.copy(start, end, batch.columns[i]!);
        batch.length = end - start;
        yield batch;
      }
    } finally {
      batch.release();
    }
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}
