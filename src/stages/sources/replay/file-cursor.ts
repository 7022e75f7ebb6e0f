import type { Batch } from '../../../columns/batch.js';
import { readNanos } from '../../../columns/int64.js';
import { eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { Rejects } from '../../../engine/rejects.js';
import type { StageContext } from '../../../engine/stage.js';
import { type FileBytes, openFileBytes } from '../../../formats/file-bytes.js';
import type { FileDecoder, FileDirection, RowPosition } from '../../../formats/file-decoder.js';
import type { Descriptors, FileIdentity } from '../../../formats/lent-descriptors.js';
import type { BlockPools } from './block-pools.js';
import type { ReadSizes } from './read-sizes.js';
import type { PositionInFile } from './replay-position.js';
import { UnreportedRejects } from './reported-rejects.js';
import type { LineStep } from './row-lines.js';

/** One of the listed files. */
export interface InputFile {
  readonly path: string;
  /** Index in the list, from 0. */
  readonly rank: number;
}

/** What the readers of all files share. */
export interface FileReading {
  readonly schema: Schema;
  readonly context: StageContext;
  readonly descriptors: Descriptors;
  readonly blocks: BlockPools;
  readonly tally: ReadTally;
  readonly heldRows: HeldRows;
  readonly isStopped: () => boolean;
  /** Creates the decoder for a file in the format from the options. */
  openDecoder(
    path: string,
    context: StageContext,
    direction: FileDirection,
    bytes: FileBytes,
  ): Promise<FileDecoder>;
}

/** Totals over all files. */
export interface ReadTally {
  rowsRejected: number;
  bytesIn: number;
}

/** Bytes of rows held in memory to be reversed, over all files. */
export interface HeldRows {
  bytes: number;
}

/**
 * Reads the rows of one file in event-time order: decodes one block at a time, and knows the position of
 * the next row.
 */
export interface FileCursor {
  readonly file: InputFile;
  /** Rows from `next` on are still to come. Removed by a caller that passes the block on as a whole. */
  block: Batch | undefined;
  next: number;
  /** Line of each row of the block. */
  readonly lines: Int32Array;
  readonly step: LineStep;
  /** Whether rows may follow those of the block. */
  readonly hasMore: boolean;
  /**
   * Decodes the next block, of at most `rows` rows, after the last one was used up. May be called again
   * after an error that can pass; it then continues.
   *
   * @returns Whether there is a row: `false` at the end of the file or after a stop.
   */
  fill(rows: number): Promise<boolean>;
  /** Position of the next row. */
  position(): PositionInFile;
  close(): Promise<void>;
}

/** The decoder of a cursor: keeps the tally, and reports each bad row only once over all runs. */
export class CountedDecoder {
  readonly decoder: FileDecoder;
  readonly #reading: FileReading;
  readonly #rejects: UnreportedRejects | undefined;
  #closing: Promise<void> | undefined;

  private constructor(decoder: FileDecoder, reading: FileReading, rejects: UnreportedRejects | undefined) {
    this.decoder = decoder;
    this.#reading = reading;
    this.#rejects = rejects;
  }

  /**
   * @param settings - `wasReported`: whether an earlier run reported the bad row at a line. `resumeAt`:
   *   where that run stopped.
   */
  static async open(
    path: string,
    reading: FileReading,
    {
      sizes,
      direction,
      readsAhead,
      before,
      countsBytes = true,
      wasReported,
      resumeAt,
    }: CountedDecoderSettings,
  ): Promise<CountedDecoder> {
    const { descriptors, context, tally } = reading;
    const { chunkBytes } = sizes;
    const bytes = await openFileBytes(path, { descriptors, chunkBytes, readsAhead, before });
    const unreported = wasReported && new UnreportedRejects(context.rejects, wasReported);
    const rejects: Rejects = unreported ?? context.rejects;
    const decoder = await reading.openDecoder(path, { ...context, rejects }, direction, bytes);
    try {
      if (resumeAt) await decoder.resume(resumeAt);
    } catch (error) {
      await decoder.close();
      throw error;
    }
    if (countsBytes) tally.bytesIn += decoder.bytesIn;
    return new CountedDecoder(decoder, reading, unreported);
  }

  /** Like the decoder's `read`. */
  async read(batch: Batch, lines: Int32Array, countsBytes = true): Promise<boolean> {
    const { decoder } = this;
    const { tally, isStopped } = this.#reading;
    const bytesBefore = decoder.bytesIn;
    const rejectedBefore = this.#rowsRejected();
    try {
      return await decoder.read(batch, isStopped, lines);
    } finally {
      tally.rowsRejected += this.#rowsRejected() - rejectedBefore;
      if (countsBytes) tally.bytesIn += decoder.bytesIn - bytesBefore;
    }
  }

  /** May be called more than once. */
  close(): Promise<void> {
    this.#closing ??= this.decoder.close();
    return this.#closing;
  }

  /** Starts closing without waiting; a later `close` returns the result. */
  closeMeanwhile(): void {
    this.close().catch(() => {});
  }

  #rowsRejected(): number {
    return this.decoder.rowsRejected - (this.#rejects?.passedOver ?? 0);
  }
}

export interface CountedDecoderSettings {
  readonly sizes: ReadSizes;
  readonly direction: FileDirection;
  readonly readsAhead: boolean;
  /** Identity of the file when it was scanned before. */
  readonly before?: FileIdentity;
  readonly countsBytes?: boolean;
  readonly wasReported?: ((line: number) => boolean) | undefined;
  readonly resumeAt?: RowPosition | undefined;
}

/** Memory for the lines of a block; reuses that of the last block if it is large enough. */
export const linesFor = (rows: number, before: Int32Array): Int32Array =>
  before.length >= rows ? before : new Int32Array(rows);

/** Time of the last row of a batch, if its rows have times. */
export function lastTime({ schema, columns, length }: Batch): bigint | undefined {
  const time = eventTimeIndex(schema);
  if (length === 0 || time < 0) return undefined;
  return readNanos(columns[time] as Int32Array, length - 1);
}

/** Error for a file that has fewer rows than were read from it before. */
export const changedFile = (path: string, expected: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${path}: expected ${expected}, as they were read before, found the end of the file: it has changed`,
  );
