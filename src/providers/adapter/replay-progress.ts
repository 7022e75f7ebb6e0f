import type { Batch } from '../../columns/batch.js';
import { retainRows } from '../../columns/selection.js';
import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';

/**
 * How much of a replay was given. A resumed one plays from the start and leaves this out. Records have no numbers: those
 * are counted that stand behind the last row, and which batch they came in is not the same each time.
 */
export class ReplayProgress {
  #rows = 0;
  /** Records behind the last of these rows. */
  #records = 0;
  #rowsToSkip = 0;
  #recordsToSkip = 0;

  position(): PlainData {
    return { rows: this.#rows, records: this.#records };
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` for what is no position of a replay. */
  resume(position: PlainData, provider: string): void {
    const { rows, records = 0 } = (position ?? {}) as { readonly rows?: unknown; readonly records?: unknown };
    if (!isCount(rows) || !isCount(records)) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Provider "${provider}": expected the position {rows, records} of a replay, found something else`,
      );
    }
    this.#rows = rows;
    this.#records = records;
    this.#rowsToSkip = rows;
    this.#recordsToSkip = records;
  }

  /** Takes out of a batch what was given before, and counts the rest. @returns Whether there is a rest. */
  pass(batch: Batch): boolean {
    const rows = Math.min(this.#rowsToSkip, batch.length);
    this.#rowsToSkip -= rows;
    if (this.#rowsToSkip > 0) return false;
    if (rows > 0 || this.#recordsToSkip > 0) this.#skip(batch, rows);
    if (batch.isEmpty) return false;
    this.#count(batch);
    return true;
  }

  #skip(batch: Batch, rows: number): void {
    const isLast = batch.length === rows;
    batch.controls = batch.controls.filter(({ row }) => {
      if (row !== rows || this.#recordsToSkip === 0) return row >= rows;
      this.#recordsToSkip--;
      return false;
    });
    if (!isLast) this.#recordsToSkip = 0;
    if (rows > 0) retainRows(batch, new Uint8Array(batch.length).fill(1, rows));
  }

  #count({ length, controls }: Batch): void {
    if (length > 0) this.#records = 0;
    for (const { row } of controls) if (row === length) this.#records++;
    this.#rows += length;
  }
}
