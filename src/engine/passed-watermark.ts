import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import { LatestEventTime } from './latest-event-time.js';

/**
 * The watermark of all symbols of what has gone past a place, for statistics: by its records, and by
 * rows where each speaks for all. It looks at the last row of a batch alone.
 */
export class PassedWatermark {
  readonly #rows: LatestEventTime;
  /** `undefined`: rows say nothing of other symbols. */
  readonly #maxDelayNs: bigint | undefined;
  #told: bigint | undefined;

  constructor(schema: Schema, { scope, maxDelayNs }: EventOrder) {
    this.#rows = new LatestEventTime(schema);
    this.#maxDelayNs = scope === 'all' ? BigInt(maxDelayNs) : undefined;
  }

  /** ns since 1970, where it is known. */
  get at(): bigint | undefined {
    const latest = this.#rows.at;
    if (latest === undefined || this.#maxDelayNs === undefined) return this.#told;
    const byRows = latest - this.#maxDelayNs;
    return this.#told === undefined || byRows > this.#told ? byRows : this.#told;
  }

  pass(batch: Batch): void {
    if (!this.#rows.isKnowable) return;
    for (const { record } of batch.controls) {
      if (record.type !== 'watermark' || record.symbol !== undefined) continue;
      if (this.#told === undefined || record.at > this.#told) this.#told = record.at;
    }
    if (this.#maxDelayNs !== undefined) this.#rows.pass(batch);
  }
}
