import type { Batch } from '../columns/batch.js';
import type { Schema } from '../columns/schema.js';
import type { PlanProblems } from '../engine/factories.js';
import type { StageContext } from '../engine/stage.js';
import type { FileBytes } from './file-bytes.js';

/** A format of recorded files: what its options give, and how a file is decoded. */
export interface FileFormat<Options> {
  plan(options: Options, problems: PlanProblems): Schema;
  /**
   * @param context - A batch that is read into has room for its `batchRows` at most.
   * @param direction - `ascending` without it.
   * @param bytes - Of the file, at its front; owned by the decoder, and closed when this throws.
   *   Without them the file is opened.
   * @throws {RuntimeError} when the file cannot be opened or is not what the options say.
   */
  open(
    file: string,
    options: Options,
    context: StageContext,
    direction?: FileDirection,
    bytes?: FileBytes,
  ): Promise<FileDecoder>;
}

/** Where a row begins. */
export interface RowPlace {
  /** Among the bytes of the unpacked file. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** Time of the row before it in the file, ns since 1970; `undefined` for the first row. */
  readonly previousNs?: bigint | undefined;
}

/** How times go in a file. */
export type FileDirection = 'ascending' | 'descending';

/** Decodes one file into batches. */
export interface FileDecoder {
  /**
   * Adds rows until the batch is full, `stopped` says so, or the file ends.
   *
   * @param lines - Is told on which line each row of the batch begins, where given.
   * @returns `false` at the end of the file; the batch may hold rows all the same.
   * @throws {RuntimeError} when nothing more can be read. Rows from before that were delivered. After a
   *   retryable one, the next read goes on with the row that this one could not give; after others, it
   *   fails again.
   */
  read(batch: Batch, stopped: () => boolean, lines?: Int32Array): Promise<boolean>;
  /** Of the row that comes next. */
  position(): RowPlace;
  /** Goes on from a row. Called before a `read`, more than once where a file is read by blocks. */
  resume(place: RowPlace): Promise<void>;
  readonly rowsRejected: number;
  /** Unpacked. */
  readonly bytesIn: number;
  close(): Promise<void>;
}
