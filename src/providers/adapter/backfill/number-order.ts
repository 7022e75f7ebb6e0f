import type { Batch } from '../../../columns/batch.js';
import type { GrowingBatches } from '../../../columns/growing-batches.js';
import { HeldRows } from './held-rows.js';

/** Rows of a history that wait until it is certain which of them comes next by number. */
export class NumberOrder {
  readonly #batches: GrowingBatches;
  readonly #numberAt: number;
  #rows: HeldRows;

  constructor(batches: GrowingBatches, numberAt: number) {
    this.#batches = batches;
    this.#numberAt = numberAt;
    this.#rows = new HeldRows(batches, numberAt);
  }

  get waiting(): number {
    return this.#rows.waiting;
  }

  /** What the rows are in. */
  get batch(): Batch {
    return this.#rows.batch;
  }

  add(from: Batch, row: number): void {
    this.#rows.add(from, row);
  }

  /** The one with the lowest number; −1 if none waits. */
  first(): number {
    return this.#rows.first();
  }

  /** The first one does not wait any more. */
  take(): void {
    this.#rows.take();
  }

  /** Keeps no room for rows that were taken. */
  compact(): void {
    const from = this.#rows;
    if (from.waiting === from.added) return;
    this.#rows = new HeldRows(this.#batches, this.#numberAt);
    try {
      for (let row = from.first(); row >= 0; row = from.first()) {
        this.#rows.add(from.batch, row);
        from.take();
      }
    } finally {
      from.release();
    }
  }

  clear(): void {
    this.#rows.release();
    this.#rows = new HeldRows(this.#batches, this.#numberAt);
  }
}
