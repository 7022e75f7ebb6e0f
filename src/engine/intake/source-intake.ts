import { Batch } from '../../columns/batch.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { type Clock, turnOfTheLoop } from '../../core/clock.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Nanos } from '../../core/units.js';
import { type OverflowPolicy, overflowFor } from '../../settings/overflow-policy.js';
import type { QueueSettings } from '../../settings/queue-options.js';
import type { Logger } from '../../telemetry/logger.js';
import type { RowBounds, RowProgress } from '../../wire/bounds.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import { blamed, locatedAt } from '../blame.js';
import { WATERMARK_EVERY_NS } from '../event-time/live-watermark.js';
import { BatchQueue } from '../queue/batch-queue.js';
import type { KeptRejects, LettersBehind } from '../rejects.js';
import { RepeatingTimer } from '../repeating-timer.js';
import type { NamedSource, Source } from '../source.js';
import { labelOf, type StageLabel } from '../stage-label.js';
import type { StagesAtWork } from '../stages-at-work.js';
import { LiveIntake } from './live-intake.js';
import { OverflowNotice } from './overflow-notice.js';
import type { IntakeCounts, KnownResumePoint, ResumePoint, SourceCounts } from './resume-point.js';
import { ResumePoints } from './resume-points.js';
import { RowLimit } from './row-limit.js';

/** How far a replay is read ahead: enough to decode while the sink writes. */
const REPLAY_LIMITS = { batches: 2, rows: 262_144, bytes: 33_554_432 };
/** What a live source may have waiting. */
const LIVE_LIMITS = { batches: 1_024, rows: 262_144, bytes: 33_554_432 };
/** Reads ahead in a row, before timers and sockets have their turn: a source may always have more at once. */
const READS_IN_A_ROW = 16;

export interface SourceIntakeParts {
  readonly source: NamedSource;
  /** Default: a live source may have much waiting, a replay is read a little ahead. */
  readonly queue?: QueueSettings | undefined;
  readonly dictionaries: DictionarySet;
  readonly rejects: KeptRejects;
  readonly clock: Clock;
  readonly log: Logger;
  /** Which stage the thread is in, if somebody looks. */
  readonly stages?: StagesAtWork | undefined;
  /** Whether nothing is to be read ahead now. Asked before each such read. */
  isHeld(): boolean;
  /** Whether a checkpoint is waiting, which needs a known position. */
  isCutDue(): boolean;
  /** Called when there is something to take, or when the counts have changed. */
  onChange(): void;
}

/** Why there are no more rows, apart from their end. */
export interface IntakeFailure {
  readonly error: unknown;
  /** `row`: a row was refused that ends the run. `read`: the source threw, or there was no room for its rows. */
  readonly of: 'read' | 'row';
}

/**
 * What stands between a source and those who take its rows: it reads the source whenever there is room in
 * its queue, also while whoever takes its batches waits for something else. It checks the rows of a live
 * source when they arrive, and adds the watermarks of a silence.
 *
 * A source that answers without a promise is only read when a batch is taken, and the batch does not go
 * through the queue. So is a source with inputs, whose state is in step with theirs only then.
 */
export class SourceIntake implements IntakeCounts {
  readonly #parts: SourceIntakeParts;
  readonly #source: Source;
  readonly #label: StageLabel;
  readonly #policy: OverflowPolicy;
  readonly #queue: BatchQueue<ResumePoint>;
  readonly #notice: OverflowNotice;
  readonly #isReplay: boolean;
  readonly #live: { readonly intake: LiveIntake; readonly timer: RepeatingTimer } | undefined;
  readonly #points: ResumePoints;
  readonly #limit = new RowLimit();
  #reached: 'run' | 'slice' | undefined;
  /** Whether the last read was answered without a promise. */
  #answersAtOnce = false;
  #readsInARow = 0;
  #isTurnPending = false;
  /** When the current or last read began. */
  #waitsSince = 0n as Nanos;
  #isStopped = false;
  #isStopFailed = false;
  #isOver = false;
  #isBrokenOff = false;
  #isClosed = false;
  #failure: IntakeFailure | undefined;
  #rowsRead = 0;
  #rowsRefused = 0;
  #waiters: (() => void)[] = [];

