import type { CalendarData } from '../../calendars/calendar-data.js';
import { type Batch, releaseAll } from '../../columns/batch.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../../columns/event-order.js';
import { loadBatch, saveBatch } from '../../columns/saved-batch.js';
import type { Schema } from '../../columns/schema.js';
import { sequenceIndex } from '../../columns/sequence.js';
import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Nanos } from '../../core/units.js';
import type { QueueSettings } from '../../settings/queue-options.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { SequenceNumbers } from '../../wire/provider-capabilities.js';
import type { Path } from '../../wire/stage-tree.js';
import type { Input } from '../input.js';
import type { ResumePoint } from '../intake/resume-point.js';
import { SourceIntake } from '../intake/source-intake.js';
import type { LastRows } from '../last-rows.js';
import { OperatorChain } from '../operator-chain.js';
import type { NamedOperator } from '../operator-rows.js';
import type { KeptRejects, LettersBehind } from '../rejects.js';
import type { NamedSource } from '../source.js';
import type { SourceCapabilities } from '../source-capabilities.js';
import type { RunningInput } from '../stage.js';
import { labelOf } from '../stage-label.js';
import { END_GRACE_MS, unsettledAfterGrace } from '../unsettled-after.js';
import { InputRows } from './input-rows.js';

/** The parts that an input is built from. */
export interface StageInputParts {
  readonly at: Path;
  readonly source: NamedSource;
  readonly operatorsAt: Path;
  readonly operators: readonly NamedOperator[];
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
  readonly rejects: KeptRejects;
  readonly log: Logger;
  /** The queue behind its source. Default: by what the source is. */
  readonly queue?: QueueSettings | undefined;
}

/**
 * An input at run time. Its source is read from the first read of its stage on, a little ahead of it. Its
 * operators process a whole batch before the first resulting batch is delivered. So its state between two
 * batches is the resume point of its intake, the states of the operators and the undelivered batches, all of which
 * fit in a checkpoint.
 */
export class StageInput implements Input, RunningInput {
  readonly at: Path;
  readonly source: NamedSource;
  readonly operatorsAt: Path;
  readonly operators: readonly NamedOperator[];
  readonly #parts: StageInputParts;
  readonly #chain: OperatorChain;
  readonly #intake: SourceIntake;
  /** Batches that the operators have emitted and the stage has not read yet. */
  readonly #ready: Batch[] = [];
  #isWoken = false;
  /** Whether the stage waits for a read. */
  #isAwaited = false;
  #isAtWork = false;
  #isFrozen = false;
  #heldSince: Nanos | undefined;
  /** How long it was held before. */
  #heldNs = 0n;
  #isStopped = false;
  #isSuspended = false;
  /** Whether nothing is expected of the read of its source any more. */
  #isReadLost = false;
  /** Whether the last checkpoint is taken without what it is still at. */
  #isGivenUp = false;
  #isOver = false;
  #isClosed = false;
  #brokenOff: { readonly reason: unknown } | undefined;
  #failure: { readonly error: unknown; readonly isBehindRows: boolean } | undefined;
  #watchers: (() => void)[] = [];
  readonly #rows: InputRows;
  /** Of the last snapshot. */
  #saved: Pick<ResumePoint, 'letters'> | undefined;

