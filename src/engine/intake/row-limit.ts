import type { Batch } from '../../columns/batch.js';
import { packRows, retainRows } from '../../columns/selection.js';
import type { RowBounds, RowProgress } from '../../wire/bounds.js';
import type { ResumePoint } from './resume-point.js';

/** Most rows that a read can give. */
const BATCH_ROWS_MAX = 65_536;

/** Counts the rows that a source gives over all starts of a run, and says where to end by it. */
export class RowLimit {
  #before = 0;
  #toSkip = 0;
  #maxRows = Number.POSITIVE_INFINITY;
  #sliceEndsAt = Number.POSITIVE_INFINITY;

  /** Goes on from a checkpoint, or begins. @param progress - Of the checkpoint. */
  set({ maxRows, sliceRows }: RowBounds, progress: RowProgress = { rowsGiven: 0 }): void {
    this.#before = progress.rowsGiven;
    this.#toSkip = progress.rowsToSkip ?? 0;
    this.#maxRows = maxRows ?? Number.POSITIVE_INFINITY;
    // A slice that was cut short ends where it was to end.
    if (sliceRows !== undefined) this.#sliceEndsAt = progress.sliceEndsAt ?? this.#before + sliceRows;
  }

  /** Whether there is anything to look at. */
  get isSet(): boolean {
    return this.#toSkip > 0 || Number.isFinite(this.#maxRows) || Number.isFinite(this.#sliceEndsAt);
  }

  /** Rows of the next read that were given in an earlier start. */
  get rowsToSkip(): number {
    return this.#toSkip;
  }

  /** What is reached once the source has given so many rows in this start. */
  reachedAt(rowsRead: number): 'run' | 'slice' | undefined {
    const given = this.#before + rowsRead;
    if (given >= this.#maxRows) return 'run';
    return given >= this.#sliceEndsAt ? 'slice' : undefined;
  }

  /** Whether a slice may end within the next read, after so many rows in this start. */
  mayEndSlice(rowsRead: number): boolean {
    return this.#sliceEndsAt - this.#before - rowsRead < BATCH_ROWS_MAX + this.#toSkip;
  }

  /** Takes rows out of a batch that were given in an earlier start. */
  skipFrom(batch: Batch): void {
    const skipped = Math.min(this.#toSkip, batch.length);
    if (skipped === 0) return;
    this.#toSkip -= skipped;
    keepRows(batch, skipped, batch.length);
  }

  /**
   * Leaves no more rows in a batch than may be given.
   *
   * @param rowsRead - Before this batch, in this start.
   * @param mayEndSlice - Whether the rest of a batch can be had again.
   * @returns Whether rows were left out for a slice, with which the next start begins.
   */
  cut(batch: Batch, rowsRead: number, mayEndSlice: boolean): boolean {
    const ofRun = this.#maxRows - this.#before - rowsRead;
    const ofSlice = mayEndSlice ? this.#sliceEndsAt - this.#before - rowsRead : Number.POSITIVE_INFINITY;
    const left = Math.max(0, Math.min(ofRun, ofSlice));
    if (left >= batch.length) return false;
    keepRows(batch, 0, left);
    return ofSlice < ofRun;
  }

  /** What a checkpoint at a point has to say. */
  progressAt({ rowsRead, rowsToSkip }: Pick<ResumePoint, 'rowsRead' | 'rowsToSkip'>): RowProgress {
    const rowsGiven = this.#before + rowsRead;
    const sliceEndsAt = this.#sliceEndsAt;
    return {
      rowsGiven,
      ...(Number.isFinite(sliceEndsAt) && sliceEndsAt > rowsGiven && { sliceEndsAt }),
      ...(rowsToSkip > 0 && { rowsToSkip }),
    };
  }
}

/** Keeps the rows of a range, and the control records before them. */
function keepRows(batch: Batch, from: number, to: number): void {
  packRows(batch);
  const { length } = batch;
  // Records at the end of a batch stand behind all of its rows.
  batch.controls = batch.controls.filter(({ row }) => row >= from && (row < to || to === length));
  const keep = new Uint8Array(length);
  keep.fill(1, from, to);
  retainRows(batch, keep);
}
