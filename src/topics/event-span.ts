import type { Batch } from '../columns/batch.js';
import { readNanos } from '../columns/int64.js';
import { eventTimeIndex, type Schema } from '../columns/schema.js';
import type { Nanos } from '../core/units.js';

/** The earliest and the latest event time of rows, in 32-bit words: a bigint a row would be costly. */
export class EventSpan {
  readonly #column: number;
  /** Two rows of a timestamp column: the least and the greatest. */
  readonly #words = new Int32Array(4);
  #isEmpty = true;

  constructor(schema: Schema) {
    this.#column = eventTimeIndex(schema);
  }

  /** `undefined` if there was no row, or if rows have no event time. */
  get least(): Nanos | undefined {
    return this.#isEmpty ? undefined : readNanos(this.#words, 0);
  }

  get greatest(): Nanos | undefined {
    return this.#isEmpty ? undefined : readNanos(this.#words, 1);
  }

  add({ columns, length }: Batch): void {
    if (length === 0 || this.#column < 0) return;
    const times = columns[this.#column] as Int32Array; // the storage of a timestamp
    let [leastLow, leastHigh, greatestLow, greatestHigh] = this.#isEmpty
      ? [times[0]! >>> 0, times[1]!, times[0]! >>> 0, times[1]!]
      : [this.#words[0]! >>> 0, this.#words[1]!, this.#words[2]! >>> 0, this.#words[3]!];
    for (let i = 0; i < 2 * length; i += 2) {
      const low = times[i]! >>> 0;
      const high = times[i + 1]!;
      if (high < leastHigh || (high === leastHigh && low < leastLow)) {
        leastLow = low;
        leastHigh = high;
      }
      if (high > greatestHigh || (high === greatestHigh && low > greatestLow)) {
        greatestLow = low;
        greatestHigh = high;
      }
    }
    this.#words.set([leastLow | 0, leastHigh, greatestLow | 0, greatestHigh]);
    this.#isEmpty = false;
  }
}
