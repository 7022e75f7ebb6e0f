import { readEpochMillis, readSubMillis, writeInt64 } from '../../core/int64.js';
import type { Rejects } from '../../pipeline/rejects.js';
import type { BarInput } from './fold-rows.js';

/** What becomes of rows whose window has closed. */
export class LateRows {
  dropped = 0;
  rejected = 0;
  readonly #rejects: Rejects | undefined;

  /** @param rejects - Where they go; without it they are dropped. */
  constructor(rejects: Rejects | undefined) {
    this.#rejects = rejects;
  }

  /**
   * @param ordinal - 1 for the first row that the operator was given.
   * @param notLateNs - The least time that would not have been late.
   * @throws {RuntimeError} when bad rows are to stop the job.
   */
  add(input: BarInput, row: number, symbol: string | null, ordinal: number, notLateNs: bigint): void {
    if (!this.#rejects) {
      this.dropped++;
      return;
    }
    this.rejected++;
    const words = new Int32Array(2);
    writeInt64(words, 0, notLateNs);
    const time = formatTime(input.times.words, row);
    this.#rejects.add({
      file: 'operator bars', // the file of the row is not known this far from the source
      line: ordinal,
      field: 'time',
      expected: `a row at or after ${formatTime(words, 0)}, whose bar is still open`,
      found: `a row of ${time}`,
      raw: JSON.stringify({ time, symbol, price: input.prices[row], size: input.sizes?.[row] }),
    });
  }
}

function formatTime(words: Int32Array, row: number): string {
  const text = new Date(readEpochMillis(words, row)).toISOString();
  return text.replace('Z', `${String(readSubMillis(words, row)).padStart(6, '0')}Z`);
}
