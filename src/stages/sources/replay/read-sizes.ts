import { bytesPerRow, type Schema } from '../../../columns/schema.js';
import { CHUNK_BYTES, CHUNK_BYTES_MIN } from '../../../formats/file-bytes.js';

/** Limit for the chunks of all open files, in bytes. Buffers around them take about three times as much. */
const CHUNKS_BYTES_MAX = 32 * 1_048_576;
/** Limit for the decoded rows of all open files, in bytes. */
const ROWS_BYTES_MAX = 32 * 1_048_576;
const ROWS_MIN = 64;

/** How much of each file is held in memory. */
export interface ReadSizes {
  readonly chunkBytes: number;
  /** Rows decoded ahead: `batchRows`, halved as often as needed. */
  readonly rows: number;
}

/** Divides memory among the open files, so that the total stays bounded. */
export function readSizes(filesOpen: number, batchRows: number, schema: Schema): ReadSizes {
  const rowBytes = bytesPerRow(schema) + Int32Array.BYTES_PER_ELEMENT; // with its line
  let chunkBytes = CHUNK_BYTES;
  while (chunkBytes > CHUNK_BYTES_MIN && chunkBytes * filesOpen > CHUNKS_BYTES_MAX) chunkBytes /= 2;
  let rows = batchRows;
  while (rows > ROWS_MIN && rows * rowBytes * filesOpen > ROWS_BYTES_MAX) rows = Math.ceil(rows / 2);
  return { chunkBytes, rows };
}
