import type { DuckDBDataChunk } from '@duckdb/node-api';
import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import { writeInt64 } from '../../columns/int64.js';
import type { ColumnData } from '../../columns/schema.js';
import type { Refuse } from './encoded-rows.js';
import type { DuckDbVectors } from './load-duckdb.js';
import { MICROS_MAX, type SelectedColumn } from './read-columns.js';

/** Rows of a chunk, and where they go. */
export interface CopiedRows {
  readonly chunk: DuckDBDataChunk;
  /** Index of the column in the chunk. */
  readonly index: number;
  /** First row in the chunk. */
  readonly start: number;
  readonly rows: number;
  readonly data: ColumnData;
  /** First row in the data. */
  readonly at: number;
}

/** The 64-bit numbers that DuckDB keeps for infinity. */
const INFINITY = 2n ** 63n - 1n;

/**
 * Copies the values of a column out of a chunk of DuckDB.
 *
 * @param refuse - Told of values that the column cannot hold, by their rows in the data.
 */
export function copyValues(
  vectors: DuckDbVectors,
  { column, unit }: SelectedColumn,
  dictionary: Dictionary | undefined,
  copied: CopiedRows,
  refuse: Refuse,
): void {
  const { chunk, index, start, rows, data, at } = copied;
  if (column.type === 'string' || column.type === 'enum') {
    copyTexts(column, dictionary, copied, refuse);
    return;
  }
  const vector = vectors.data_chunk_get_vector(chunk.chunk, index);
  const width = WIDTHS[column.type];
  const bytes = vectors.vector_get_data(vector, (start + rows) * width);
  const { buffer, byteOffset } = bytes;
  if (column.type === 'timestamp') {
    const from = new BigInt64Array(buffer, byteOffset, start + rows);
    for (let row = 0; row < rows; row++) {
      const value = from[start + row]!;
      const isInstant =
        unit === 'us' ? value <= MICROS_MAX && value >= -MICROS_MAX : value < INFINITY && value > -INFINITY;
      if (isInstant) writeInt64(data as Int32Array, at + row, unit === 'us' ? value * 1_000n : value);
      else refuse(at + row, 'an instant from 1677 to 2262', `${value} ${unit} since 1970`);
    }
  } else if (column.type === 'int64') {
    (data as Int32Array).set(new Int32Array(buffer, byteOffset + start * 8, rows * 2), at * 2);
  } else if (column.type === 'int32') data.set(new Int32Array(buffer, byteOffset + start * 4, rows), at);
  else if (column.type === 'boolean') data.set(new Uint8Array(buffer, byteOffset + start, rows), at);
  else data.set(new Float64Array(buffer, byteOffset + start * 8, rows), at);

  const validity = vectors.vector_get_validity(vector, Math.ceil((start + rows) / 64) * 8);
  if (!validity) return;
  for (let row = 0; row < rows; row++) {
    const bit = start + row;
    if ((validity[bit >> 3]! & (1 << (bit & 7))) !== 0) continue;
    if (column.type === 'float64' && column.nullable) (data as Float64Array)[at + row] = Number.NaN;
    else refuse(at + row, 'a value', column.type === 'timestamp' ? 'NULL, or an infinity' : 'NULL');
  }
}

const WIDTHS = { timestamp: 8, int64: 8, float64: 8, int32: 4, boolean: 1 } as const;

function copyTexts(
  column: SelectedColumn['column'],
  dictionary: Dictionary | undefined,
  { chunk, index, start, rows, data, at }: CopiedRows,
  refuse: Refuse,
): void {
  const texts = chunk.getColumnVector(index);
  for (let row = 0; row < rows; row++) {
    const text = texts.getItem(start + row) as string | null; // it was selected as VARCHAR
    if (text === null) {
      if (column.type === 'string' && column.nullable) data[at + row] = NO_STRING;
      else refuse(at + row, 'a value', 'NULL');
      continue;
    }
    const id = dictionary ? dictionary.idOf(text) : column.values!.indexOf(text);
    if (id >= 0) data[at + row] = id;
    else refuse(at + row, `one of ${column.values!.join(', ')}`, JSON.stringify(text.slice(0, 100)));
  }
}
