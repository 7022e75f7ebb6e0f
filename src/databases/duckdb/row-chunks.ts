import type { DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import type { Batch } from '../../columns/batch.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import type { Column, Schema } from '../../columns/schema.js';
import type { DuckDbType } from './column-types.js';
import { columnEncoder } from './encode-column.js';
import type { ColumnEncoder, EncodedRows } from './encoded-rows.js';
import type { DuckDb, LoadedDuckDb } from './load-duckdb.js';

/** Rows of a vector of DuckDB. */
const VECTOR_ROWS = 2_048;

/** A value that its column in the database cannot hold. */
export interface RefusedValue {
  readonly row: number;
  readonly column: string;
  readonly expected: string;
  readonly found: string;
}

/** Brings the rows of batches into chunks of DuckDB, column by column. */
export class RowChunks {
  readonly #duckDb: LoadedDuckDb;
  readonly #columns: readonly Column[];
  readonly #types: readonly DuckDBType[];
  readonly #encoders: readonly ColumnEncoder[];

  /**
   * @param types - Of the columns of the schema, in its order.
   * @param rounds - Whether numbers are rounded to what their type holds.
   */
  constructor(
    duckDb: LoadedDuckDb,
    schema: Schema,
    types: readonly DuckDbType[],
    dictionaries: DictionarySet,
    rounds: boolean,
  ) {
    this.#duckDb = duckDb;
    this.#columns = schema.columns;
    this.#types = types.map((type) => chunkType(duckDb.api, type));
    this.#encoders = schema.columns.map((column, i) => {
      const texts = column.type === 'string' ? dictionaries.get(column.dictionary ?? column.name) : undefined;
      return columnEncoder(column, types[i]!, texts, { rounds, rowsMax: VECTOR_ROWS });
    });
  }

  /** Finds the rows with values that cannot be written, in order of columns; the first value of each. */
  refused(batch: Batch): ReadonlyMap<number, RefusedValue> {
    const found = new Map<number, RefusedValue>();
    this.#encoders.forEach((encoder, i) => {
      const column = this.#columns[i]!.name;
      encoder.check?.(batch.columns[i]!, batch.length, (row, expected, value) => {
        if (!found.has(row)) found.set(row, { row, column, expected, found: value });
      });
    });
    return found;
  }

  /** The rows of a batch, none of them refused. Each chunk is to be used before the next one. */
  *of(batch: Batch): Generator<DuckDBDataChunk> {
    const { length, columns } = batch;
    for (let start = 0; start < length; start += VECTOR_ROWS) {
      const rows = Math.min(VECTOR_ROWS, length - start);
      const chunk = this.#duckDb.api.DuckDBDataChunk.create(this.#types, rows);
      for (let i = 0; i < columns.length; i++) {
        this.#fill(chunk, i, this.#encoders[i]!.encode(columns[i]!, start, rows));
      }
      yield chunk;
    }
  }

  #fill(chunk: DuckDBDataChunk, column: number, { bytes, validity, longTexts }: EncodedRows): void {
    const { vectors } = this.#duckDb;
    const vector = vectors.data_chunk_get_vector(chunk.chunk, column);
    vectors.copy_data_to_vector(vector, 0, bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (longTexts) {
      for (const { row, text } of longTexts) vectors.vector_assign_string_element_len(vector, row, text);
    }
    if (!validity) return;
    vectors.vector_ensure_validity_writable(vector);
    vectors.copy_data_to_vector_validity(
      vector,
      0,
      validity.buffer,
      validity.byteOffset,
      validity.byteLength,
    );
  }
}

function chunkType(api: DuckDb, type: DuckDbType): DuckDBType {
  switch (type.name) {
    case 'DECIMAL':
      return api.DECIMAL(type.width, type.scale);
    case 'TIMESTAMP WITH TIME ZONE':
      return api.TIMESTAMPTZ;
    default:
      return api[type.name];
  }
}
