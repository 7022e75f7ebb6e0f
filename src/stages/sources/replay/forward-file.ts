import type { Batch } from '../../../columns/batch.js';
import type { RowPosition } from '../../../formats/file-decoder.js';
import {
  CountedDecoder,
  changedFile,
  type FileCursor,
  type FileReading,
  type InputFile,
  lastTime,
  linesFor,
} from './file-cursor.js';
import type { ReadSizes } from './read-sizes.js';
import type { ForwardPosition } from './replay-position.js';

/** Reads a file from its first row to its last. */
export class ForwardFile implements FileCursor {
  readonly file: InputFile;
  block: Batch | undefined;
  next = 0;
  lines: Int32Array = new Int32Array(0);
  readonly step = 1;
  hasMore = true;
  readonly #reading: FileReading;
  readonly #decoder: CountedDecoder;
  /** Where the block begins. */
  #start: RowPosition;
  /** Rows after the start of the next block that were delivered before. */
  #skip: number;
  /** An earlier run, which may have got further, reported bad rows up to this line (exclusive). */
  readonly #reportedBefore: number;
  /** Time of the last row decoded. */
  #lastNs: bigint | undefined;

  private constructor(
    file: InputFile,
    reading: FileReading,
    decoder: CountedDecoder,
    at: ForwardPosition | undefined,
  ) {
    this.file = file;
    this.#reading = reading;
    this.#decoder = decoder;
    this.#lastNs = at?.previousNs;
    this.#skip = at?.skip ?? 0;
    this.#reportedBefore = at?.reported ?? 0;
    this.#start = this.#nextPosition();
  }

  /** @param at - Where an earlier run stopped. */
  static async open(
    file: InputFile,
    reading: FileReading,
    sizes: ReadSizes,
    at?: ForwardPosition,
  ): Promise<ForwardFile> {
    const wasReported = at && ((line: number) => line < at.reported);
    const { offset = 0, line = 1, previousNs } = at ?? {};
    const resumeAt = offset > 0 ? { offset, line, previousNs } : undefined;
    const settings = { sizes, direction: 'ascending', readsAhead: true, wasReported, resumeAt } as const;
    const decoder = await CountedDecoder.open(file.path, reading, settings);
    return new ForwardFile(file, reading, decoder, at);
  }

  async fill(rows: number): Promise<boolean> {
    this.block?.release();
    this.block = undefined;
    this.next = 0;
    while (this.hasMore) {
      this.#start = this.#nextPosition();
      this.lines = linesFor(rows, this.lines);
      const block = this.#reading.blocks.acquire(rows);
      try {
        this.hasMore = await this.#decoder.read(block, this.lines);
        if (!this.hasMore) this.#decoder.closeMeanwhile();
      } catch (error) {
        block.release();
        throw error;
      }
      this.#lastNs = lastTime(block) ?? this.#lastNs;
      this.next = Math.min(this.#skip, block.length);
      this.#skip -= this.next;
      if (this.next < block.length) {
        this.block = block;
        return true;
      }
      block.release();
      if (this.#reading.isStopped()) return false;
    }
    if (this.#skip > 0) throw changedFile(this.file.path, `${this.#skip} more rows`);
    return false;
  }

  position(): ForwardPosition {
    const isBetween = this.block === undefined || this.next === this.block.length;
    return {
      ...(isBetween ? this.#nextPosition() : this.#start),
      skip: isBetween ? this.#skip : this.next,
      reported: Math.max(this.#reportedBefore, this.#decoder.decoder.position().line),
    };
  }

  async close(): Promise<void> {
    this.block?.release();
    this.block = undefined;
    await this.#decoder.close();
  }

  /** Position of the next row for the decoder. */
  #nextPosition(): RowPosition {
    const position = this.#decoder.decoder.position();
    return { ...position, previousNs: position.previousNs ?? this.#lastNs };
  }
}
