import type { Batch } from '../../../columns/batch.js';
import { findColumn } from '../../../columns/schema.js';
import { extentOf } from '../../../columns/selection.js';

/** The prices of rows, without those of trades that do not come from the market: rows without a price are left out. */
export class MarketPrices {
  /** For batches with such trades. Grows, and is used again by the next one. */
  #masked = new Float64Array(0);

  /** @returns The column itself if there are none. Else an array that is valid until the next call. */
  of(batch: Batch, price: string): Float64Array {
    const prices = batch.float64(price);
    if (findColumn(batch.schema, 'offMarket')?.type !== 'boolean') return prices;
    const flags = batch.uint8('offMarket');
    const rows = extentOf(batch);
    const first = flags.indexOf(1);
    if (first < 0 || first >= rows) return prices;
    if (this.#masked.length < rows) this.#masked = new Float64Array(2 * rows);
    this.#masked.set(prices.subarray(0, rows));
    for (let row = first; row < rows; row++) if (flags[row] === 1) this.#masked[row] = Number.NaN;
    return this.#masked;
  }
}
