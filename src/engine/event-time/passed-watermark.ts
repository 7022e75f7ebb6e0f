import type { Batch } from '../../columns/batch.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import { LatestEventTime } from './latest-event-time.js';

/**
 * Tracks the watermark of all symbols at a place in the pipeline, for statistics. It uses watermark
 * records, and rows if each row makes a promise for all symbols. Only the last row of a batch is checked.
 */
export class PassedWatermark {
  readonly #rows: LatestEventTime;
  /** `undefined`: a row makes no promise for other symbols. */
  readonly #maxDelayNs: bigint | undefined;
  #told: bigint | undefined;

  constructor(schema: Schema, { scope, maxDelayNs }: EventOrder) {
    this.#rows = new LatestEventTime(schema);
    this.#maxDelayNs = scope === 'all' ? BigInt(maxDelayNs) : undefined;
  }

  /** ns since 1970, if known. */
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
