import type { PlainData } from '../../core/plain-data.js';
import type { BatchQueue } from '../queue/batch-queue.js';
import type { LettersBehind, SourceRejects } from '../rejects.js';
import type { NamedSource } from '../source.js';
import {
  type IntakeCounts,
  type KnownResumePoint,
  keptResumePoint,
  progressOf,
  type ResumePoint,
  type SourceCounts,
  type SourceProgress,
} from './resume-point.js';

export interface ResumePointsParts {
  readonly source: NamedSource;
  /** What was read and waits, each batch with the point before it. */
  readonly queue: Pick<BatchQueue<ResumePoint>, 'firstNote' | 'isEmpty'>;
  /** Counts up to now. */
  readonly counts: IntakeCounts;
  /** Whether the position before the next read has to be known, however expensive it is. */
  mustKnowPosition(): boolean;
  /** Returns how many rows of the next read have been taken already. */
  rowsToSkip(): number;
  /** Returns the state of the checks of a live source. */
  live(): PlainData | undefined;
  /** Returns what ended the reads. */
  failure(): { readonly error: unknown } | undefined;
}

/** Where a source was before each read, and so where a checkpoint goes on after what was taken. */
export class ResumePoints {
  readonly #parts: ResumePointsParts;
  readonly #letters: SourceRejects | undefined;
  /** From before the read in progress, or the last one. */
  #before: SourceProgress | undefined;
  /** From before what has failed: a read (or one that was given up), or putting what it gave into the queue. */
  #failedAt: ResumePoint | undefined;
  #isReading = false;
  #steps = 0;

  constructor(parts: ResumePointsParts) {
    this.#parts = parts;
    this.#letters = parts.source.rejects;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** Reads that have begun, and reads that have ended. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether the source has ever been read. */
  get hasBegun(): boolean {
    return this.#before !== undefined;
  }

  /** Whether it is known where the source was before the read in progress, or the last one. */
  get isReadKnown(): boolean {
    return this.#before?.position !== undefined;
  }

  get hasFailed(): boolean {
    return this.#failedAt !== undefined;
  }

  /** What has been received so far. */
  get received(): SourceCounts {
    const { counts, source } = this.#parts;
    const { rowsRead, rowsRefused, rowsLeftOut } = counts;
    const { rowsRejected = 0, bytesIn = 0 } = source.stage;
    return { rowsRead, rowsRefused, rowsLeftOut, rowsRejected, bytesIn };
  }

  /** What has been received up to the point of a checkpoint: later rows may come again. */
  get taken(): SourceCounts {
    const known = this.#parts.queue.firstNote ?? this.#failedAt;
    if (known) return known;
    return { ...this.received, ...(this.#isReading && this.#before && countsOf(this.#before)) };
  }

  /** Whether it is known where to go on after what was taken. */
  get isKnown(): boolean {
    const { firstNote } = this.#parts.queue;
    if (firstNote) return firstNote.position !== undefined;
    return !this.#isReading || this.#failedAt !== undefined || this.isReadKnown;
  }

  /** Called right before the source is read. What the source throws comes through. */
  beginRead(): void {
    this.#isReading = true;
    this.#steps++;
    this.#before = undefined;
    const letters = this.#letters?.mark();
    if (letters && this.#parts.queue.isEmpty) this.#letters?.forget(letters);
    this.#before = progressOf(this.#parts.source.stage, this.#positionForRead(), letters);
  }

  endRead(): void {
    this.#isReading = false;
    this.#steps++;
  }

  /** Returns where to go on if what the read in progress gives is not taken. */
  beforeRead(): ResumePoint {
    return this.#at(this.#before!); // set by the read in progress
  }

  /** From here on, what was read is read again. The first failure decides. */
  failAt(point: ResumePoint): void {
    this.#failedAt ??= point;
  }

  /**
   * Returns where to go on after what was taken, for a checkpoint. Only if `isKnown`.
   * @throws What has failed, if its rows can be had again and it is not known where from.
   */
  forCheckpoint(): KnownResumePoint {
    return keptResumePoint(this.#now());
  }

  /** A batch was taken: nobody asks for letters before its point any more. */
  forgetBefore({ letters }: ResumePoint): void {
    if (letters) this.#letters?.forget(letters);
  }

  /** The dead letters that the source has added since a point. */
  lettersBehind({ letters }: Pick<ResumePoint, 'letters'>): readonly LettersBehind[] {
    return letters && this.#letters ? [this.#letters.behind(letters)] : [];
  }

  #positionForRead(): PlainData | undefined {
    const { inputs, stage } = this.#parts.source;
    // What a source has read from its inputs is in its position only between two reads.
    if (inputs) return undefined;
    return stage.positionForRead && !this.#parts.mustKnowPosition()
      ? stage.positionForRead()
      : stage.position();
  }

  #now(): ResumePoint {
    const { queue, source } = this.#parts;
    const { firstNote } = queue;
    if (firstNote) return firstNote;
    if (this.#failedAt) return this.#ofFailure(this.#failedAt);
    if (this.#isReading) return this.beforeRead();
    return this.#at(progressOf(source.stage, source.stage.position(), this.#letters?.mark()));
  }

  /** If a read cannot be repeated, its rows are lost, and the next start reports a gap. */
  #ofFailure(point: ResumePoint): ResumePoint {
    if (point.position !== undefined) return point;
    const { stage } = this.#parts.source;
    const failure = this.#parts.failure();
    if (failure && stage.capabilities.delivery !== 'live-only') throw failure.error;
    return { ...point, position: stage.position() };
  }

  #at(read: SourceProgress): ResumePoint {
    const { rowsRead, rowsRefused, rowsLeftOut } = this.#parts.counts;
    const rowsToSkip = this.#parts.rowsToSkip();
    return { ...read, rowsRead, rowsRefused, rowsLeftOut, rowsToSkip, live: this.#parts.live() };
  }
}

const countsOf = ({ rowsRejected, bytesIn }: SourceProgress) => ({ rowsRejected, bytesIn });
