import type { Batch } from '../../columns/batch.js';
import { retainRows } from '../../columns/selection.js';

/** Batches that are full and wait to be read, in order. */
export class FullBatches {
  readonly #batches: Batch[] = [];
  #rows = 0;

  /** Rows in them. */
  get rows(): number {
    return this.#rows;
  }

  push(batch: Batch): void {
    this.#batches.push(batch);
    this.#rows += batch.length;
  }

  shift(): Batch | undefined {
    const batch = this.#batches.shift();
    if (batch) this.#rows -= batch.length;
    return batch;
  }

  /** Puts a batch back in front, without its first rows and the records before them. */
  putBack(batch: Batch, rowsLess: number): void {
    batch.controls = batch.controls.filter(({ row }) => row >= rowsLess);
    retainRows(batch, new Uint8Array(batch.length).fill(1, rowsLess));
    this.#batches.unshift(batch);
    this.#rows += batch.length;
  }

  /** @returns What `complaint` says of the first batch that it complains of. */
  check(complaint: (batch: Batch) => string | undefined): string | undefined {
    for (const batch of this.#batches) {
      const found = complaint(batch);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  release(): void {
    for (const batch of this.#batches.splice(0)) batch.release();
    this.#rows = 0;
  }
}
