import { type BadRow, InvalidRowError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';

/**
 * Where rows go that cannot be used. Either the first one stops the job, or they are kept in a
 * dead-letter file with their reason.
 */
export interface Rejects {
  /**
   * A row that it throws at was not taken: it is added again where it is read again.
   *
   * @throws {InvalidRowError} when bad rows are to stop the job.
   * @throws {PipelineError} `REJECTS_EXHAUSTED` when there are more than the spec allows; `OUTPUT_FAILED`
   *   when earlier ones cannot be written.
   */
  add(row: BadRow): void;
  /** Whether `add` keeps rows and returns. */
  readonly keepsRows: boolean;
  /** Writes what was added. A stage that adds rows in numbers awaits this once a batch. */
  flush(): Promise<void>;
  /** Rows added so far. */
  readonly count: number;
}

/** Rejects as the pipeline has them: it opens and closes them, and has them in its checkpoints. */
export interface KeptRejects extends Rejects {
  open?(): Promise<void> | void;
  close?(): Promise<void> | void;
  /** How far they have come. Without it, a checkpoint knows nothing of them. */
  position?(): PlainData;
  /**
   * Called after `open` and before the first row, with an earlier `position()`.
   *
   * @param rowsComeAgain - Whether rows that were added since will be added again. Of a live source,
   *   others come in their place.
   */
  resume?(position: PlainData, rowsComeAgain: boolean): Promise<void> | void;
  /** Makes all that was added so far durable. More may be added and flushed before it has settled. */
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
