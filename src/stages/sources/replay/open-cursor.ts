import { BackwardFile } from './backward-file.js';
import { indexBlocks } from './block-index.js';
import type { FileCursor, FileReading } from './file-cursor.js';
import type { TimedFile } from './files-in-time.js';
import { ForwardFile } from './forward-file.js';
import { HeldFile } from './held-file.js';
import type { ReadSizes } from './read-sizes.js';
import { isBackward, type PositionInFile } from './replay-position.js';

/**
 * Opens a file for reading in the direction in which its times rise.
 *
 * @param position - Where an earlier run stopped, reading in the same direction.
 * @returns `undefined` after a stop.
 */
export async function openCursor(
  file: TimedFile,
  reading: FileReading,
  sizes: ReadSizes,
  position: PositionInFile | undefined,
): Promise<FileCursor | undefined> {
  const backward = position && isBackward(position) ? position : undefined;
  if (file.direction === 'ascending') {
    return ForwardFile.open(file, reading, sizes, position && !isBackward(position) ? position : undefined);
  }
  if (file.isPacked) return HeldFile.open(file, reading, sizes, backward);
  const rowsMax = backward?.left ?? Number.POSITIVE_INFINITY;
  const index = file.index ?? (await indexBlocks(file.path, reading, sizes, rowsMax));
  return index && BackwardFile.open(file, reading, sizes, index, backward);
}
