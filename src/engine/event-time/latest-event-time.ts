import type { Batch } from '../../columns/batch.js';
import { eventTimeIndex, type Schema } from '../../columns/schema.js';

const TWO_32 = 4_294_967_296n;

/** The latest event time among the last rows of batches. Kept in words, since a bigint per batch would be costly. */
export class LatestEventTime {
  readonly #column: number;
  #high = Number.NEGATIVE_INFINITY;
  #low = 0;

  constructor(schema: Schema) {
    this.#column = eventTimeIndex(schema);
  }

  /** Whether rows have event time at all. */
  get isKnowable(): boolean {
    return this.#column >= 0;
  }

  /** ns since 1970; `undefined` before the first row. */
  get at(): bigint | undefined {
    return this.#high === Number.NEGATIVE_INFINITY
      ? undefined
      : BigInt(this.#high) * TWO_32 + BigInt(this.#low);
  }

  pass({ columns, selection, length }: Batch): void {
    if (length === 0 || this.#column < 0) return;
    const words = columns[this.#column] as Int32Array;
    const row = selection === undefined ? length - 1 : selection[length - 1]!;
    const high = words[2 * row + 1]!;
    const low = words[2 * row]! >>> 0;
    if (high < this.#high || (high === this.#high && low <= this.#low)) return;
    this.#high = high;
    this.#low = low;
  }
}