  constructor(parts: StageInputParts) {
    const { at, source, operatorsAt, operators, dictionaries, clock, rejects, log, queue } = parts;
    this.at = at;
    this.source = source;
    this.operatorsAt = operatorsAt;
    this.operators = operators;
    this.#parts = parts;
    const { schema, order = SYMBOLS_IN_ORDER } = source.stage;
    this.#chain = new OperatorChain(operators, {
      input: schema,
      dictionaries,
      order,
      keepsOrigins: true,
      clock,
    });
    this.#intake = new SourceIntake({
      source,
      queue,
      dictionaries,
      rejects,
      clock,
      log,
      isHeld: () => this.#isFrozen || this.#isHeld,
      isCutDue: () => this.#isFrozen,
      onChange: () => this.#notify(),
    });
    this.#rows = new InputRows({ source: source.stage, intake: this.#intake, chain: this.#chain });
  }

  get title(): string {
    return labelOf('Source', this.source).title;
  }

  get schema(): Schema {
    return this.#chain.output;
  }

  get order(): EventOrder {
    return this.#chain.order;
  }

  get capabilities(): SourceCapabilities {
    return this.source.stage.capabilities;
  }

  get calendar(): CalendarData | undefined {
    return this.source.stage.calendar;
  }

  /** Operators may leave rows out, so that numbers which are missing say nothing. */
  get sequences(): SequenceNumbers | undefined {
    const { sequences } = this.source.stage;
    if (!sequences || this.operators.length === 0) return sequences;
    return sequenceIndex(this.schema) < 0 ? undefined : { ...sequences, step: 'up' };
  }

  /** Operators may make other rows. */
  get rowsOf(): string | undefined {
    return this.operators.length === 0 ? this.source.stage.rowsOf : undefined;
  }

  get heldFrom(): Nanos | undefined {
    return this.source.stage.heldFrom;
  }

  get rowsEverHeld(): number {
    return this.source.stage.rowsEverHeld ?? 0;
  }

  get heldByBreaker(): string | undefined {
    return this.source.stage.heldByBreaker;
  }

  get rowsRejected(): number {
    return this.#rows.rowsRejected;
  }

  get rowsLeftOut(): number {
    return this.#rows.rowsLeftOut;
  }

  get bytesIn(): number {
    return this.#rows.bytesIn;
  }

  get heldNs(): bigint {
    const since = this.#heldSince;
    return this.#heldNs + (since === undefined ? 0n : this.#parts.clock.now() - since);
  }

  statistics(): StageStatistics {
    return this.#rows.statistics();
  }

  get steps(): number {
    let steps = this.#intake.steps + (this.#isOver ? 1 : 0);
    for (const input of Object.values(this.source.inputs ?? {})) steps += input.steps;
    return steps;
  }

  get isDrainAwaited(): boolean {
    return this.#isStopped && this.#isAwaited && !this.#isOver;
  }

  get trouble(): string | undefined {
    return this.#intake.trouble;
  }

  read(): Promise<Batch | null> | Batch | null {
    invariant(!this.#isAwaited, 'an input is read once at a time');
    this.#throwIfBrokenOff();
    const ready = this.#takeReady();
    if (ready) return ready;
    if (this.#isOver && !this.#failure) return null;
    return this.#readNow() ?? this.#readOn();
  }

  /** Called by its operators when they have rows to emit without having received any. */
  wake(): void {
    this.#isWoken = true;
    this.#notify();
  }

  start(): void {
    this.#intake.start();
  }

  drain(): void {
    const isFirst = !this.#isStopped;
    this.#stop();
    if (isFirst) void this.#endAfterGrace();
  }

  breakOff(reason: unknown): void {
    this.#brokenOff ??= { reason };
    this.#stop();
  }

  async suspend(): Promise<void> {
    if (this.capabilities.delivery !== 'live-only') return;
    this.#isSuspended = true;
    this.#intake.stop();
    this.#intake.stopSource();
    const { clock } = this.#parts;
    while (!this.#isStopped && !this.#isOver && (this.#isAtWork || !this.#intake.isIdle)) {
      // If the stage has no pending read, nothing else takes what has arrived.
      const isMine = this.#intake.hasArrivals && !this.#isAtWork && !this.#isAwaited;
      const step = isMine ? this.#advance() : this.#change();
      const unsettled = await unsettledAfterGrace(clock, new Map([[this, step]]));
      if (unsettled.size > 0) return this.#giveUp();
    }
  }

  hold(): void {
    this.#heldSince = this.#parts.clock.now();
  }

  goOn(heldNs: bigint): void {
    this.#heldSince = undefined;
    this.#heldNs += heldNs;
    this.#intake.standStill(heldNs);
    this.#intake.goOn();
    this.#notify();
  }

  async freeze(): Promise<void> {
    this.#isFrozen = true;
    while (!this.#isGivenUp && (this.#isAtWork || !this.#intake.isResumePointKnown)) {
      this.#throwIfBrokenOff();
      // If the stage has no pending read, nothing else takes what has arrived.
      if (this.#isOwed && !this.#isAtWork && !this.#isAwaited) await this.#advance();
      else await this.#change();
    }
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#intake.goOn();
    this.#notify();
  }

  /** @throws What has failed, if a checkpoint would leave out rows that the next start can have again. */
  snapshot(): PlainData {
    if (this.#failure?.isBehindRows) throw this.#failure.error;
    if (this.#isReadLost && this.source.inputs) throw this.#notAtRest();
    const point = this.#intake.resumePoint();
    this.#saved = point;
    const { position, live } = point;
    return {
      position,
      isOver: this.#isOver && !this.#failure, // one that has failed is read again by the next start
      ready: this.#ready.map(saveBatch),
      ...this.#rows.snapshot(point),
      ...(live !== undefined && { intake: live }),
    };
  }

  /** Called before it is opened. */
  willBeFollowed(): void {
    this.source.stage.willBeFollowed?.();
  }

  /** In place of `restore`. */
  goOnBehind(last: LastRows): void {
    this.source.stage.goOnBehind?.(last);
  }

  lettersBehind(): readonly LettersBehind[] {
    invariant(this.#saved !== undefined, 'an input is asked for letters behind its last snapshot');
    return this.#intake.lettersBehind(this.#saved);
  }

  async restore(state: PlainData): Promise<void> {
    const { position, isOver, ready, intake, ...rows } = (state ?? {}) as Partial<SavedInput>;
    if (position === undefined || typeof isOver !== 'boolean' || !Array.isArray(ready)) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Expected the state of an input, {position, isOver, ready}, for ${this.title}, found something else`,
      );
    }
    this.#isOver = isOver;
    for (const saved of ready) this.#ready.push(loadBatch(saved, this.schema, this.#parts.dictionaries));
    this.#intake.restore(intake ?? null);
    await this.source.stage.resume(position);
    this.#rows.restore(rows); // its operators are restored before it
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    this.#notify();
    await this.#intake.end();
    while (this.#isAtWork) await this.#change();
    releaseAll(this.#ready.splice(0));
    this.#chain.release();
  }

  #stop(): void {
    this.#isStopped = true; // it is read on until it has returned what it holds
    this.#intake.stopSource();
    this.#notify(); // a suspend may wait
  }

  /**
   * Nobody else waits for a source that ignores its stop, so a drain would not end. Only what sources do counts: the
   * watermarks of a silence, and operators that wake by a timer, would begin the grace again without end.
   */
  async #endAfterGrace(): Promise<void> {
    let seen = this.steps;
    let moving = this.#movesFrom(seen);
    while (!this.#isEnding) {
      await unsettledAfterGrace(this.#parts.clock, new Map([[this, moving]]));
      if (seen !== this.steps) {
        seen = this.steps;
        moving = this.#movesFrom(seen);
      } else if (this.#isEnding) return;
      else if (this.#needsRead && !this.#isAtWork) return this.#loseRead();
    }
  }

  async #movesFrom(steps: number): Promise<void> {
    while (steps === this.steps && !this.#isEnding) await this.#change();
  }

  get #isEnding(): boolean {
    return this.#isOver || this.#isClosed || this.#brokenOff !== undefined;
  }

  /** Whether somebody waits for the read of its source, and that waits for no input that may be given up itself. */
  get #needsRead(): boolean {
    if (Object.values(this.source.inputs ?? {}).some((input) => input.isDrainAwaited)) return false;
    // A checkpoint holds up the stage that reads it, so it counts as one who waits.
    return this.#isFrozen ? !this.#intake.isResumePointKnown : this.#isAwaited && !this.#isStill;
  }

  /** A checkpoint does not wait for the read any more, either. */
  #loseRead(): void {
    this.#isReadLost = true;
    this.#intake.giveUpRead();
    this.#parts.log.warn(
      { input: this.title, graceMs: END_GRACE_MS },
      'the read of an input has not ended after its stop; what it may have is lost',
    );
    this.#notify();
  }

  get #isHeld(): boolean {
    return this.#heldSince !== undefined;
  }

  #takeReady(): Batch | undefined {
    const ready = this.#ready.shift();
    if (ready) this.#rows.read(ready);
    return ready;
  }

  /** What its source has at once, if no operator stands behind it: promises would cost more than the rest. */
  #readNow(): Batch | undefined {
    if (this.operators.length > 0 || this.#isAtWork || this.#isWoken || this.#isStill) return undefined;
    if (this.#isOver || this.#isClosed) return undefined;
    const taken = this.#intake.take();
    if (!taken) return undefined; // the next take answers the same
    this.#chain.give(taken);
    if (this.#hasRejected) {
      this.#isWoken = true; // what was rejected is written meanwhile
      return undefined;
    }
    const made = this.#chain.take();
    if (made) this.#rows.read(made);
    if (this.#watchers.length > 0) this.#notify();
    return made;
  }

  async #readOn(): Promise<Batch | null> {
    this.#isAwaited = true;
    try {
      for (;;) {
        this.#throwIfBrokenOff();
        const ready = this.#isClosed ? undefined : this.#takeReady();
        if (ready) return ready;
        if (this.#failure) throw this.#failure.error;
        if (this.#isOver || this.#isClosed) return null;
        // It does not wait for the step itself: it may be broken off while one of its operators hangs.
        const changed = this.#change();
        this.#beginStep();
        await changed;
      }
    } finally {
      this.#isAwaited = false;
      this.#notify(); // whoever needs a step makes it now
    }
  }

  #beginStep(): void {
    this.#advance().catch((error: unknown) => {
      this.#fail(error, true);
      this.#notify();
    });
  }

  #throwIfBrokenOff(): void {
    if (this.#brokenOff) throw this.#brokenOff.reason;
  }

  /** Makes one step towards the next batch. */
  async #advance(): Promise<void> {
    if (this.#isAtWork || (this.#isStill && !this.#isOwed)) return this.#change();
    if (this.#isWoken) {
      this.#isWoken = false;
      return this.#work(async () => {
        await this.#runOperators();
        await this.#flushRejects();
      });
    }
    const taken = this.#intake.take();
    const batch = taken === undefined && this.#isReadLost ? null : taken;
    const isNoEnd = this.#isSuspended && !this.#intake.failure;
    if (batch === undefined || (batch === null && isNoEnd)) return this.#change();
    return this.#work(() => (batch ? this.#pass(batch) : this.#finish()));
  }

  /** Whether nothing new is to begin. A stage may wait for a replay in the middle of a batch, and goes on in a pause. */
  get #isStill(): boolean {
    return this.#isFrozen || (this.#isHeld && this.capabilities.delivery !== 'replayable');
  }

  /** Whether a checkpoint has to wait until the operators get what has arrived. */
  get #isOwed(): boolean {
    return this.#intake.hasArrivals && !this.#intake.isResumePointKnown;
  }

  async #pass(batch: Batch): Promise<void> {
    this.#chain.give(batch);
    await this.#runOperators();
    await this.#flushRejects();
  }

  async #flushRejects(): Promise<void> {
    if (this.#hasRejected) await this.#parts.rejects.flush();
  }

  get #hasRejected(): boolean {
    return this.#intake.rowsRefused > 0 || (this.source.stage.rowsRejected ?? 0) > 0;
  }

  async #finish(): Promise<void> {
    const { failure } = this.#intake;
    if (failure) {
      const { delivery } = this.source.stage.capabilities;
      this.#fail(failure.error, failure.of === 'row' && delivery === 'resumable');
      return;
    }
    this.#chain.finish(this.#isStopped ? 'drained' : 'completed');
    await this.#runOperators();
    this.#isOver = true;
  }

  async #runOperators(): Promise<void> {
    const chain = this.#chain;
    for (;;) {
      for (let made = chain.take(); made; made = chain.take()) {
        made.controls = made.controls.filter(({ record }) => record.type !== 'end');
        if (made.isEmpty) made.release();
        else this.#ready.push(made);
      }
      const stepped = chain.step();
      if (!(typeof stepped === 'boolean' ? stepped : await stepped)) return;
    }
  }

  /** Runs one piece of work at a time. The next read throws its error. */
  async #work(act: () => Promise<void>): Promise<void> {
    this.#isAtWork = true;
    try {
      await act();
    } catch (error) {
      this.#fail(error, true); // an operator did not get through its batch
    } finally {
      this.#isAtWork = false;
      this.#notify();
    }
  }

  /** Nothing has moved for a while after the stop of its source: the last checkpoint does not wait for it. */
  #giveUp(): void {
    const input = this.title;
    this.#isGivenUp = true;
    if (this.#isAtWork || this.source.inputs) {
      this.#fail(this.#notAtRest(), true);
    } else {
      this.#intake.giveUpRead();
      this.#parts.log.warn(
        { input, graceMs: END_GRACE_MS },
        'the read of an input has not ended after its stop; the checkpoint is taken without what it may have',
      );
    }
    this.#notify();
  }

  /** The states of stages at work are not those of any point in the stream. */
  #notAtRest(): PipelineError {
    return new PipelineError(
      'CHECKPOINT_FAILED',
      `Expected ${this.title} to come to rest within ${END_GRACE_MS} ms after its stop, found it at work; the next start continues from an earlier checkpoint`,
      { retryable: true },
    );
  }

  /** @param isBehindRows - Whether rows in front of the resume point of the source were not delivered. */
  #fail(error: unknown, isBehindRows: boolean): void {
    this.#failure ??= { error, isBehindRows };
    this.#isOver = true;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.push(resolve);
    });
  }

  #notify(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

interface SavedInput {
  readonly position: PlainData;
  readonly isOver: boolean;
  readonly ready: readonly PlainData[];
  readonly intake: PlainData;
}
