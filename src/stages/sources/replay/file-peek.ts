import { Batch } from '../../../columns/batch.js';
import { DictionarySet } from '../../../columns/dictionary.js';
import { compareInt64, readNanos } from '../../../columns/int64.js';
import { eventTimeIndex } from '../../../columns/schema.js';
import { isRetryable } from '../../../core/errors.js';
import { openFileBytes } from '../../../formats/file-bytes.js';
import type { FileDirection } from '../../../formats/file-decoder.js';
import type { FileReading } from './file-cursor.js';
import { IGNORED_REJECTS } from './reported-rejects.js';

const ROWS_MAX = 1_000;
/** Rows read before each check whether the direction is clear. */
const ROWS_AT_A_TIME = 100;
/** Number of rises and falls that make it clear. */
const STEPS_ENOUGH = 50;
const CHUNK_BYTES = 16_384;
/** A file runs backwards if time falls at least this many times as often as it rises. */
const FALLS_PER_RISE = 8;

/** What the first rows of a file show. */
export interface FilePeek {
  readonly isPacked: boolean;
  readonly direction: FileDirection;
  /** Time of the first row; `undefined` if no row could be read. */
  readonly firstNs: bigint | undefined;
  /** Whether the file has no rows at all, neither good nor bad. */
  readonly isEmpty: boolean;
}

/**
 * Reads the first rows of a file, at most a thousand, to find their time and direction. Keeps nothing:
 * strings get no ids, and bad rows are reported later, when they are read for real.
 *
 * @throws {RuntimeError} if the file cannot be opened or its header is not as expected. A problem further
 *   in is reported when the file is read, unless the error may pass.
 */
export async function peekFile(path: string, reading: FileReading): Promise<FilePeek> {
  const { steps, ...peek } = await lookInto(path, reading, 'ascending');
  // When a clock repeats an hour, falling times seem to rise unless they are read as descending.
  const isDescending =
    steps.direction === 'descending' ||
    (steps.isUnclear && !(await lookInto(path, reading, 'descending')).steps.hasRises);
  return { ...peek, direction: isDescending ? 'descending' : 'ascending' };
}

async function lookInto(
  path: string,
  reading: FileReading,
  direction: FileDirection,
): Promise<Omit<FilePeek, 'direction'> & { readonly steps: TimeSteps }> {
  const { schema, context, descriptors, isStopped, openDecoder } = reading;
  const dictionaries = new DictionarySet();
  const quiet = { ...context, dictionaries, rejects: IGNORED_REJECTS, batchRows: ROWS_AT_A_TIME };
  const bytes = await openFileBytes(path, { descriptors, chunkBytes: CHUNK_BYTES, readsAhead: false });
  const decoder = await openDecoder(path, quiet, direction, bytes);
  try {
    const batch = new Batch(schema, ROWS_AT_A_TIME, dictionaries);
    const times = batch.columns[eventTimeIndex(schema)] as Int32Array;
    const steps = new TimeSteps();
    let firstNs: bigint | undefined;
    let rows = 0;
    let isReadable = true;
    // Bad rows count as well, so that a file with nothing else is not read to its end.
    const isEnough = () => isStopped() || rows + decoder.rowsRejected >= ROWS_MAX;
    for (let hasMore = true; hasMore && !isEnough() && steps.count < STEPS_ENOUGH; ) {
      batch.length = 0;
      hasMore = await decoder.read(batch, isEnough).catch((error: unknown) => {
        if (isRetryable(error)) throw error;
        isReadable = false;
        return false;
      });
      if (batch.length > 0) firstNs ??= readNanos(times, 0);
      steps.note(times, batch.length);
      rows += batch.length;
    }
    const isEmpty = isReadable && rows + decoder.rowsRejected === 0;
    return { isPacked: bytes.isPacked, steps, firstNs, isEmpty };
  } finally {
    await decoder.close();
  }
}

/** Counts how often times rise and fall from row to row; equal times do not count. */
export class TimeSteps {
  #rises = 0;
  #falls = 0;
  #equals = 0;
  #last: Int32Array | undefined;

  get count(): number {
    return this.#rises + this.#falls;
  }

  /** The direction of most steps. A single fall among equal times is just a row out of order. */
  get direction(): FileDirection {
    const isDescending =
      this.#rises === 0
        ? this.#falls > 1 || (this.#falls === 1 && this.#equals === 0)
        : this.#falls >= FALLS_PER_RISE * this.#rises;
    return isDescending ? 'descending' : 'ascending';
  }

  /** Whether most steps fall, but too few to be sure. */
  get isUnclear(): boolean {
    return this.#rises > 0 && this.#falls > this.#rises && this.direction === 'ascending';
  }

  get hasRises(): boolean {
    return this.#rises > 0;
  }

  /** Adds the times of the next rows. */
  note(times: Int32Array, rows: number): void {
    if (rows === 0) return;
    if (this.#last) this.#step(times, 0, this.#last, 0);
    for (let row = 1; row < rows; row++) this.#step(times, row, times, row - 1);
    this.#last = times.slice(2 * rows - 2, 2 * rows);
  }

  #step(times: Int32Array, row: number, before: Int32Array, rowBefore: number): void {
    const step = compareInt64(times, row, before, rowBefore);
    if (step > 0) this.#rises++;
    else if (step < 0) this.#falls++;
    else this.#equals++;
  }
}
