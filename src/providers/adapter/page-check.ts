import type { Batch } from '../../columns/batch.js';
import { readEpochMillis, readSubMillis } from '../../columns/int64.js';
import { columnIndex, type Schema } from '../../columns/schema.js';

/**
 * Checks the pages of one symbol of a history: whose rows they have, from when, and in what order. Allocates nothing
 * for a row.
 */
export class PageCheck {
  readonly #timeAt: number;
  readonly #symbolAt: number;
  readonly #symbol: number;
  readonly #fromMs: number;
  readonly #toMs: number;
  /** The time of the last row. */
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastSub = 0;

  /**
   * @param symbol - Its id.
   * @param fromMs - The first instant, in ms since 1970.
   * @param toMs - The end, which is no part of it, in ms since 1970.
   */
  constructor(schema: Schema, symbol: number, fromMs: number, toMs: number) {
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
    this.#symbol = symbol;
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  /** Looks at the next rows. @returns What was expected of them, if they are not so. */
  complaint(batch: Batch): string | undefined {
    const times = batch.columns[this.#timeAt] as Int32Array;
    const symbols = batch.columns[this.#symbolAt] as Int32Array;
    for (let row = 0; row < batch.length; row++) {
      if (symbols[row] !== this.#symbol) return 'rows of the symbol that was asked for';
      const ms = readEpochMillis(times, row);
      if (ms < this.#fromMs || ms >= this.#toMs) {
        return `rows from ${this.#fromMs} ms until before ${this.#toMs} ms`;
      }
      const sub = readSubMillis(times, row);
      if (ms < this.#lastMs || (ms === this.#lastMs && sub < this.#lastSub)) return 'rows in order of time';
      this.#lastMs = ms;
      this.#lastSub = sub;
    }
    return undefined;
  }
}
