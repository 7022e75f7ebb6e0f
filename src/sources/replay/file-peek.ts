import { Batch } from '../../core/batch.js';
import { DictionarySet } from '../../core/dictionary.js';
import { compareInt64, readNanos } from '../../core/int64.js';
import { columnIndex } from '../../core/schema.js';
import { openFileBytes } from '../file-bytes.js';
import type { FileDirection } from '../file-decoder.js';
import type { FileReading } from './file-cursor.js';
import { IGNORED_REJECTS } from './reported-rejects.js';

const ROWS_MAX = 1_000;
const CHUNK_BYTES = 65_536;
/** A file runs backwards where there are so many falls of time to a rise. */
const FALLS_PER_RISE = 8;

/** What the first rows of a file tell. */
export interface FilePeek {
  readonly isPacked: boolean;
  readonly direction: FileDirection;
  /** Time of the first row; `undefined` where there is none among those that could be read. */
  readonly firstNs: bigint | undefined;
}

/**
 * Looks at the first rows of a file, at most a thousand, for their time and direction. Keeps nothing:
 * strings get no ids, and bad rows are told when they are read.
 *
 * @throws {RuntimeError} when the file cannot be opened or its header is not as expected. What is wrong
 *   further in is told when it is read.
 */
export async function peekFile(path: string, reading: FileReading): Promise<FilePeek> {
  const { schema, context, descriptors, isStopped, openDecoder } = reading;
  const dictionaries = new DictionarySet();
  const quiet = { ...context, dictionaries, rejects: IGNORED_REJECTS, batchRows: ROWS_MAX };
  const bytes = await openFileBytes(path, { descriptors, chunkBytes: CHUNK_BYTES, readsAhead: false });
  const decoder = await openDecoder(path, quiet, 'ascending', bytes);
  try {
    const batch = new Batch(schema, ROWS_MAX, dictionaries);
    await decoder.read(batch, isStopped).catch(() => {});
    const times = batch.columns[columnIndex(schema, 'time')] as Int32Array;
    return {
      isPacked: bytes.isPacked,
      direction: directionOf(times, batch.length),
      firstNs: batch.length > 0 ? readNanos(times, 0) : undefined,
    };
  } finally {
    await decoder.close();
  }
}

/** How most of the times go; equal ones say nothing. */
export function directionOf(times: Int32Array, rows: number): FileDirection {
  let rises = 0;
  let falls = 0;
  for (let row = 1; row < rows; row++) {
    const step = compareInt64(times, row, times, row - 1);
    if (step > 0) rises++;
    else if (step < 0) falls++;
  }
  return falls > 0 && falls >= FALLS_PER_RISE * rises ? 'descending' : 'ascending';
}
