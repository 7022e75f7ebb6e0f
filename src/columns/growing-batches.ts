import { appendRows, type Batch } from './batch.js';
import { BatchPool } from './batch-pool.js';
import type { DictionarySet } from './dictionary.js';
import type { Schema } from './schema.js';

const GROWTH = 4;

/**
 * Batches that start small and grow up to a limit, so that many open batches with few rows each need
 * little memory.
 */
export class GrowingBatches {
  /** In order of capacity; the last pool has the capacity of the limit. */
  readonly #pools: BatchPool[] = [];

  /** @param sparesMin - How many idle batches of the smallest capacity are kept. */
  constructor(
    schema: Schema,
    dictionaries: DictionarySet,
    rowsMin: number,
    rowsMax: number,
    sparesMin?: number,
  ) {
    for (let rows = Math.min(rowsMin, rowsMax); ; rows = Math.min(rows * GROWTH, rowsMax)) {
      const spares = this.#pools.length === 0 ? sparesMin : undefined;
      this.#pools.push(new BatchPool(schema, rows, dictionaries, spares));
      if (rows === rowsMax) break;
    }
  }

  /** @param rows - At most the limit. */
  acquire(rows: number): Batch {
    const pool = this.#pools.find(({ capacity }) => capacity >= rows) ?? this.#pools.at(-1)!;
    return pool.acquire();
  }

  /** Frees its spares, and keeps none of later releases. */
  close(): void {
    for (const pool of this.#pools) pool.close();
  }

  /** Returns the batch if `rows` more fit, or else a larger batch with its rows, their origin and its records. */
  withRoomFor(batch: Batch, rows: number): Batch {
    if (batch.length + rows <= batch.capacity) return batch;
    const larger = this.acquire(batch.length + rows);
    appendRows(batch, 0, batch.length, larger);
    larger.controls = batch.controls;
    larger.origin = batch.origin;
    batch.controls = [];
    batch.release();
    return larger;
  }
}
