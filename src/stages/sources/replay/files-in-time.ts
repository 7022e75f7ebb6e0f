import { type BlockIndex, indexBlocks } from './block-index.js';
import type { FileReading, InputFile } from './file-cursor.js';
import { type FilePeek, peekFile } from './file-peek.js';
import { HELD_BYTES_MAX, heldBytes, tooLarge } from './held-file.js';
import { readSizes } from './read-sizes.js';

/** How many files are peeked at the same time. */
const LANES = 8;

/** A file and when it begins. */
export interface TimedFile extends InputFile, Omit<FilePeek, 'isEmpty'> {
  /** Earliest known time; `undefined` if none of its first rows can be read. */
  readonly firstNs: bigint | undefined;
  /** For a plain file that runs backwards, if it was scanned already. */
  readonly index?: BlockIndex | undefined;
}

/**
 * Peeks at all files and sorts them by their first times, then by their order in the list. Files without
 * a known time come first, so that their problems are reported first. Files without rows are left out: if
 * one has rows at the next run, it counts as new. A file that runs backwards is scanned to its end, where
 * its earliest row is. A single file is not, since it comes first in any case.
 *
 * @returns `undefined` after a stop.
 */
export async function filesInTime(
  paths: readonly string[],
  reading: FileReading,
): Promise<readonly TimedFile[] | undefined> {
  const peeks = await peekAll(paths, reading);
  const files: TimedFile[] = [];
  for (const [rank, path] of paths.entries()) {
    if (reading.isStopped()) return undefined;
    const { isEmpty, ...peek } = peeks[rank]!;
    if (isEmpty) continue;
    const file: TimedFile = { path, rank, ...peek };
    const needsEnd = file.direction === 'descending' && paths.length > 1;
    const found = needsEnd ? await fromItsEnd(file, paths.length, reading) : file;
    if (!found) return undefined;
    files.push(found);
  }
  return reading.isStopped() ? undefined : files.sort(byFirstTime);
}

async function fromItsEnd(
  file: TimedFile,
  files: number,
  reading: FileReading,
): Promise<TimedFile | undefined> {
  const { schema, context } = reading;
  const index = await indexBlocks(file.path, reading, readSizes(files, context.batchRows, schema));
  if (!index) return undefined;
  if (!file.isPacked) return { ...file, firstNs: index.lastNs, index };
  if (heldBytes(index.rows, schema) > HELD_BYTES_MAX) throw tooLarge(file.path);
  return { ...file, firstNs: index.lastNs };
}

/** @throws the error of the first file in the list among those that failed. */
async function peekAll(paths: readonly string[], reading: FileReading): Promise<FilePeek[]> {
  const peeks: FilePeek[] = [];
  let next = 0;
  const failures: { readonly rank: number; readonly error: unknown }[] = [];
  const lane = async () => {
    while (next < paths.length && failures.length === 0 && !reading.isStopped()) {
      const rank = next++;
      try {
        peeks[rank] = await peekFile(paths[rank]!, reading);
      } catch (error) {
        failures.push({ rank, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, paths.length) }, lane));
  const [first] = failures.sort((a, b) => a.rank - b.rank);
  if (first) throw first.error;
  return peeks;
}

function byFirstTime(a: TimedFile, b: TimedFile): number {
  if (a.firstNs === b.firstNs) return a.rank - b.rank;
  if (a.firstNs === undefined) return -1;
  if (b.firstNs === undefined) return 1;
  return a.firstNs < b.firstNs ? -1 : 1;
}
