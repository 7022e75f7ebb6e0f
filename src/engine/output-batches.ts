import type { Batch } from '../columns/batch.js';
import { BatchPool } from '../columns/batch-pool.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { Schema } from '../columns/schema.js';
import { handSelection } from '../columns/selection.js';

/** Capacities for which pools are kept. */
const POOLS_MAX = 4;

/**
 * Empty batches of one schema, for operators that hand columns on: those are swapped, so that both
 * batches must have the same capacity. All stages of a pipeline use `batchRows`, but an operator
 * of the user's may emit others, and gets a pool for each.
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

  /** An empty batch, owned by the caller. */
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

/** Gives the rest of a batch to another whose columns are in place: its rows' number and places, and control records. */
export function handOver(from: Batch, to: Batch): void {
  to.length = from.length;
  handSelection(from, to);
  to.controls = from.controls;
  from.controls = [];
  to.origin = from.origin;
  from.release();
}
