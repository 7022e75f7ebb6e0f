import type { Batch } from '../columns/batch.js';
import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { PipelineError } from '../core/errors.js';
import type { Nanos } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';
import { placesOf } from '../wire/stage-tree.js';
import { StartStep } from '../wire/start-step.js';
import { needsOriginsInBranches } from './branches/origins-in-branches.js';
import { PipelineBranches } from './branches/pipeline-branches.js';
import { CheckpointKeeper } from './cuts/checkpoint-keeper.js';
import { PipelineCuts } from './cuts/pipeline-cuts.js';
import { StageStates } from './cuts/stage-states.js';
import { Downstream, type EndOfStream } from './downstream.js';
import { EventTimeLag } from './event-time/event-time-lag.js';
import { IdleWork } from './idle-work.js';
import { PipelineInputs } from './inputs/pipeline-inputs.js';
import { SourceIntake } from './intake/source-intake.js';
import { LoopTurns } from './loop-turns.js';
import { OperatorChain } from './operator-chain.js';
import { lifecycleOf, type PipelineParts } from './pipeline-parts.js';
import { RowTally } from './row-tally.js';
import { RunEnd } from './run-end.js';
import { runReport, stageReports } from './run-report.js';
import type { Named, Stage } from './stage.js';
import type { StageLifecycle } from './stage-lifecycle.js';

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
  readonly #downstream: Downstream;
  readonly #tally: RowTally;
  readonly #lag: EventTimeLag;
  readonly #lifecycle: StageLifecycle;
  readonly #intake: SourceIntake;
  readonly #states: StageStates;
  readonly #checkpoints: CheckpointKeeper;
  readonly #cuts: PipelineCuts;
  readonly #turns: LoopTurns;
  readonly #idle: IdleWork;
  readonly #inputs: PipelineInputs;
  /** Those that are not in a branch. The others are cut and drained with their branch. */
  readonly #trunkInputs: PipelineInputs;
  /** Those of the source: they are stopped with it. */
  readonly #sourceInputs: PipelineInputs;
  readonly #branches: PipelineBranches;
  readonly #end: RunEnd;
  #paused = false;
  #isWoken = false;
  /** Whether all rows of the source have passed, and operators emit what they hold. */
  #isFinishing = false;
  #ending: keyof typeof AS_ASKED | undefined;
  #wake: (() => void) | undefined;
  #began: Nanos | undefined;

  /** @internal `PipelineBuilder.build` makes them. */
  constructor(parts: PipelineParts) {
    this.#parts = parts;
    const { batcher, sink, counters, clock, rejects, log, saver } = parts;
    const source = parts.source.stage;
    const operators = new OperatorChain(parts.operators, {
      input: source.schema,
      dictionaries: parts.dictionaries,
      order: source.order ?? SYMBOLS_IN_ORDER,
      keepsOrigins: needsOriginsInBranches(sink),
    });
    const lag = new EventTimeLag({ source, operators, batcher: batcher.stage, clock });
    const turns = new LoopTurns(clock);
    const places = placesOf<Named<Stage>>(parts);
    this.#inputs = new PipelineInputs(places);
    this.#intake = new SourceIntake({
      source: parts.source,
      queue: parts.queue,
      dictionaries: parts.dictionaries,
      rejects,
      clock,
      log,
      isHeld: () => this.#isHeld() && !this.#ending,
      isCutDue: () => this.#checkpoints.isCutting,
      onChange: () => tally.updateRead(),
    });
    const intake = this.#intake;
    const tally = new RowTally({ source, intake, operators, sink: sink.stage, counters, clock });
    const endWait = () => {
      intake.stopSource(); // its read may wait for a long time
      intake.breakOff();
      this.#inputs.stop(); // operators may wait for them
      this.#wake?.();
    };
    const idle = new IdleWork({
      onDone: () => {
        this.#cutWhileIdle();
        this.#askWhileIdle();
        this.#downstream.watchAge();
      },
      onFailure: endWait,
    });
    this.#checkpoints = new CheckpointKeeper({
      clock,
      log,
      sink,
      saver,
      onDue: () => this.#cutWhileIdle(),
      onRoom: () => this.#wake?.(),
      onFailure: (error) => {
        this.#branches.breakOff(error); // the loop may wait for one of them
        endWait();
      },
    });
    this.#branches = new PipelineBranches({
      stages: parts,
      clock,
      log,
      turns,
      counters,
      onFailure: endWait,
    });
    const isStopped = () => this.#mustStop() || this.#hasFailed;
    const onAge = (deliver: () => Promise<void>) => idle.start(deliver);
    const shared = { operators, tally, lag, turns, counters, clock };
    this.#downstream = new Downstream({
      ...shared,
      batcher,
      sink,
      onAge,
      isStopped,
      onFailure: endWait,
    });
    this.#trunkInputs = new PipelineInputs(places.filter(({ isInBranch }) => !isInBranch));
    this.#sourceInputs = new PipelineInputs(places.filter(({ path }) => path[0] === 'source'));
    this.#tally = tally;
    this.#lag = lag;
    this.#turns = turns;
    this.#idle = idle;
    this.#lifecycle = lifecycleOf(parts);
    this.#end = new RunEnd({
      source: parts.source,
      intake,
      inputs: this.#inputs,
      downstream: this.#downstream,
      branches: this.#branches,
      lifecycle: this.#lifecycle,
      clock,
      stopping: parts.stopping,
      isStopped: () => this.#mustStop(),
    });
    this.#states = new StageStates(parts, { tally, intake, inputs: this.#trunkInputs });
    this.#cuts = new PipelineCuts({
      pipeline: parts,
      downstream: this.#downstream,
      checkpoints: this.#checkpoints,
      states: this.#states,
      inputs: this.#trunkInputs,
      branches: this.#branches,
      lag,
    });
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
    const began = this.#parts.clock.now();
    this.#began = began;
    let reason: PipelineReport['reason'];
    let error: unknown;
    let stages: readonly StageReport[] = [];
    try {
      await this.#lifecycle.open();
      if (!this.#mustStop()) {
        const { checkpoint } = this.#parts;
        if (checkpoint) await this.#states.restore(checkpoint);
        this.#parts.counters.set('startStep', StartStep.started);
        await onOpen?.();
        this.#intake.start();
        this.#inputs.start();
        this.#branches.start();
        this.#checkpoints.start();
      }
      reason = await this.#toTheEnd();
    } catch (thrown) {
      reason = this.#end.isBrokenOff(thrown) ? 'stopped' : 'error';
      error = thrown;
      this.#parts.stopping?.abort(); // a checkpoint in progress, or a stage that opens, may wait for room on a disk
    }
    this.#intake.stop();
    this.#branches.breakOff(error ?? this.#end.reason());
    await this.#checkpoints.close();
    const failWith = (thrown: unknown) => {
      if (reason !== 'error') error = thrown;
      reason = 'error';
    };
    try {
      await this.#end.endSinks();
    } catch (thrown) {
      failWith(thrown);
    }
    try {
      // Calls the stages, any of which may throw; all are closed anyway.
      this.#tally.update();
      stages = this.describe();
    } catch (thrown) {
      failWith(thrown);
    }
    await this.#end.endReads();
    const failure = await this.#lifecycle.close();
    this.#parts.dictionaries.memory.close();
    if (failure !== undefined && !this.#end.isBrokenOff(failure)) failWith(failure);
    const now = this.#parts.clock.now();
    const durationMs = Number(now - began) / 1e6;
    const { durable } = this.#cuts;
    return runReport(this.#parts, { reason, error, began, durationMs, stages, ...(durable && { durable }) });
  }

  /**
   * Stops reading after the current batch. Rows inside stay there, except for batches that become due.
   * Time stands still for operators: no watermarks are emitted.
   */
  pause(): void {
    this.#paused = true;
  }

  /** Reads on after a pause. */
  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  /**
   * Ends the source and delivers what is inside. Live inputs of operators end once the rows in front of the end are
   * through: these may have waited for long, and what belongs to them comes meanwhile.
   */
  drain(): void {
    this.#ending ??= 'drain';
    const { holdsRows } = this.#parts.source.stage; // it is read on until it has returned them
    if (holdsRows && this.#ending === 'drain') this.#intake.stopSource();
    else this.#stopReading();
    if (this.#ending === 'drain') {
      this.#sourceInputs.drain();
      if (this.#isFinishing) this.#trunkInputs.drain();
      this.#branches.drain();
    }
    this.#wake?.();
  }

  /**
   * Ends with a checkpoint, so that the next start continues as if nothing had happened: operators keep
   * what they hold, and there is no `end` record. The stage that reads an input is told of no end either.
   * Without a store, or if all rows of the source have passed already, the same as `drain`.
   */
  suspend(): void {
    // Once operators have been told of the end, there is nothing to go on with: only live inputs are waited for.
    if (!this.#checkpoints.isKept || this.#isFinishing || this.#ending === 'drain') {
      this.drain();
      return;
    }
    this.#ending ??= 'suspend';
    this.#stopReading();
    this.#wake?.();
  }

  /** Ends without delivery: what is not durable is lost, and counted as pending. */
  stop(): void {
    this.#ending = 'stop';
    this.#lifecycle.interrupt();
    this.#checkpoints.stop();
    this.#parts.stopping?.abort();
    this.#branches.breakOff(this.#end.reason());
    this.#stopReading();
    this.#intake.breakOff();
    this.#inputs.stop();
    this.#wake?.();
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
    return this.#checkpoints.ask();
  }

  /** Returns the reports of all stages. */
  describe(): readonly StageReport[] {
    const heldBack = this.#checkpoints.holdsIntake
      ? 'held back: the checkpoint store has no room'
      : undefined;
    return stageReports(this.#parts, {
      lag: this.#lag,
      branches: this.#branches,
      intake: this.#intake,
      downstream: this.#downstream,
      heldBack,
    });
  }

  async #toTheEnd(): Promise<Ended> {
    const { ended } = this.#parts.checkpoint ?? {};
    if (ended) {
      // An earlier start ended after the sink had all rows.
      if (this.#mustStop()) return 'stopped';
      if (!(await this.#cuts.publish(ended.how))) return 'stopped';
      return ended.how === 'drained' ? 'drained' : 'end of input';
    }
    const reason = await this.#flow();
    if (reason === 'stopped') return reason;
    if (reason === 'suspended') {
      return (await this.#cutForNextStart()) ? reason : 'stopped';
    }
    return (await this.#finish(reason === 'drained' ? 'drained' : 'completed')) ? reason : 'stopped';
  }

  async #flow(): Promise<Ended> {
    for (;;) {
      if (this.#turns.isDue) await this.#turns.take();
      this.#throwIfFailed();
      if (this.#mustStop()) return 'stopped';
      await this.#downstream.deliverAged();
      if (this.#checkpoints.isDue && this.#intake.isPlaceKnown) {
        await this.#checkpoints.take(() => this.#cuts.take());
      }
      if (this.#ending === 'suspend' && this.#isReadAgain()) return 'suspended';
      if (this.#isHeld() && !this.#ending) {
        await this.#whilePaused();
        continue;
      }
      if (this.#isWoken) {
        await this.#askOperators();
        continue;
      }
      const batch = await this.#next();
      if (batch === undefined) continue;
      if (batch === null) return this.#ending ? AS_ASKED[this.#ending] : 'end of input';
      await this.#take(batch);
    }
  }

  /** @returns `null` if there are no more; `undefined` if the source has given an empty batch, or has ended. */
  async #next(): Promise<Batch | null | undefined> {
    let batch = this.#intake.take();
    if (batch === undefined) {
      this.#idle.begin();
      this.#cutWhileIdle(); // for a request that came while the last cut was taken
      this.#askWhileIdle();
      await this.#intake.wait();
      await this.#idle.end();
      this.#throwIfFailed(); // the read may have ended only because of this failure
      if (!this.#intake.hasArrivals) return undefined; // between two reads, a checkpoint may be due
      batch = this.#intake.take();
    }
    const { failure } = this.#intake;
    if (batch !== null || !failure) return batch;
    // If a restart can fetch the rows after a refused one again, it resumes from an earlier checkpoint.
    const { delivery } = this.#parts.source.stage.capabilities;
    const isHadAgain = failure.of === 'row' && this.#checkpoints.isKept && delivery === 'resumable';
    if (isHadAgain) throw failure.error;
    return this.#failAfterRead(failure.error);
  }

  async #take(batch: Batch): Promise<void> {
    const { source, counters, rejects } = this.#parts;
    this.#checkpoints.passed();
    await this.#downstream.pass(batch);
    counters.add('turns', 1);
    this.#tally.update();
    if (this.#intake.rowsRefused || source.stage.rowsRejected) await rejects.flush();
  }

  /** Whether what was read and not taken will be read again after a suspend. */
  #isReadAgain(): boolean {
    const isLost = this.#parts.source.stage.capabilities.delivery === 'live-only';
    return this.#intake.isPlaceKnown && (this.#intake.isIdle || !isLost);
  }

  /**
   * Delivers the rows of a live source before failing, since they cannot be read again; with a store, they
   * go into a last checkpoint for the next start. The rows of a replay are not delivered: a file that looks
   * complete but is not would be worse than none.
   */
  async #failAfterRead(error: unknown): Promise<never> {
    const { source, log } = this.#parts;
    if (source.stage.capabilities.delivery !== 'replayable') {
      const saving = this.#checkpoints.isKept ? this.#cutForNextStart() : this.#finish('failed');
      await saving.catch((err) => log.error({ err }, 'delivery failed after the source'));
    }
    throw error;
  }

  /** @returns `false` if a stop came before it was accepted. */
  async #cutForNextStart(): Promise<boolean> {
    await this.#inputs.suspend();
    this.#throwIfFailed();
    if (this.#mustStop()) return false;
    return this.#checkpoints.takeLast(() => {
      this.#branches.beginLastCut();
      return this.#cuts.take();
    });
  }

  /** @returns `false` if a stop came before everything was durable. */
  async #finish(how: EndOfStream): Promise<boolean> {
    this.#isFinishing = true;
    // Otherwise, operators would wait for the next rows of live ones.
    if (this.#ending === 'drain' || how !== 'completed') this.#trunkInputs.drain();
    if (!(await this.#downstream.finish(how))) {
      this.#throwIfFailed();
      return false;
    }
    return this.#cuts.publish(how);
  }

  /** Takes a checkpoint that is due while the loop waits. A busy loop takes due checkpoints itself. */
  #cutWhileIdle(): void {
    if (!this.#checkpoints.isDue || !this.#intake.isPlaceKnown) return;
    if (this.#mustStop()) return; // operators may have been broken off, with rows that no state has
    this.#idle.start(() => this.#checkpoints.take(() => this.#cuts.take()));
  }

  /** Asks woken operators while the loop waits. A busy loop asks them itself. */
  #askWhileIdle(): void {
    if (!this.#isWoken || this.#isHeld() || this.#ending) return;
    this.#idle.start(() => this.#askOperators());
  }

  async #askOperators(): Promise<void> {
    this.#isWoken = false;
    this.#checkpoints.passed();
    await this.#downstream.ask();
    this.#tally.update();
  }

  async #whilePaused(): Promise<void> {
    const { clock } = this.#parts;
    const since = clock.now();
    this.#idle.begin();
    this.#inputs.hold();
    this.#cutWhileIdle();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    // The next rows may have waited for this long.
    const heldNs = clock.now() - since;
    this.#intake.standStill(heldNs);
    this.#inputs.goOn(heldNs);
    await this.#idle.end();
  }

  /** Whether reading is paused, by request or since the checkpoint store has no room. */
  #isHeld(): boolean {
    return this.#paused || this.#checkpoints.holdsIntake;
  }

  #stopReading(): void {
    this.#intake.stop();
    this.#intake.stopSource();
  }

  #mustStop(): boolean {
    return this.#ending === 'stop';
  }

  get #hasFailed(): boolean {
    return this.#checkpoints.hasFailed || this.#branches.hasFailed || this.#downstream.hasFailed;
  }

  #throwIfFailed(): void {
    this.#branches.throwIfFailed();
    this.#checkpoints.throwIfFailed();
    this.#downstream.throwIfFailed();
  }
}

type Ended = Exclude<PipelineReport['reason'], 'error'>;

/** The reason in the report for each request. */
const AS_ASKED = { drain: 'drained', suspend: 'suspended', stop: 'stopped' } as const;
