import type { Batch } from '../columns/batch.js';
import { BatchPool } from '../columns/batch-pool.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { Schema } from '../columns/schema.js';
import { handSelection } from '../columns/selection.js';

/** Number of capacities for which pools are kept. */
const POOLS_MAX = 4;

/**
 * Provides empty batches of one schema, for operators that pass columns on. They swap columns, so both
 * batches must have the same capacity. All built-in stages use `batchRows`, but user operators may emit
 * other capacities, and each capacity gets its own pool.
 */
export class OutputBatches {
  readonly schema: Schema;
  readonly #dictionaries: DictionarySet;
  readonly #pools = new Map<number, BatchPool>();
  #latest: BatchPool;

  constructor(schema: Schema, capacity: number, dictionaries: DictionarySet) {
    this.schema = schema;
    this.#dictionaries = dictionaries;
    this.#latest = new BatchPool(schema, capacity, dictionaries);
    this.#pools.set(capacity, this.#latest);
  }

  /** Returns an empty batch, owned by the caller. */
  acquire(capacity: number): Batch {
    if (this.#latest.capacity !== capacity) this.#latest = this.#poolOf(capacity);
    return this.#latest.acquire();
  }

  #closePools(): void {
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
  }

  #poolOf(capacity: number): BatchPool {
    const known = this.#pools.get(capacity);
    if (known) return known;
    if (this.#pools.size >= POOLS_MAX) this.#closePools();
    const pool = new BatchPool(this.schema, capacity, this.#dictionaries);
    this.#pools.set(capacity, pool);
    return pool;
  }
}

/**
 * Moves the rest of a batch to another that already has its columns: the length, the selection, the
 * control records and the origin. Releases the first batch.
 */
export function handOver(from: Batch, to: Batch): void {
  to.length = from.length;
  handSelection(from, to);
  to.controls = from.controls;
  from.controls = [];
  to.origin = from.origin;
  from.release();
}
