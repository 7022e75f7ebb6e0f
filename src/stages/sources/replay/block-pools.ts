import type { Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import type { Schema } from '../../../columns/schema.js';

/** Pools of batches with one schema, for the few sizes in use at a time. */
export class BlockPools {
  readonly #schema: Schema;
  readonly #dictionaries: DictionarySet;
  readonly #pools = new Map<number, BatchPool>();

  constructor(schema: Schema, dictionaries: DictionarySet) {
    this.#schema = schema;
    this.#dictionaries = dictionaries;
  }

  acquire(rows: number): Batch {
    let pool = this.#pools.get(rows);
    if (!pool) {
      pool = new BatchPool(this.#schema, rows, this.#dictionaries);
      this.#pools.set(rows, pool);
    }
    return pool.acquire();
  }
}
