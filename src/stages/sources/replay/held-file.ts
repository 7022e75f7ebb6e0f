import type { Batch } from '../../../columns/batch.js';
import { bytesPerRow, type Schema } from '../../../columns/schema.js';
import { isRetryable, PipelineError } from '../../../core/errors.js';
import {
  CountedDecoder,
  changedFile,
  type FileCursor,
  type FileReading,
  type InputFile,
} from './file-cursor.js';
import type { ReadSizes } from './read-sizes.js';
import type { BackwardPosition, LineRange } from './replay-position.js';
import { toldBackwards } from './reported-rejects.js';
import { reverseRows } from './reverse-rows.js';

/** Limit for rows held to be reversed, over all open files. */
const HELD_MB_MAX = 128;
export const HELD_BYTES_MAX = HELD_MB_MAX * 1_048_576;

/** Bytes that this many rows take, including their lines. */
export const heldBytes = (rows: number, schema: Schema): number =>
  rows * (bytesPerRow(schema) + Int32Array.BYTES_PER_ELEMENT);

interface HeldBlock {
  readonly batch: Batch;
  readonly lines: Int32Array;
}

/**
 * Reads a packed file whose newest row comes first, from its last row to its first. A position inside a
 * packed file can only be reached from the front, so all rows are decoded and held.
 */
export class HeldFile implements FileCursor {
  readonly file: InputFile;
  block: Batch | undefined;
  next = 0;
  lines: Int32Array = new Int32Array(0);
  readonly step = -1;
  readonly #reading: FileReading;
  readonly #decoder: CountedDecoder;
  /** Rows at the front that are still to be delivered; `null` until they are counted. */
  #left: number | null;
  /** Bad rows were reported from this line on. */
  #reported: number;
  /** Blocks in the order of the file; `undefined` until all are decoded. */
  #held: HeldBlock[] | undefined;
  /** The blocks that are decoded so far. */
  #decoded: HeldBlock[] = [];
  #hasMoreToDecode = true;
  /** Ranges of earlier lines whose bad rows were reported. */
  readonly #told: readonly LineRange[];
  #hasBegun = false;
  /** After a permanent failure every call fails: the decoder has read past rows that were released. */
  #failure: { readonly error: unknown } | undefined;

  private constructor(
    file: InputFile,
    reading: FileReading,
    decoder: CountedDecoder,
    at: BackwardPosition | undefined,
  ) {
    this.file = file;
    this.#reading = reading;
    this.#decoder = decoder;
    this.#left = at?.left ?? null;
    this.#reported = at?.reported ?? Number.MAX_SAFE_INTEGER;
    this.#told = at?.told ?? [];
  }

  static async open(
    file: InputFile,
    reading: FileReading,
    sizes: ReadSizes,
    at?: BackwardPosition,
  ): Promise<HeldFile> {
    const wasReported = at && toldBackwards(at);
    const settings = { sizes, direction: 'descending', readsAhead: true, wasReported } as const;
    return new HeldFile(file, reading, await CountedDecoder.open(file.path, reading, settings), at);
  }

  get hasMore(): boolean {
    return this.#held === undefined || this.#held.length > 0;
  }

  async fill(rows: number): Promise<boolean> {
    this.#releaseBlock();
    if (!this.#held && !(await this.#decodeAll(rows))) return false;
    const held = this.#held?.pop();
    if (!held) return false;
    this.block = held.batch;
    this.lines = held.lines;
    reverseRows(held.batch, held.lines);
    this.#reading.heldRows.bytes -= heldBytes(held.batch.capacity, this.#reading.schema);
    return true;
  }

  position(): BackwardPosition {
    if (!this.#held) {
      const told = [...this.#told];
      if (this.#hasBegun) told.push([0, this.#decoder.decoder.position().line]);
      return { left: this.#left, reported: this.#reported, ...(told.length > 0 && { told }) };
    }
    let left = this.block === undefined ? 0 : this.block.length - this.next;
    for (const { batch } of this.#held) left += batch.length;
    return { left, reported: this.#reported };
  }

  async close(): Promise<void> {
    this.#releaseBlock();
    this.#releaseHeld(this.#held ?? this.#decoded);
    this.#held = [];
    await this.#decoder.close();
  }

  /** @returns Whether it reached the end; `false` after a stop. */
  async #decodeAll(rows: number): Promise<boolean> {
    if (this.#failure) throw this.#failure.error;
    const decoded = this.#decoded;
    try {
      const isWhole = await this.#decodeOn(decoded, rows);
      if (!isWhole) return false;
    } catch (error) {
      if (isRetryable(error)) throw error;
      this.#failure = { error };
      this.#decoded = [];
      this.#releaseHeld(decoded);
      throw error;
    }
    while (decoded.at(-1)?.batch.length === 0) this.#releaseHeld(decoded.splice(-1));
    this.#held = decoded;
    this.#reported = 0;
    this.#decoder.closeMeanwhile();
    return true;
  }

  async #decodeOn(decoded: HeldBlock[], rows: number): Promise<boolean> {
    const { isStopped } = this.#reading;
    const wanted = this.#left ?? Number.POSITIVE_INFINITY;
    let count = decoded.reduce((sum, { batch }) => sum + batch.length, 0);
    this.#hasBegun = true;
    while (this.#hasMoreToDecode && count < wanted) {
      const next = this.#emptyBlock(decoded, rows);
      this.#hasMoreToDecode = await this.#decoder.read(next.batch, next.lines);
      if (isStopped()) return false;
      next.batch.length = Math.min(next.batch.length, wanted - count);
      count += next.batch.length;
    }
    if (this.#left !== null && count < this.#left) throw changedFile(this.file.path, `${this.#left} rows`);
    return true;
  }

  /** Adds an empty block, or reuses the last one if reading it failed. */
  #emptyBlock(decoded: HeldBlock[], rows: number): HeldBlock {
    const last = decoded.at(-1);
    if (last?.batch.length === 0) return last;
    const { blocks, heldRows, schema } = this.#reading;
    const bytes = heldBytes(rows, schema);
    if (heldRows.bytes + bytes > HELD_BYTES_MAX) throw tooLarge(this.file.path);
    const block = { batch: blocks.acquire(rows), lines: new Int32Array(rows) };
    heldRows.bytes += bytes;
    decoded.push(block);
    return block;
  }

  #releaseHeld(held: readonly HeldBlock[]): void {
    for (const { batch } of held) {
      this.#reading.heldRows.bytes -= heldBytes(batch.capacity, this.#reading.schema);
      batch.release();
    }
  }

  #releaseBlock(): void {
    this.block?.release();
    this.block = undefined;
    this.next = 0;
  }
}

/** Error for more rows than may be held. */
export const tooLarge = (path: string): PipelineError =>
  new PipelineError(
    'INPUT_UNREADABLE',
    `${path}: expected rows in order of time, or at most ${HELD_MB_MAX} MB of them to reverse in memory ` +
      '(over all packed files that run backwards and are open at the same time); found a packed file whose newest ' +
      'row comes first, and more rows. Unpack it (a plain file is read backwards), sort it, or set "order: listed"',
  );
