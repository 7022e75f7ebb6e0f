import type { OutputFile } from '../../outputs/output-file.js';
import type { ColumnBuffer } from './column-buffer.js';
import { type ChunkMetadata, serializeRowGroup } from './metadata.js';
import type { PageWriter } from './page-writer.js';
import type { Scratch } from './scratch.js';

/** What encodes the columns of a row group, and where they go. */
export interface RowGroupWriting {
  readonly file: OutputFile;
  readonly pages: PageWriter;
  readonly codec: number;
  /** With room for the rows. */
  readonly scratch: Scratch;
}

/**
 * Closes a row group: encodes the rows in the buffers and writes them, column by column.
 *
 * @returns Its entry for the footer.
 */
export async function closeRowGroup(
  rows: number,
  buffers: readonly ColumnBuffer[],
  { file, pages, codec, scratch }: RowGroupWriting,
): Promise<Uint8Array> {
  const chunks: ChunkMetadata[] = [];
  for (const buffer of buffers) {
    pages.begin();
    const facts = buffer.encode(rows, pages, scratch);
    const { column } = buffer;
    chunks.push({ column, codec, values: rows, ...facts, ...pages.facts(file.bytes) });
    await file.write(pages.out.view());
  }
  return serializeRowGroup(rows, chunks);
}
