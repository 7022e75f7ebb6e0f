import type { Batch } from '../columns/batch.js';
import type { Schema } from '../columns/schema.js';
import type { PlanProblems } from '../engine/factories.js';
import type { StageContext } from '../engine/stage.js';
import type { FileBytes } from './file-bytes.js';

/** A format of recorded files: plans the schema from its options, and opens decoders. */
export interface FileFormat<Options> {
  plan(options: Options, problems: PlanProblems): Schema;
  /**
   * @param context - Batches have room for at most its `batchRows`.
   * @param direction - Default: `ascending`.
   * @param bytes - The opened file, at its front. The decoder owns it, and closes it if this throws. If
   *   omitted, the file is opened.
   * @throws {RuntimeError} if the file cannot be opened, or does not match the options.
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
export interface RowPosition {
  /** Offset in the unpacked file. */
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
  /** Time of the row before it in the file, ns since 1970; `undefined` for the first row. */
  readonly previousNs?: bigint | undefined;
}

/** The order of times in a file. */
export type FileDirection = 'ascending' | 'descending';

/** Decodes one file into batches. */
export interface FileDecoder {
  /**
   * Adds rows until the batch is full, `stopped` says so, or the file ends.
   *
   * @param lines - If given, receives the line on which each row of the batch begins.
   * @returns `false` at the end of the file; even then, the batch may hold rows.
   * @throws {RuntimeError} if nothing more can be read; the rows before were delivered. After a
   *   retryable error, the next read continues with the row that this one could not read; after any
   *   other error, it fails again.
   */
  read(batch: Batch, stopped: () => boolean, lines?: Int32Array): Promise<boolean>;
  /** The place of the next row. */
  position(): RowPosition;
  /** Continues at a row. Called before a `read`; more than once if a file is read in blocks. */
  resume(place: RowPosition): Promise<void>;
  readonly rowsRejected: number;
  /** Bytes read so far, unpacked. */
  readonly bytesIn: number;
  close(): Promise<void>;
}