  constructor(parts: SourceIntakeParts) {
    const { source, queue, dictionaries, rejects, clock, log } = parts;
    const { stage } = source;
    this.#parts = parts;
    this.#source = stage;
    this.#label = labelOf('Source', source);
    const { title } = this.#label;
    this.#isReplay = stage.capabilities.delivery === 'replayable';
    this.#policy = queue ? overflowFor(queue.overflow, stage.schema.kind) : 'block';
    this.#queue = new BatchQueue({
      limits: queue ?? (this.#isReplay ? REPLAY_LIMITS : LIVE_LIMITS),
      policy: this.#policy,
      schema: stage.schema,
      dictionaries,
      title,
      // The batches of a replay stay as they are, however fast they are taken.
      ...(this.#isReplay && { mergeRows: 0 }),
    });
    this.#notice = new OverflowNotice({
      policy: this.#policy,
      queue: this.#queue,
      of: 'source',
      title,
      clock,
      log,
    });
    if (LiveIntake.isFor(stage)) {
      this.#live = {
        intake: new LiveIntake(source, source.rejects ?? rejects, clock),
        timer: new RepeatingTimer(clock, WATERMARK_EVERY_NS, (now) => this.#tellWatermark(now)),
      };
    }
    this.#points = new ResumePoints({
      source,
      queue: this.#queue,
      counts: this,
      mustKnowPosition: () => this.#limit.mayEndSlice(this.#rowsRead),
      rowsToSkip: () => this.#limit.rowsToSkip,
      live: () => this.#live?.intake.snapshot(),
      failure: () => this.#failure,
    });
  }

  get rowsRead(): number {
    return this.#rowsRead;
  }

  get rowsRefused(): number {
    return this.#rowsRefused;
  }

  get rowsLeftOut(): number {
    return this.#notice.rowsLeftOut;
  }

  get policy(): OverflowPolicy {
    return this.#policy;
  }

  /** What has been received so far. */
  get received(): SourceCounts {
    return this.#points.received;
  }

  /** What has been received up to the point of a checkpoint: later rows may come again. */
  get taken(): SourceCounts {
    return this.#points.taken;
  }

  /** Why there are no more rows; known once all rows before it have been taken. */
  get failure(): IntakeFailure | undefined {
    return this.#queue.isEmpty ? this.#failure : undefined;
  }

  /** Why the source does not do all of its work. */
  get trouble(): string | undefined {
    return this.#notice.trouble;
  }

  statistics(): StageStatistics {
    return this.#isReplay ? {} : this.#notice.statistics();
  }

  /** Lets it tell the time while the source is silent. Called once all stages are open. */
  start(): void {
    this.#live?.timer.start();
  }

  /**
   * Returns the next batch, owned by the caller: rows that were checked, and records. `null` if there are no
   * more, or if there is a `failure`. `undefined` if the source is still reading: `wait`.
   */
  take(): Batch | null | undefined {
    this.#readsInARow = 0;
    const waiting = this.#queue.take();
    if (waiting) {
      if (this.#queue.isEmpty) this.#notice.caughtUp();
      this.#points.forgetBefore(waiting.note);
      this.#readAhead();
      return waiting.batch;
    }
    if (this.#points.isReading) return undefined;
    if (this.#isOver || this.#isStopped) return null;
    const batch = this.#read();
    if (!batch) return batch;
    this.#receive(batch);
    this.#parts.onChange();
    this.#readAhead();
    return batch;
  }

  /** Resolves when there is something to take. */
  wait(): Promise<void> {
    if (!this.#points.isReading || !this.#queue.isEmpty || this.#isBrokenOff) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** Whether something that the source gave waits to be taken. */
  get hasArrivals(): boolean {
    return !this.#queue.isEmpty;
  }

  /** Grows with each read of the source that begins, and with each that ends. */
  get steps(): number {
    return this.#points.steps;
  }

  /** Whether everything that the source gave has been taken, and no read is in progress. */
  get isIdle(): boolean {
    return this.#queue.isEmpty && !this.#points.isReading;
  }

  /** Whether it is known where to go on after what was taken: a checkpoint can be taken now. */
  get isResumePointKnown(): boolean {
    return this.#points.isKnown;
  }

  /**
   * Returns where to go on after what was taken, for a checkpoint. Only if `isResumePointKnown`.
   * @throws What has failed, if there is no such point behind it.
   */
  resumePoint(): KnownResumePoint {
    return this.#points.forCheckpoint();
  }

  /** The dead letters that the source has added since a point. */
  lettersBehind(point: Pick<ResumePoint, 'letters'>): readonly LettersBehind[] {
    return this.#points.lettersBehind(point);
  }

  /** Continues from a checkpoint. The source itself is resumed apart from that. */
  restore(live: PlainData): void {
    this.#live?.intake.restore(live);
  }

  /**
   * Sets how many rows may be taken. Called before the first read.
   *
   * @param progress - Of the checkpoint that this start goes on from.
   */
  bound(bounds: RowBounds, progress: RowProgress | undefined): void {
    this.#limit.set(bounds, progress);
    this.#lookAtLimit();
  }

  /** Which bound has been reached, once there is nothing more to take before it. */
  get boundReached(): 'run' | 'slice' | undefined {
    return this.#queue.isEmpty ? this.#reached : undefined;
  }

  /** What a checkpoint at a point says of the bounds. */
  rowProgress(point: Pick<ResumePoint, 'rowsRead' | 'rowsToSkip'>): RowProgress {
    return this.#limit.progressAt(point);
  }

  /** Called after a pause in which nothing was read, although rows may have arrived. */
  standStill(ns: bigint): void {
    this.#live?.intake.standStill(ns);
    this.#source.standStill?.(ns);
  }

  /** Reads ahead again after it was held or a cut was due, if it has ever been read. */
  goOn(): void {
    if (this.#points.hasBegun) this.#readAhead();
  }

  /** Begins no further read. What was read can still be taken. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Asks the source to end, so that a read that waits settles. Never throws, since the run that ends may have
   * failed already, and goes on ending: a source that cannot be stopped is named once, and not read again.
   */
  stopSource(): void {
    try {
      const stopping = this.#source.stop();
      if (stopping instanceof Promise) stopping.catch((error) => this.#failStop(error));
    } catch (error) {
      this.#failStop(error);
    }
  }

  /** What the read in progress gives is lost: the source continues after it, unless its place before it is known. */
  giveUpRead(): void {
    if (!this.#points.isReading) return;
    this.#isStopped = true;
    this.#isClosed = true;
    this.#points.failAt(this.#points.beforeRead());
  }

  /** Nobody takes anything any more: who waits goes on, though the read in progress may not have settled. */
  breakOff(): void {
    this.#isStopped = true;
    this.#isBrokenOff = true;
    this.#tellWaiters();
  }

  /** Ends it before its source is closed: waits for the read in progress, and releases what is left. */
  async end(): Promise<void> {
    this.#isStopped = true;
    this.#isClosed = true;
    this.#live?.timer.stop();
    if (this.#points.isReading) this.stopSource();
    while (this.#points.isReading) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
    this.#queue.release();
  }

  /** @returns What the source has at once; `undefined` if it gave a promise. */
  #read(): Batch | null | undefined {
    const source = this.#source;
    if (this.#live) this.#waitsSince = this.#parts.clock.now();
    let answer: ReturnType<Source['read']>;
    const { stages } = this.#parts;
    const before = stages?.enter(stages.placeOf(this.#label.id)) ?? 0;
    try {
      this.#points.beginRead();
      answer = source.read();
    } catch (thrown) {
      this.#failRead(thrown);
      return null;
    } finally {
      stages?.leave(before);
    }
    this.#answersAtOnce = answer === null || answer instanceof Batch;
    if (answer === null || answer instanceof Batch) {
      this.#points.endRead();
      if (answer === null) this.#isOver = true;
      return answer;
    }
    answer.then(
      (batch) => this.#arrive(batch),
      (thrown: unknown) => {
        this.#failRead(thrown);
        this.#tellWaiters();
      },
    );
    return undefined;
  }

  #arrive(batch: Batch | null): void {
    // What follows a failure is read again from its point, too.
    if (batch && !this.#isClosed && !this.#points.hasFailed) this.#put(batch);
    else batch?.release();
    this.#points.endRead();
    if (batch === null) this.#isOver = true;
    this.#tellWaiters();
    this.#readAhead();
  }

  #put(batch: Batch): void {
    const point = this.#points.beforeRead();
    try {
      this.#receive(batch);
    } catch (error) {
      batch.release();
      this.#failPut(error, point);
      return;
    }
    this.#enqueue(batch, point);
  }

  /** @param point - From before the batch. */
  #enqueue(batch: Batch, point: ResumePoint): void {
    try {
      this.#queue.put(batch, point);
    } catch (error) {
      this.#failPut(error, point);
    }
    this.#notice.look();
  }

  /** Nothing of what was to be put is in the queue: it is read again. Rows dropped for it are not. */
  #failPut(error: unknown, point: ResumePoint): void {
    this.#points.failAt({ ...point, rowsLeftOut: this.rowsLeftOut });
    this.#fail({ error, of: 'read' });
  }

  /** Counts and checks the rows of a batch that has arrived. */
  #receive(batch: Batch): void {
    if (this.#limit.isSet) this.#leaveWithin(batch);
    this.#rowsRead += batch.length;
    const rows = this.#live?.intake.receive(batch);
    if (!rows) return;
    this.#rowsRefused += rows.refused;
    if (rows.failure) this.#fail({ error: rows.failure.error, of: 'row' });
  }

  /** Leaves no more rows in a batch than may be taken, and reads no further once they have come. */
  #leaveWithin(batch: Batch): void {
    const point = this.#points.beforeRead();
    this.#limit.skipFrom(batch);
    const isHadAgain = this.#isReplay && this.#policy === 'block' && point.position !== undefined;
    if (this.#limit.cut(batch, this.#rowsRead, isHadAgain)) {
      const rowsToSkip = point.rowsToSkip + batch.length;
      this.#points.failAt({ ...point, rowsRead: this.#rowsRead + batch.length, rowsToSkip });
    }
    this.#lookAtLimit(batch.length);
  }

  /** @param more - Rows that are about to be counted. */
  #lookAtLimit(more = 0): void {
    this.#reached = this.#limit.reachedAt(this.#rowsRead + more);
    if (this.#reached) this.#isOver = true;
  }

  #readAhead(): void {
    while (this.#mayReadAhead()) {
      if (this.#readsInARow === READS_IN_A_ROW) {
        this.#readAheadLater();
        return;
      }
      this.#readsInARow++;
      const batch = this.#read();
      if (batch === undefined) return;
      if (batch) this.#put(batch);
      this.#tellWaiters();
    }
  }

  #readAheadLater(): void {
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    void turnOfTheLoop().then(() => {
      this.#isTurnPending = false;
      this.#readsInARow = 0;
      this.#readAhead();
    });
  }

  #mayReadAhead(): boolean {
    if (this.#points.isReading || this.#isOver || this.#isStopped || this.#parts.source.inputs) return false;
    if (this.#isReplay && this.#answersAtOnce) return false;
    if (this.#policy === 'block' && !this.#queue.hasRoom) return false;
    const { isHeld, isCutDue } = this.#parts;
    return !isHeld() && (this.#points.isReadKnown || !isCutDue());
  }

  #failRead(thrown: unknown): void {
    const { clock } = this.#parts;
    this.#points.endRead();
    if (this.#points.isReadKnown) this.#points.failAt(this.#points.beforeRead());
    this.#fail({ error: blamed('SOURCE_FAILED', this.#label, thrown, clock), of: 'read' });
  }

  #failStop(err: unknown): void {
    this.#isStopped = true;
    if (this.#isStopFailed) return;
    this.#isStopFailed = true;
    this.#parts.log.error({ err, source: this.#label.title }, 'the source threw when it was asked to stop');
  }

  #fail(failure: IntakeFailure): void {
    locatedAt(this.#label.id, failure.error);
    this.#failure ??= failure;
    this.#isOver = true;
  }

  #tellWatermark(now: Nanos): void {
    const { source, dictionaries, isHeld } = this.#parts;
    // Not right after a read began: rows that arrived before it may still be on their way.
    if (!this.#points.isReading || this.#isStopped || now - this.#waitsSince < WATERMARK_EVERY_NS || isHeld())
      return;
    const batch = new Batch(source.stage.schema, 1, dictionaries);
    const point = this.#points.beforeRead();
    if (!this.#live?.intake.mark(batch, now)) {
      batch.release();
      return;
    }
    this.#enqueue(batch, point);
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    this.#parts.onChange();
    for (const tell of this.#waiters.splice(0)) tell();
  }
}
