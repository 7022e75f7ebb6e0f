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

/** How many letters a source had added at some time. */
export interface LetterMark {
  readonly letters: number;
  /** Offset in the file before which none of the later ones begins. */
  readonly bytes: number;
}

/** Letters of rows that are read again after a resume: their source is further than the place that is kept. */
export interface LettersBehind {
  readonly ordinals: readonly number[];
  /** Offset in the file before which none of them begins, unless an earlier start has written it. */
  readonly bytes: number;
}

/** What one source adds its bad rows to. */
export interface SourceRejects extends Rejects {
  /** Where the source is. */
  mark(): LetterMark;
  /** Nobody will ask any more for letters before a mark. */
  forget(mark: LetterMark): void;
  /** Returns the letters that it has added since. */
  behind(mark: LetterMark): LettersBehind;
}

/** Rejects as the pipeline uses them: it opens and closes them, and includes them in checkpoints. */
export interface KeptRejects extends Rejects {
  open?(): Promise<void> | void;
  close?(): Promise<void> | void;
  /**
   * What one source is to add its bad rows to. If missing, letters of rows that are read again after a resume
   * are added twice.
   */
  ofSource?(): SourceRejects;
  /**
   * What the stages of one branch are to add their bad rows to. If missing, letters of rows that are read again
   * after a resume may be added twice.
   */
  ofBranch?(): BranchRejects;
  /**
   * Their position. If missing, checkpoints do not include them.
   *
   * @param behind - Letters of sources that it leaves out.
   */
  position?(behind?: readonly LettersBehind[]): PlainData;
  /**
   * The same where branches take their parts of a checkpoint later.
   *
   * @returns To be called once all of them have.
   */
  beginCut?(behind: readonly LettersBehind[]): () => PlainData;
  /**
   * Called for those of a branch when it takes its part of a checkpoint: what it has added until now does not
   * come again.
   *
   * @param behind - Letters of its inputs that do.
   */
  takePart?(behind: readonly LettersBehind[]): void;
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

/** Rejects of one branch. The pipeline opens and closes those that they are part of. */
export type BranchRejects = KeptRejects & Required<Pick<KeptRejects, 'takePart'>>;

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
