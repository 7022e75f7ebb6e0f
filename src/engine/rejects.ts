import { type BadRow, InvalidRowError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';

/**
 * Handles bad rows. Either the first one stops the job, or they are kept in a dead-letter file together
 * with the reason.
 */
export interface Rejects {
  /**
   * Adds a bad row. If it throws, the row was not added: add it again when it is read again.
   *
   * @throws {InvalidRowError} if bad rows stop the job.
   * @throws {PipelineError} `REJECTS_EXHAUSTED` if there are more than the spec allows; `OUTPUT_FAILED`
   *   if earlier rows cannot be written.
   */
  add(row: BadRow): void;
  /** Whether `add` keeps rows and returns. */
  readonly keepsRows: boolean;
  /** Writes what was added. A stage that adds many rows must await this once per batch. */
  flush(): Promise<void>;
  /** Rows added so far. */
  readonly count: number;
}

/** Rejects as the pipeline uses them: it opens and closes them, and includes them in checkpoints. */
export interface KeptRejects extends Rejects {
  open?(): Promise<void> | void;
  close?(): Promise<void> | void;
  /** Their position. If missing, checkpoints do not include them. */
  position?(): PlainData;
  /**
   * Called after `open` and before the first row, with an earlier `position()`.
   *
   * @param rowsComeAgain - Whether rows that were added since will be added again. With a live source,
   *   other rows come in their place.
   */
  resume?(position: PlainData, rowsComeAgain: boolean): Promise<void> | void;
  /** Makes all rows so far durable. More rows may be added and flushed before it has settled. */
  sync?(): Promise<void>;
  /**
   * The same for what was added up to the last `position`, where that will be kept: it may say itself
   * what is not on the disk. Without it, `sync` is called.
   */
  settle?(): Promise<void>;
}

/** Rejects for jobs without a dead-letter file: the first bad row ends the job. */
export function stopOnReject(): Rejects {
  let count = 0;
  return {
    keepsRows: false,
    get count() {
      return count;
    },
    add(row) {
      count++;
      throw new InvalidRowError(row);
    },
    async flush() {},
  };
}
