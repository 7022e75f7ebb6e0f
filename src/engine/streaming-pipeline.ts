import type { Batch } from '../columns/batch.js';
import { PipelineError } from '../core/errors.js';
import type { Nanos } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';
import type { HeldPlace } from '../shared-memory/thread-watch.js';
import type { RowProgress } from '../wire/bounds.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';
import { StartStep } from '../wire/start-step.js';
import { type AssembledPipeline, assemblePipeline } from './assemble-pipeline.js';
import type { EndOfStream } from './downstream.js';
import { longestHeld } from './held-stage.js';
import type { PipelineParts } from './pipeline-parts.js';
import { runReport, stageReports } from './run-report.js';
import { RunRequests } from './run-requests.js';

/**
 * Runs one source → operators → batcher → sink in the calling thread, once. While the sink writes a batch,
 * the loop works on the next ones until another one is ready for the sink; so its `write` is the
 * back-pressure for the source.
 *
 * `pause`, `resume`, `drain`, `suspend` and `stop` are requests. They may come at any time (also before
 * `run` and while the stages open) and more than once. A drain or a suspend overrides a pause; of the two,
 * the first one counts. A stop overrides all.
 */
export class StreamingPipeline {
  readonly #parts: PipelineParts;
  readonly #pieces: AssembledPipeline;
  readonly #requests: RunRequests;
  #isWoken = false;
  #began: Nanos | undefined;

