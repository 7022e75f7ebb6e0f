import type { Batch } from '../../../columns/batch.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import { type Column, type ColumnData, elementsPerRow, type Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';

const ROWS_MIN = 256;
const ROWS_MAX = 1_073_741_824;
const TIME = 0;
const SYMBOL = 1;
const SEQUENCE = 2;
const VALUES = 3;

/** The columns taken from the side input, with their indexes. */
export type Taken = readonly { readonly column: Column; readonly at: number }[];

/** A kept row: the words of its time and sequence, and the id of its symbol. */
export interface KeptRow {
  readonly symbol: number;
  readonly high: number;
  readonly low: number;
  readonly sequenceHigh: number;
  readonly sequenceLow: number;
}

/** Collects the side rows that a join keeps, with the values of the taken columns, for a checkpoint. */
export class KeptRowsWriter {
  readonly #taken: Taken;
  readonly #batches: GrowingBatches;
  #batch: Batch;

  constructor(taken: Taken, dictionaries: DictionarySet) {
    this.#taken = taken;
    this.#batches = new GrowingBatches(schemaOf(taken), dictionaries, ROWS_MIN, ROWS_MAX, 0);
    this.#batch = this.#batches.acquire(ROWS_MIN);
  }

  /** @param columns - The taken columns, in their order, with the values of the row at index `at`. */
  add(row: KeptRow, columns: readonly ColumnData[], at: number): void {
    this.#batch = this.#batches.withRoomFor(this.#batch, 1);
    const batch = this.#batch;
    const to = batch.length;
    writeWords(batch.columns[TIME] as Int32Array, to, row.high, row.low);
    (batch.columns[SYMBOL] as Int32Array)[to] = row.symbol;
    writeWords(batch.columns[SEQUENCE] as Int32Array, to, row.sequenceHigh, row.sequenceLow);
    this.#taken.forEach(({ column }, i) => {
      copyValue(columns[i]!, at, batch.columns[VALUES + i]!, to, elementsPerRow(column.type));
    });
    batch.length = to + 1;
  }

  /** Returns the rows as plain data, and releases the memory of the writer. */
  save(): PlainData {
    const saved = saveBatch(this.#batch);
    this.#batch.release();
    return saved;
  }
}

/**
 * Calls `onRow` with each saved row, in order.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the saved columns differ.
 */
export function readKeptRows(
  saved: PlainData,
  taken: Taken,
  dictionaries: DictionarySet,
  onRow: (row: KeptRow, batch: Batch, at: number) => void,
): void {
  const batch = loadBatch(saved, schemaOf(taken), dictionaries);
  try {
    const times = batch.columns[TIME] as Int32Array;
    const symbols = batch.columns[SYMBOL] as Int32Array;
    const sequences = batch.columns[SEQUENCE] as Int32Array;
    for (let at = 0; at < batch.length; at++) {
      const row = {
        symbol: symbols[at]!,
        high: times[2 * at + 1]!,
        low: times[2 * at]! >>> 0,
        sequenceHigh: sequences[2 * at + 1]!,
        sequenceLow: sequences[2 * at]! >>> 0,
      };
      onRow(row, batch, at);
    }
  } finally {
    batch.release();
  }
}

/** Returns the taken columns with their indexes in the batch of a saved row. */
export const savedAt = (taken: Taken): Taken => taken.map(({ column }, i) => ({ column, at: VALUES + i }));

/** Copies the value of one row. @param width - Number of array elements per row. */
export function copyValue(from: ColumnData, row: number, to: ColumnData, at: number, width: number): void {
  for (let i = 0; i < width; i++) to[width * at + i] = from[width * row + i]!;
}

function schemaOf(taken: Taken): Schema {
  return {
    kind: 'custom',
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'symbol', type: 'int32' },
      { name: 'sequence', type: 'int64' },
      ...taken.map(({ column }, i) => ({
        ...column,
        name: `value${i}`,
        ...(column.type === 'string' && { dictionary: column.dictionary ?? column.name }),
      })),
    ],
  };
}

function writeWords(words: Int32Array, row: number, high: number, low: number): void {
  words[2 * row] = low | 0;
  words[2 * row + 1] = high;
}
