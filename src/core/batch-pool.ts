import { Batch, type BatchHome } from './batch.js';
import type { DictionarySet } from './dictionary.js';
import { invariant } from './invariant.js';
import type { Schema } from './schema.js';

/** Batches of one schema and capacity, used again and again. Holds at most `spareMax` idle ones. */
export class BatchPool implements BatchHome {
  readonly schema: Schema;
  readonly capacity: number;
  readonly #dictionaries: DictionarySet;
  readonly #spares: Batch[] = [];
  readonly #spareMax: number;
  #outstanding = 0;

  constructor(schema: Schema, capacity: number, dictionaries: DictionarySet, spareMax = 4) {
    invariant(Number.isInteger(capacity) && capacity > 0, 'a batch has room for a row');
    this.schema = schema;
    this.capacity = capacity;
    this.#dictionaries = dictionaries;
    this.#spareMax = spareMax;
  }

  /** Batches handed out and not yet released: 0 once a pipeline has closed, or somebody leaks. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** An empty batch, owned by the caller. */
  acquire(): Batch {
    this.#outstanding++;
    const spare = this.#spares.pop();
    if (!spare) return new Batch(this.schema, this.capacity, this.#dictionaries, this);
    spare.revive();
    return spare;
  }

  takeBack(batch: Batch): void {
    this.#outstanding--;
    if (this.#spares.length < this.#spareMax) this.#spares.push(batch);
  }
}
