import type { Batch } from '../../../columns/batch.js';
import { readNanos } from '../../../columns/int64.js';
import { eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { Rejects } from '../../../engine/rejects.js';
import type { StageContext } from '../../../engine/stage.js';
import { type FileBytes, openFileBytes } from '../../../formats/file-bytes.js';
import type { FileDecoder, FileDirection, RowPlace } from '../../../formats/file-decoder.js';
import type { Descriptors, FileIdentity } from '../../../formats/lent-descriptors.js';
import type { BlockPools } from './block-pools.js';
import type { ReadSizes } from './read-sizes.js';
import type { FilePlace } from './replay-position.js';
import { UnreportedRejects } from './reported-rejects.js';
import type { LineStep } from './row-lines.js';

/** A file among those that are listed. */
export interface InputFile {
  readonly path: string;
  /** Its number in the list, from 0. */
  readonly rank: number;
}

/** What all files of a replay are read with. */
export interface FileReading {
  readonly schema: Schema;
  readonly context: StageContext;
  readonly descriptors: Descriptors;
  readonly blocks: BlockPools;
  readonly tally: ReadTally;
  readonly heldRows: HeldRows;
  readonly isStopped: () => boolean;
  /** Makes the decoder of a file of the format that the options name. */
  openDecoder(
    path: string,
    context: StageContext,
    direction: FileDirection,
    bytes: FileBytes,
  ): Promise<FileDecoder>;
}

/** What was read so far, of all files together. */
export interface ReadTally {
  rowsRejected: number;
  bytesIn: number;
}

/** Bytes of rows that are held in memory to be turned round, of all files together. */
export interface HeldRows {
  bytes: number;
}

/**
 * Goes through the rows of one file in the order in which they are wanted: decodes a block of them,
 * and knows where the next one stands.
 */
export interface FileCursor {
  readonly file: InputFile;
  /** Rows `next` to its length are still to come. Taken away by who hands it on as a whole. */
  block: Batch | undefined;
  next: number;
  /** Line of each row of the block. */
  readonly lines: Int32Array;
  readonly step: LineStep;
  /** Whether rows may follow those of the block. */
  readonly hasMore: boolean;
  /**
   * Decodes the next block, of at most `rows` rows, after the last one was used up. Called again after
   * an error that may pass, it goes on.
   * @returns Whether there is a row: `false` at the end of the file, or after a stop.
   */
  fill(rows: number): Promise<boolean>;
  /** Where the next row stands. */
  place(): FilePlace;
  close(): Promise<void>;
}

/** A decoder in the hands of a cursor: keeps the tally, and tells each bad row once over all runs. */
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

  /** @param settings - `wasReported`: by line, of an earlier run. `resumeAt`: where it left off. */
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

  /** As the decoder's. */
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

  /** Closes while something else goes on; a later `close` tells how it went. */
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
  /** Of the file that was gone through before. */
  readonly before?: FileIdentity;
  readonly countsBytes?: boolean;
  readonly wasReported?: ((line: number) => boolean) | undefined;
  readonly resumeAt?: RowPlace | undefined;
}

/** Lines of a block of so many rows, in the memory of the last one where it is large enough. */
export const linesFor = (rows: number, before: Int32Array): Int32Array =>
  before.length >= rows ? before : new Int32Array(rows);

/** Time of the last row of a batch, where rows have one. */
export function lastTime({ schema, columns, length }: Batch): bigint | undefined {
  const time = eventTimeIndex(schema);
  if (length === 0 || time < 0) return undefined;
  return readNanos(columns[time] as Int32Array, length - 1);
}

/** A file that has fewer rows than were read from it before. */
export const changedFile = (path: string, expected: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${path}: expected ${expected}, as they were read before, found the end of the file: it has changed`,
  );
