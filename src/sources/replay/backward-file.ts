import type { Batch } from '../../core/batch.js';
import type { RowPlace } from '../file-decoder.js';
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
import type { BackwardPlace } from './replay-position.js';
import { reverseRows } from './reverse-rows.js';

/**
 * A plain file from its last row to its first, where the newest row comes first: its blocks are
 * decoded from the last one on, and each is turned round.
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
  /** Rows at the front of the file that were not decoded yet. */
  #left: number;
  /** Bad rows were told from this line on. */
  #reported: number;
  /** Where bad rows stand behind the last block, until they were told. */
  #tail: RowPlace | undefined;

  private constructor(
    file: InputFile,
    reading: FileReading,
    decoder: CountedDecoder,
    index: BlockIndex,
    at: BackwardPlace | undefined,
  ) {
    this.file = file;
    this.#reading = reading;
    this.#decoder = decoder;
    this.#index = index;
    this.#left = at?.left ?? index.rows;
    this.#reported = at?.reported ?? Number.MAX_SAFE_INTEGER;
    if (this.#left === index.rows) this.#tail = index.tail;
  }

  /** @param index - With the rows that are left, at least. */
  static async open(
    file: InputFile,
    reading: FileReading,
    sizes: ReadSizes,
    index: BlockIndex,
    at?: BackwardPlace,
  ): Promise<BackwardFile> {
    if (at?.left != null && index.rows < at.left) throw changedFile(file.path, `${at.left} rows`);
    const decoder = await CountedDecoder.open(file.path, reading, {
      sizes,
      direction: 'descending',
      readsAhead: false,
      before: index.identity,
      countsBytes: false,
      wasReported: at && ((line) => line >= at.reported),
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
    const { blockRows, places, end } = this.#index;
    if (this.#tail) await this.#readTail(this.#tail);
    const number = Math.ceil(this.#left / blockRows) - 1;
    const rows = this.#left - number * blockRows;
    const place = places[number]!;
    const block = await this.#readBlock(number, rows);
    const behind = places[number + 1] ?? end;
    this.#reading.tally.bytesIn += behind.offset - place.offset;
    this.#left -= rows;
    this.#reported = Math.min(this.#reported, place.line); // an earlier run may have been further
    block.length = rows;
    reverseRows(block, this.lines);
    this.block = block;
    return true;
  }

  place(): BackwardPlace {
    const held = this.block === undefined ? 0 : this.block.length - this.next;
    return { left: this.#left + held, reported: this.#reported };
  }

  async close(): Promise<void> {
    this.block?.release();
    this.block = undefined;
    await this.#decoder.close();
  }

  /** Goes through it to its end, after a stop too: some of its bad rows may have been told. */
  async #readBlock(number: number, rows: number): Promise<Batch> {
    const { blockRows, places } = this.#index;
    this.lines = linesFor(blockRows, this.lines);
    const block = this.#reading.blocks.acquire(blockRows);
    try {
      await this.#decoder.decoder.resume(places[number]!);
      let hasMore = true;
      // Read on where the decoder stopped at a bad row: it says so the second time.
      while (hasMore && block.length < rows) hasMore = await this.#decoder.read(block, this.lines, false);
      if (block.length < rows) {
        throw changedFile(this.file.path, `${rows} rows from line ${places[number]!.line} on`);
      }
      return block;
    } catch (error) {
      block.release();
      throw error;
    }
  }

  async #readTail(tail: RowPlace): Promise<void> {
    const { blockRows } = this.#index;
    const spare = this.#reading.blocks.acquire(blockRows);
    try {
      this.lines = linesFor(blockRows, this.lines);
      await this.#decoder.decoder.resume(tail);
      let hasMore = true;
      while (hasMore && spare.length === 0) hasMore = await this.#decoder.read(spare, this.lines, false);
      this.#tail = undefined;
    } finally {
      spare.release();
    }
  }
}
