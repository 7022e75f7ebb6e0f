import type { Batch } from '../core/batch.js';
import type { EventOrder } from '../core/event-order.js';
import { readInt64 } from '../core/int64.js';
import { eventTimeIndex, type Schema } from '../core/schema.js';

/**
 * The watermark of all symbols of what has gone past a place, for statistics: by its records, and by
 * rows where each speaks for all. It looks at the last row of a batch alone.
 */
export class PassedWatermark {
  readonly #timeColumn: number;
  /** `undefined`: rows say nothing of other symbols. */
  readonly #maxDelayNs: bigint | undefined;
  #at: bigint | undefined;

  constructor(schema: Schema, { scope, maxDelayNs }: EventOrder) {
    this.#timeColumn = eventTimeIndex(schema);
    this.#maxDelayNs = scope === 'all' ? BigInt(maxDelayNs) : undefined;
  }

  /** ns since 1970, where it is known. */
  get at(): bigint | undefined {
    return this.#at;
  }

  pass(batch: Batch): void {
    if (this.#timeColumn < 0) return;
    for (const { record } of batch.controls) {
      if (record.type === 'watermark' && record.symbol === undefined) this.raise(record.at);
    }
    if (this.#maxDelayNs === undefined) return;
    const last = lastEventTime(batch, this.#timeColumn);
    if (last !== undefined) this.raise(last - this.#maxDelayNs);
  }

  raise(at: bigint | undefined): void {
    if (at !== undefined && (this.#at === undefined || at > this.#at)) this.#at = at;
  }
}

/** Of the last row of a batch, selected or not; `undefined` where there is none. */
export function lastEventTime({ columns, places, length }: Batch, timeColumn: number): bigint | undefined {
  if (length === 0 || timeColumn < 0) return undefined;
  const row = places === undefined ? length - 1 : places[length - 1]!;
  return readInt64(columns[timeColumn] as Int32Array, row);
}
