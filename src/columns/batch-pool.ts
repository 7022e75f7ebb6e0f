import { invariant } from '../core/invariant.js';
import { Batch } from './batch.js';
import { type BatchHome, BatchMemory } from './batch-memory.js';
import type { SpareHolder } from './column-memory.js';
import type { DictionarySet } from './dictionary.js';
import type { Schema } from './schema.js';

/** Most spares that are kept for copies. */
const SPARES_FOR_COPIES_MAX = 64;

/**
 * Reuses the memory of batches of one schema and capacity; the `Batch` objects are always new. Keeps
 * the memory of at most `spareMax` released batches. If shared batches are copied (`ownColumns`), it keeps as
 * many as were in use at the same time, since the next batch will be copied as often.
 */
export class BatchPool implements BatchHome, SpareHolder {
  readonly schema: Schema;
  /** Rows that each batch has room for. */
  readonly capacity: number;
  readonly #dictionaries: DictionarySet;
  readonly #spares: BatchMemory[] = [];
  #spareMax: number;
  #outstanding = 0;
  #isListed = false;

  /**
   * @param capacity - Rows that a batch has room for.
   * @param spareMax - Released batches whose memory is kept for the next ones.
   */
  constructor(schema: Schema, capacity: number, dictionaries: DictionarySet, spareMax = 4) {
    invariant(Number.isInteger(capacity) && capacity > 0, 'a batch has room for a row');
    this.schema = schema;
    this.capacity = capacity;
    this.#dictionaries = dictionaries;
    this.#spareMax = spareMax;
  }

  /** Batches acquired and not yet released. If it is not 0 after a pipeline has closed, there is a leak. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /**
   * Returns an empty batch, owned by the caller.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` if it would exceed the memory limit of the pipeline.
   */
  acquire(): Batch {
    return new Batch(this.schema, this.capacity, this.#dictionaries, this.#take());
  }

  /** @internal For copies of batches that this pool has made. */
  lend(): BatchMemory {
    const memory = this.#take();
    const wanted = Math.min(this.#outstanding, SPARES_FOR_COPIES_MAX);
    if (this.#spareMax > 0) this.#spareMax = Math.max(this.#spareMax, wanted);
    return memory;
  }

  /** Called only by the batches. */
  takeBack(memory: BatchMemory): void {
    this.#outstanding--;
    const account = this.#dictionaries.memory;
    if (this.#spares.length >= this.#spareMax || account.isClosed) {
      memory.drop();
      return;
    }
    this.#spares.push(memory);
    if (this.#isListed) return;
    account.addSpareHolder(this);
    this.#isListed = true;
  }

  /** @internal For the account of the columns. */
  dropSpares(): void {
    for (const memory of this.#spares) memory.drop();
    this.#spares.length = 0;
    this.#dictionaries.memory.removeSpareHolder(this);
    this.#isListed = false;
  }

  /** Closes a pool that is no longer used: frees its spares, and keeps none of later releases. */
  close(): void {
    this.#spareMax = 0;
    this.dropSpares();
  }

  #take(): BatchMemory {
    const memory =
      this.#spares.pop() ?? new BatchMemory(this.schema, this.capacity, this.#dictionaries.memory, this);
    this.#outstanding++;
    return memory;
  }
}
