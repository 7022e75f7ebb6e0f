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
/** Rows that are looked at before it is asked whether they tell the direction. */
const ROWS_AT_A_TIME = 100;
/** Rises and falls that tell it. */
const STEPS_ENOUGH = 50;
const CHUNK_BYTES = 16_384;
/** A file runs backwards where there are so many falls of time to a rise. */
const FALLS_PER_RISE = 8;

/** What the first rows of a file tell. */
export interface FilePeek {
  readonly isPacked: boolean;
  readonly direction: FileDirection;
  /** Time of the first row; `undefined` where there is none among those that could be read. */
  readonly firstNs: bigint | undefined;
  /** Whether it ends without a row, good or bad. */
  readonly isEmpty: boolean;
}

/**
 * Looks at the first rows of a file, at most a thousand, for their time and direction. Keeps nothing:
 * strings get no ids, and bad rows are told when they are read.
 *
 * @throws {RuntimeError} when the file cannot be opened or its header is not as expected. What is wrong
 *   further in is told when it is read, unless it may pass.
 */
export async function peekFile(path: string, reading: FileReading): Promise<FilePeek> {
  const { steps, ...peek } = await lookInto(path, reading, 'ascending');
  // Through an hour that a clock shows twice, times that fall seem to rise, unless they are read as such.
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
    // Bad rows count: a file of nothing else is not gone through to its end.
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

/** Counts how often times rise and fall from row to row; equal ones say nothing. */
export class TimeSteps {
  #rises = 0;
  #falls = 0;
  #equals = 0;
  #last: Int32Array | undefined;

  get count(): number {
    return this.#rises + this.#falls;
  }

  /** How most of them go. One fall among equal times is a row in disorder. */
  get direction(): FileDirection {
    const isDescending =
      this.#rises === 0
        ? this.#falls > 1 || (this.#falls === 1 && this.#equals === 0)
        : this.#falls >= FALLS_PER_RISE * this.#rises;
    return isDescending ? 'descending' : 'ascending';
  }

  /** Whether most fall, but not so many that it would be sure. */
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
