import { Batch } from '../../../columns/batch.js';
import { DictionarySet } from '../../../columns/dictionary.js';
import { openFileBytes } from '../../../formats/file-bytes.js';
import type { RowPosition } from '../../../formats/file-decoder.js';
import type { FileIdentity } from '../../../formats/lent-descriptors.js';
import { type FileReading, lastTime } from './file-cursor.js';
import type { ReadSizes } from './read-sizes.js';
import { IGNORED_REJECTS } from './reported-rejects.js';

/** Number of blocks above which the block size is doubled, until a block holds `batchRows` rows. */
const BLOCKS_MAX = 1_024;

/** Where the blocks of a file begin, so that the file can be read from its end. */
export interface BlockIndex {
  /** Identity of the file that was scanned. */
  readonly identity: FileIdentity;
  /** Number of good rows. */
  readonly rows: number;
  /** Rows of each block; the last one may have fewer. */
  readonly blockRows: number;
  readonly positions: readonly RowPosition[];
  /** Place after the last row. */
  readonly end: RowPosition;
  /** Where bad rows after the last block begin, if that block is full. */
  readonly tail: RowPosition | undefined;
  /** Time of the last row: the earliest one in a file that runs backwards. */
  readonly lastNs: bigint | undefined;
}

/**
 * Scans a file that runs backwards, once, without keeping its rows.
 *
 * @param rowsMax - Stops after this many rows: what follows was read before.
 * @returns `undefined` after a stop.
 */
export async function indexBlocks(
  path: string,
  { schema, context, descriptors, isStopped, openDecoder }: FileReading,
  { chunkBytes, rows }: ReadSizes,
  rowsMax = Number.POSITIVE_INFINITY,
): Promise<BlockIndex | undefined> {
  const dictionaries = new DictionarySet();
  const quiet = { ...context, dictionaries, rejects: IGNORED_REJECTS };
  const bytes = await openFileBytes(path, { descriptors, chunkBytes });
  const decoder = await openDecoder(path, quiet, 'descending', bytes);
  try {
    const batch = new Batch(schema, rows, dictionaries);
    let positions: RowPosition[] = [];
    let blockRows = rows;
    let total = 0;
    let lastNs: bigint | undefined;
    for (;;) {
      const position = { ...decoder.position() };
      const rejectedBefore = decoder.rowsRejected;
      batch.length = 0;
      const hasMore = await decoder.read(batch, isStopped);
      if (isStopped()) return undefined;
      if (batch.length > 0 && total % blockRows === 0) {
        positions.push({ ...position, previousNs: position.previousNs ?? lastNs });
      }
      total += batch.length;
      lastNs = lastTime(batch) ?? lastNs;
      if (positions.length > BLOCKS_MAX && blockRows * 2 <= context.batchRows) {
        positions = positions.filter((_, block) => block % 2 === 0);
        blockRows *= 2;
      }
      if (hasMore && total < rowsMax) continue;
      const hasTail = total % blockRows === 0 && decoder.rowsRejected > rejectedBefore && batch.length === 0;
      const tail = hasTail ? { ...position, previousNs: position.previousNs ?? lastNs } : undefined;
      const end = decoder.position();
      return { identity: bytes.identity, rows: total, blockRows, positions, end, tail, lastNs };
    }
  } finally {
    await decoder.close();
  }
}
