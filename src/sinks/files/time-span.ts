import type { Batch } from '../../core/batch.js';
import { compareInt64, readInt64 } from '../../core/int64.js';
import { formatIsoNanos } from '../../core/iso-nanos.js';
import { columnIndex, type Schema } from '../../core/schema.js';

/** Earliest and latest event time of the rows of a part. Rows need not be in order. */
export class TimeSpan {
  readonly #time: number;
  /** Two timestamps: earliest, latest. */
  readonly #words = new Int32Array(4);
  #any = false;

  constructor(schema: Schema) {
    const index = columnIndex(schema, 'time');
    this.#time = schema.columns[index]?.type === 'timestamp' ? index : -1;
  }

  clear(): void {
    this.#any = false;
  }

  add(batch: Batch, start: number, end: number): void {
    if (this.#time < 0 || start >= end) return;
    const times = batch.columns[this.#time] as Int32Array;
    const span = this.#words;
    if (!this.#any) {
      copyInstant(times, start, span, 0);
      copyInstant(times, start, span, 1);
      this.#any = true;
    }
    for (let row = start; row < end; row++) {
      if (compareInt64(times, row, span, 1) > 0) copyInstant(times, row, span, 1);
      else if (compareInt64(times, row, span, 0) < 0) copyInstant(times, row, span, 0);
    }
  }

  facts(): { firstTime?: string; lastTime?: string } {
    if (!this.#any) return {};
    const span = this.#words;
    return { firstTime: formatIsoNanos(readInt64(span, 0)), lastTime: formatIsoNanos(readInt64(span, 1)) };
  }
}

function copyInstant(from: Int32Array, row: number, to: Int32Array, slot: number): void {
  to[2 * slot] = from[2 * row]!;
  to[2 * slot + 1] = from[2 * row + 1]!;
}
