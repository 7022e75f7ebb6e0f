import type { Batch } from '../../../columns/batch.js';
import type { FlushReason } from '../../../wire/pipeline-report.js';

/** Batches that wait for the sink, first in, first out, and counts of why batches were closed. */
export class ClosedBatches {
  readonly flushes: Record<FlushReason, number> = {
    rows: 0,
    bytes: 0,
    age: 0,
    keys: 0,
    control: 0,
    drain: 0,
  };
  readonly #batches: Batch[] = [];
  #next = 0;

  push(batch: Batch, reason: FlushReason): void {
    this.flushes[reason]++;
    this.#batches.push(batch);
  }

  /** The batch closed last, unless it was taken already. */
  get last(): Batch | undefined {
    return this.#batches.at(-1);
  }

  take(): Batch | undefined {
    const batch = this.#batches[this.#next];
    if (batch) this.#next++;
    if (this.#next === this.#batches.length) {
      this.#batches.length = 0;
      this.#next = 0;
    }
    return batch;
  }

  release(): void {
    for (let batch = this.take(); batch; batch = this.take()) batch.release();
  }
}