  /** @internal `PipelineBuilder.build` makes them. */
  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#pieces = assemblePipeline(parts, {
      isHeld: () => this.#requests.isHeld && !this.#requests.ending,
      mustStop: () => this.#requests.mustStop,
      wake: () => this.#requests.wake(),
      endHold: () => this.#requests.endHold(),
      cutWhileIdle: () => this.#cutWhileIdle(),
      askWhileIdle: () => this.#askWhileIdle(),
    });
    this.#requests = new RunRequests(parts, this.#pieces, () => this.#askWhileIdle());
  }

  /** @internal `PipelineBuilder.counters` reads them. */
  get counters(): Counters {
    return this.#parts.counters;
  }

  /**
   * Runs to the end of the data, or until asked to end. A failure is an outcome in the report, not a
   * rejection.
   *
   * @param onOpen - Awaited once all stages are open, before the first batch.
   * @throws {PipelineError} `JOB_STATE` on a second call.
   */
  async run(onOpen?: () => Promise<void>): Promise<PipelineReport> {
    if (this.#began !== undefined) {
      throw new PipelineError(
        'JOB_STATE',
        'A pipeline runs only once; create another one to run its spec again',
      );
    }
    const { lifecycle, intake, branches, checkpoints, end, cuts, runUntil } = this.#pieces;
    const began = this.#parts.clock.now();
    this.#began = began;
    let reason: PipelineReport['reason'];
    let error: unknown;
    let stages: readonly StageReport[] = [];
    try {
      runUntil.start();
      await lifecycle.open();
      runUntil.throwIfFailed();
      if (!this.#requests.mustStop) await this.#start(onOpen);
      reason = await this.#toTheEnd();
    } catch (thrown) {
      reason = end.isBrokenOff(thrown) ? 'stopped' : 'error';
      error = reason === 'error' ? this.#causeOf(thrown) : thrown;
      this.#parts.stopping?.abort(); // a checkpoint in progress, or a stage that opens, may wait for room on a disk
    }
    runUntil.close();
    intake.stop();
    branches.breakOff(error ?? end.reason());
    await checkpoints.close();
    const failWith = (thrown: unknown) => {
      if (reason !== 'error') error = thrown;
      reason = 'error';
    };
    try {
      await end.endSinks();
    } catch (thrown) {
      failWith(thrown);
    }
    try {
      // Calls the stages, any of which may throw; all are closed anyway.
      this.#pieces.tally.update();
      stages = this.describe();
    } catch (thrown) {
      failWith(thrown);
    }
    await end.endReads();
    const failure = await lifecycle.close();
    this.#parts.dictionaries.memory.close();
    if (failure !== undefined && !end.isBrokenOff(failure)) failWith(failure);
    const now = this.#parts.clock.now();
    const durationMs = Number(now - began) / 1e6;
    const { durable } = cuts;
    return runReport(this.#parts, { reason, error, began, durationMs, stages, ...(durable && { durable }) });
  }

  /**
   * Stops reading after the current batch. Rows inside stay there, except for batches that become due.
   * Time stands still for operators: no watermarks are emitted.
   */
  pause(): void {
    this.#requests.pause();
  }

  /** Reads on after a pause. */
  resume(): void {
    this.#requests.resume();
  }

  /**
   * Ends the source and delivers what is inside. Live inputs of operators end once the rows in front of the end are
   * through: these may have waited for long, and what belongs to them comes meanwhile.
   */
  drain(): void {
    this.#requests.drain();
  }

  /**
   * Ends with a checkpoint, so that the next start continues as if nothing had happened: operators keep
   * what they hold, and there is no `end` record. The stage that reads an input is told of no end either.
   * Without a store, or if all rows of the source have passed already, the same as `drain`.
   */
  suspend(): void {
    this.#requests.suspend();
  }

  /** Ends without delivery: what is not durable is lost, and counted as pending. */
  stop(): void {
    this.#requests.stop();
  }

  /** Asks operators soon for what they have to emit, though they were given nothing. */
  wakeOperators(): void {
    this.#isWoken = true;
    this.#askWhileIdle();
  }

  /**
   * Takes a consistent cut between two batches as soon as possible, also while the source waits or the
   * pipeline is paused: closes the batches of the batcher, takes the state of every stage, and lets the sink
   * make its rows durable in the background. Resolves once that is done and the store, if there is one, has
   * accepted the checkpoint.
   *
   * @throws {PipelineError} `JOB_STATE` if the run ends before it could be taken; what the store throws.
   */
  checkpoint(): Promise<Checkpoint> {
    return this.#pieces.checkpoints.ask();
  }

  /** @internal The stage that has kept rows waiting for longest, with a call that has not settled. */
  get held(): HeldPlace | undefined {
    const { downstream, branches, at } = this.#pieces;
    if (this.#parts.knownWaits?.areNone === false) return undefined;
    const held = longestHeld([...downstream.held, ...branches.held]);
    return held && { place: at.placeOf(held.stage.id), sinceNs: held.since };
  }

  /** Returns the reports of all stages. */
  describe(): readonly StageReport[] {
    const { lag, branches, intake, downstream, checkpoints } = this.#pieces;
    const heldBack = checkpoints.holdsIntake ? 'held back: the checkpoint store has no room' : undefined;
    return stageReports(this.#parts, { lag, branches, intake, downstream, heldBack });
  }

  /** Called once all stages are open. */
  async #start(onOpen: (() => Promise<void>) | undefined): Promise<void> {
    const { states, intake, inputs, branches, checkpoints } = this.#pieces;
    const { checkpoint, counters, bounds } = this.#parts;
    if (checkpoint) await states.restore(checkpoint);
    intake.bound(bounds ?? {}, checkpoint && progressOf(checkpoint));
    counters.set('startStep', StartStep.started);
    await onOpen?.();
    intake.start();
    inputs.start();
    branches.start();
    checkpoints.start();
  }

  async #toTheEnd(): Promise<Ended> {
    const { ended } = this.#parts.checkpoint ?? {};
    if (ended) {
      // An earlier start ended after the sink had all rows.
      if (this.#requests.mustStop) return 'stopped';
      if (!(await this.#pieces.cuts.publish(ended.how))) return 'stopped';
      if (ended.how !== 'drained') return 'end of input';
      return this.#pieces.intake.boundReached === 'run' ? 'bounded' : 'drained';
    }
    const reason = await this.#flow();
    if (reason === 'stopped') return reason;
    if (reason === 'suspended' || reason === 'sliced') {
      if (!(await this.#cutForNextStart())) return 'stopped';
      await this.#pieces.cuts.suspendSinks();
      return reason;
    }
    return (await this.#finish(reason === 'end of input' ? 'completed' : 'drained')) ? reason : 'stopped';
  }

  async #flow(): Promise<Ended> {
    const { turns, downstream, checkpoints, intake, cuts, runUntil } = this.#pieces;
    const requests = this.#requests;
    let isSliceOver = false;
    for (;;) {
      if (turns.isDue) await turns.take();
      this.#throwIfFailed();
      runUntil.throwIfPassed();
      if (requests.mustStop) return 'stopped';
      await downstream.deliverAged();
      if (checkpoints.isDue && intake.isResumePointKnown) await checkpoints.take(() => cuts.take());
      if (requests.ending === 'suspend' && this.#isReadAgain()) return isSliceOver ? 'sliced' : 'suspended';
      if (requests.isHeld && !requests.ending) {
        await this.#whilePaused();
        continue;
      }
      if (this.#isWoken) {
        await this.#askOperators();
        continue;
      }
      const batch = await this.#next();
      if (batch === undefined) continue;
      if (batch === null) {
        if (requests.ending) return AS_ASKED[requests.ending];
        const { boundReached } = intake;
        if (boundReached === undefined) return 'end of input';
        if (boundReached === 'run') requests.drain();
        else requests.suspend();
        if (boundReached === 'run') return 'bounded';
        isSliceOver = true;
        continue;
      }
      await this.#take(batch);
    }
  }

  /** @returns `null` if there are no more; `undefined` if the source has given an empty batch, or has ended. */
  async #next(): Promise<Batch | null | undefined> {
    const { intake, idle, checkpoints } = this.#pieces;
    let batch = intake.take();
    if (batch === undefined) {
      idle.begin();
      this.#cutWhileIdle(); // for a request that came while the last cut was taken
      this.#askWhileIdle();
      await intake.wait();
      await idle.end();
      this.#throwIfFailed(); // the read may have ended only because of this failure
      if (!intake.hasArrivals) return undefined; // between two reads, a checkpoint may be due
      batch = intake.take();
    }
    const { failure } = intake;
    if (batch !== null || !failure) return batch;
    // If a restart can fetch the rows after a refused one again, it resumes from an earlier checkpoint.
    const { delivery } = this.#parts.source.stage.capabilities;
    const isHadAgain = failure.of === 'row' && checkpoints.isKept && delivery === 'resumable';
    if (isHadAgain) throw failure.error;
    return this.#failAfterRead(failure.error);
  }

  async #take(batch: Batch): Promise<void> {
    const { checkpoints, downstream, tally, intake } = this.#pieces;
    const { source, counters, rejects } = this.#parts;
    checkpoints.passed();
    await downstream.pass(batch);
    counters.add('turns', 1);
    tally.update();
    if (intake.rowsRefused || source.stage.rowsRejected) await rejects.flush();
  }

  /** Whether what was read and not taken will be read again after a suspend. */
  #isReadAgain(): boolean {
    const { intake } = this.#pieces;
    const isLost = this.#parts.source.stage.capabilities.delivery === 'live-only';
    return intake.isResumePointKnown && (intake.isIdle || !isLost);
  }

  /**
   * Delivers the rows of a live source before failing, since they cannot be read again; with a store, they
   * go into a last checkpoint for the next start. The rows of a replay are not delivered: a file that looks
   * complete but is not would be worse than none.
   */
  async #failAfterRead(error: unknown): Promise<never> {
    const { source, log } = this.#parts;
    if (source.stage.capabilities.delivery !== 'replayable') {
      const saving = this.#pieces.checkpoints.isKept ? this.#cutForNextStart() : this.#finish('failed');
      await saving.catch((err) => log.error({ err }, 'delivery failed after the source'));
    }
    throw error;
  }

  /** @returns `false` if a stop came before it was accepted. */
  async #cutForNextStart(): Promise<boolean> {
    const { inputs, checkpoints, branches, cuts } = this.#pieces;
    await inputs.suspend();
    this.#throwIfFailed();
    if (this.#requests.mustStop) return false;
    return checkpoints.takeLast(() => {
      branches.beginLastCut();
      return cuts.take();
    });
  }

  /** @returns `false` if a stop came before everything was durable. */
  async #finish(how: EndOfStream): Promise<boolean> {
    this.#requests.beginFinish(how);
    if (!(await this.#pieces.downstream.finish(how))) {
      this.#throwIfFailed();
      return false;
    }
    return this.#pieces.cuts.publish(how);
  }

  /** Takes a checkpoint that is due while the loop waits. A busy loop takes due checkpoints itself. */
  #cutWhileIdle(): void {
    const { checkpoints, intake, idle, cuts } = this.#pieces;
    if (!checkpoints.isDue || !intake.isResumePointKnown) return;
    if (this.#requests.mustStop) return; // operators may have been broken off, with rows that no state has
    idle.start(() => checkpoints.take(() => cuts.take()));
  }

  /** Asks woken operators while the loop waits. A busy loop asks them itself. */
  #askWhileIdle(): void {
    if (!this.#isWoken || this.#requests.isHeld || this.#requests.ending) return;
    this.#pieces.idle.start(() => this.#askOperators());
  }

  async #askOperators(): Promise<void> {
    const { checkpoints, downstream, tally } = this.#pieces;
    this.#isWoken = false;
    checkpoints.passed();
    await downstream.ask();
    tally.update();
  }

  async #whilePaused(): Promise<void> {
    const { idle, inputs, intake, tally } = this.#pieces;
    const { clock } = this.#parts;
    const since = clock.now();
    idle.begin();
    inputs.hold();
    this.#cutWhileIdle();
    await this.#requests.next();
    // The next rows may have waited for this long.
    const heldNs = clock.now() - since;
    intake.standStill(heldNs);
    tally.standStill(heldNs);
    inputs.goOn(heldNs);
    await idle.end();
  }

  /** An operator may have thrown only because a failure elsewhere ended its wait. */
  #causeOf(thrown: unknown): unknown {
    try {
      this.#throwIfFailed();
      return thrown;
    } catch (failure) {
      return failure;
    }
  }

  #throwIfFailed(): void {
    const { branches, checkpoints, downstream, runUntil } = this.#pieces;
    runUntil.throwIfFailed();
    branches.throwIfFailed();
    checkpoints.throwIfFailed();
    downstream.throwIfFailed();
  }
}

/** Of an earlier release, only what was rejected is counted in addition. */
const progressOf = ({ isReset, progress, counters }: Checkpoint): RowProgress | undefined =>
  isReset ? undefined : (progress ?? { rowsGiven: counters.rowsIn });

type Ended = Exclude<PipelineReport['reason'], 'error'>;

/** The reason in the report for each request. */
const AS_ASKED = { drain: 'drained', suspend: 'suspended', stop: 'stopped' } as const;
