import type { Batch } from '../../../columns/batch.js';
import type { RowPosition } from '../../../formats/file-decoder.js';
import type { BlockIndex } from './block-index.js';
import {
  CountedDecoder,
  changedFile,
  type FileCursor,
  type FileReading,
  type InputFile,
  linesFor,
} from './file-cursor.js';
import type { ReadSizes } from './read-sizes.js';
import type { BackwardPosition, LineRange } from './replay-position.js';
import { toldBackwards } from './reported-rejects.js';
import { reverseRows } from './reverse-rows.js';

/**
 * Reads a plain file whose newest row comes first, from its last row to its first. Its blocks are decoded
 * starting with the last one, and each is reversed.
 */
export class BackwardFile implements FileCursor {
  readonly file: InputFile;
  block: Batch | undefined;
  next = 0;
  lines: Int32Array = new Int32Array(0);
  readonly step = -1;
  readonly #reading: FileReading;
  readonly #decoder: CountedDecoder;
  readonly #index: BlockIndex;
  /** Rows at the front of the file that are not decoded yet. */
  #left: number;
  /** Whether the whole file is left, including bad rows after the last good one. */
  #isWhole: boolean;
  /** Bad rows were reported from this line on. */
  #reported: number;
  /** Where bad rows after the last block begin, until they are reported. */
  #tail: RowPosition | undefined;
  /** A block that is being read. Kept if a failure interrupts the reading. */
  #part: { readonly position: RowPosition; readonly rows: Batch } | undefined;
  /** Further line ranges, among the lines that are left, whose bad rows were reported. */
  readonly #told: readonly LineRange[];

  private constructor(
    file: InputFile,
    reading: FileReading,
    decoder: CountedDecoder,
    index: BlockIndex,
    at: BackwardPosition | undefined,
  ) {
    this.file = file;
    this.#reading = reading;
    this.#decoder = decoder;
    this.#index = index;
    this.#left = at?.left ?? index.rows;
    this.#reported = at?.reported ?? Number.MAX_SAFE_INTEGER;
    this.#told = at?.told ?? [];
    this.#isWhole = at?.left == null;
    if (this.#left === index.rows) this.#tail = index.tail;
  }

  /** @param index - Must cover at least the rows that are left. */
  static async open(
    file: InputFile,
    reading: FileReading,
    sizes: ReadSizes,
    index: BlockIndex,
    at?: BackwardPosition,
  ): Promise<BackwardFile> {
    if (at?.left != null && index.rows < at.left) throw changedFile(file.path, `${at.left} rows`);
    const decoder = await CountedDecoder.open(file.path, reading, {
      sizes,
      direction: 'descending',
      readsAhead: false,
      before: index.identity,
      countsBytes: false,
      wasReported: at && toldBackwards(at),
    });
    return new BackwardFile(file, reading, decoder, index, at);
  }

  get hasMore(): boolean {
    return this.#left > 0;
  }

  async fill(): Promise<boolean> {
    this.block?.release();
    this.block = undefined;
    this.next = 0;
    if (this.#left === 0) return false;
    const { blockRows, positions, end } = this.#index;
    if (this.#tail) await this.#readTail(this.#tail);
    const number = Math.ceil(this.#left / blockRows) - 1;
    const rows = this.#left - number * blockRows;
    const position = positions[number]!;
    const block = await this.#readBlock(number, rows);
    const behind = positions[number + 1] ?? end;
    this.#reading.tally.bytesIn += behind.offset - position.offset;
    this.#left -= rows;
    this.#isWhole = false;
    this.#reported = Math.min(this.#reported, position.line); // an earlier run may have got further
    block.length = rows;
    reverseRows(block, this.lines);
    this.block = block;
    return true;
  }

  position(): BackwardPosition {
    const held = this.block === undefined ? 0 : this.block.length - this.next;
    const reported = this.#reported;
    const told = this.#told.filter(([from]) => from < reported);
    if (this.#part) told.push([this.#part.position.line, this.#decoder.decoder.position().line]);
    const left = this.#isWhole ? null : this.#left + held;
    return { left, reported, ...(told.length > 0 && { told }) };
  }

  async close(): Promise<void> {
    this.block?.release();
    this.block = undefined;
    this.#endPart()?.release();
    await this.#decoder.close();
  }

  async #readBlock(number: number, rows: number): Promise<Batch> {
    const position = this.#index.positions[number]!;
    // Reads to the end of the file if the last block reaches it, since bad rows may follow its last row.
    await this.#readPart(position, this.#isWhole ? this.#index.blockRows : rows);
    const block = this.#endPart()!;
    if (block.length >= rows) return block;
    block.release();
    throw changedFile(this.file.path, `${rows} rows from line ${position.line} on`);
  }

  async #readTail(tail: RowPosition): Promise<void> {
    await this.#readPart(tail, 1);
    this.#endPart()?.release();
    this.#reported = Math.min(this.#reported, tail.line);
    this.#tail = undefined;
  }

  /** Reads a block to its end, also after a stop, since some of its bad rows may have been reported. */
  async #readPart(position: RowPosition, rows: number): Promise<void> {
    const { blockRows } = this.#index;
    const { decoder } = this.#decoder;
    if (!this.#part) {
      this.lines = linesFor(blockRows, this.lines);
      await decoder.resume(position);
      this.#part = { position, rows: this.#reading.blocks.acquire(blockRows) };
    }
    const { rows: block } = this.#part;
    // Continue if the decoder stopped at a bad row: it reports the row on the second call.
    for (let hasMore = true; hasMore && block.length < rows; ) {
      hasMore = await this.#decoder.read(block, this.lines, false);
    }
  }

  #endPart(): Batch | undefined {
    const rows = this.#part?.rows;
    this.#part = undefined;
    return rows;
  }
}
