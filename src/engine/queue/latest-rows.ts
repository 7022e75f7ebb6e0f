import type { Batch } from '../../columns/batch.js';
import { compareInt64 } from '../../columns/int64.js';
import { columnIndex, eventTimeIndex, type Schema } from '../../columns/schema.js';
import { InvalidOptionsError } from '../../core/errors.js';

/** Finds the latest row of each symbol: that of the greatest event time, of equal ones the last to arrive. */
export class LatestRows {
  readonly #symbol: number;
  readonly #time: number;
  /** For each symbol, by its id + 1: the batch and the position of its latest row. */
  #batchOf = new Int32Array(0);
  #rowOf = new Int32Array(0);

  /**
   * @param title - Of the queue, for the error.
   * @throws {InvalidOptionsError} for rows of which a later one does not replace an earlier one.
   */
  constructor(schema: Schema, title: string) {
    this.#symbol = columnIndex(schema, 'symbol');
    this.#time = eventTimeIndex(schema);
    if (schema.columns[this.#symbol]?.type !== 'string') {
      throw new InvalidOptionsError(title, [
        'queue.overflow: expected another policy than conflate for rows without a column "symbol" of strings',
      ]);
    }
    if (schema.kind === 'book') {
      throw new InvalidOptionsError(title, [
        'queue.overflow: expected another policy than conflate for books, whose changes do not replace each ' +
          'other: drop-oldest, say, which tells of a gap',
      ]);
    }
  }

  /** Returns the positions of the rows that are the latest of their symbol, for each of the batches. */
  find(batches: readonly Batch[]): Int32Array[] {
    const ids = batches.map(({ columns }) => columns[this.#symbol] as Int32Array);
    this.#forget(batches[0]);
    const times =
      this.#time < 0 ? undefined : batches.map(({ columns }) => columns[this.#time] as Int32Array);
    batches.forEach((batch, i) => {
      this.#note(i, batch.length, ids[i]!, times);
    });
    return batches.map((batch, i) => this.#collect(i, batch.length, ids[i]!));
  }

  #forget(batch: Batch | undefined): void {
    const column = batch?.schema.columns[this.#symbol];
    const symbols = column && batch ? batch.dictionary(column).size + 1 : 0;
    if (this.#batchOf.length < symbols) {
      this.#batchOf = new Int32Array(2 * symbols);
      this.#rowOf = new Int32Array(2 * symbols);
    }
    this.#batchOf.fill(-1);
  }

  #note(batch: number, length: number, ids: Int32Array, times: readonly Int32Array[] | undefined): void {
    const batchOf = this.#batchOf;
    const rowOf = this.#rowOf;
    for (let row = 0; row < length; row++) {
      const slot = ids[row]! + 1; // the id of null is −1
      const best = batchOf[slot]!;
      const isEarlier =
        times !== undefined && best >= 0 && compareInt64(times[batch]!, row, times[best]!, rowOf[slot]!) < 0;
      if (isEarlier) continue;
      batchOf[slot] = batch;
      rowOf[slot] = row;
    }
  }

  #collect(batch: number, length: number, ids: Int32Array): Int32Array {
    const rows = new Int32Array(length);
    let count = 0;
    for (let row = 0; row < length; row++) {
      const slot = ids[row]! + 1;
      if (this.#batchOf[slot] === batch && this.#rowOf[slot] === row) rows[count++] = row;
    }
    return rows.subarray(0, count);
  }
}
