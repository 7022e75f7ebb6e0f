import { Batch } from '../columns/batch.js';
import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { PipelineError, RuntimeError } from '../core/errors.js';
import type { Nanos } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';
import { StartStep } from '../wire/start-step.js';
import { blamed } from './blame.js';
import { CheckpointKeeper, type Cut } from './checkpoint-keeper.js';
import { Downstream, type EndOfStream } from './downstream.js';
import { EventTimeLag } from './event-time-lag.js';
import { IdleWork } from './idle-work.js';
import { LiveIntake } from './live-intake.js';
import { WATERMARK_EVERY_NS } from './live-watermark.js';
import { LoopTurns } from './loop-turns.js';
import { OperatorChain } from './operator-chain.js';
import { PipelineInputs } from './pipeline-inputs.js';
import { lifecycleOf, type PipelineParts } from './pipeline-parts.js';
import { ReadPosition } from './read-position.js';
import { RepeatingTimer } from './repeating-timer.js';
import { RowTally } from './row-tally.js';
import { runReport, stageReports } from './run-report.js';
import type { Durable } from './sink.js';
import type { StageLifecycle } from './stage-lifecycle.js';
import { StageStates } from './stage-states.js';
import { titleOfStage } from './stage-title.js';

/**
 * Runs one source → operators → batcher → sink in the calling thread, once. Only one batch is in flight
 * at a time, so the sink's `write` is the back-pressure for the source.
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
  readonly #position: ReadPosition;
  readonly #states: StageStates;
  readonly #checkpoints: CheckpointKeeper;
  readonly #turns: LoopTurns;
  readonly #idle: IdleWork;
  readonly #inputs: PipelineInputs;
  readonly #live: { readonly intake: LiveIntake; readonly timer: RepeatingTimer } | undefined;
  #paused = false;
  #isWoken = false;
  #ending: keyof typeof AS_ASKED | undefined;
  #wake: (() => void) | undefined;
  #began: Nanos | undefined;
  #durable: Durable | undefined;
  /** For a live source: when the current or last read began. */
  #waitsSince = 0n as Nanos;

  /** @internal `PipelineBuilder.build` makes them. */
  constructor(parts: PipelineParts) {
    this.#parts = parts;
    const { batcher, sink, counters, clock, rejects, log, saver } = parts;
    const source = parts.source.stage;
    const operators = new OperatorChain(parts.operators, {
      input: source.schema,
      dictionaries: parts.dictionaries,
      order: source.order ?? SYMBOLS_IN_ORDER,
    });
    const tally = new RowTally({ source, operators, sink: sink.stage, counters, clock });
    const lag = new EventTimeLag({ source, operators, batcher: batcher.stage, clock });
    const turns = new LoopTurns(clock);
    const endWait = () => {
      source.stop(); // its read may wait for a long time
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
      onFailure: endWait,
    });
    const isStopped = () => this.#mustStop() || this.#checkpoints.hasFailed;
    const shared = { operators, tally, lag, turns, idle, counters, clock };
    this.#downstream = new Downstream({ ...shared, batcher: batcher.stage, sink, isStopped });
    this.#inputs = new PipelineInputs(parts);
    this.#position = new ReadPosition(parts.source, rejects, !this.#inputs.areNone);
    this.#tally = tally;
    this.#lag = lag;
    this.#turns = turns;
    this.#idle = idle;
    this.#lifecycle = lifecycleOf(parts);
    if (LiveIntake.isFor(source)) {
      const onTime = (now: Nanos) => idle.start(() => this.#tellWatermark(now));
      this.#live = {
        intake: new LiveIntake(parts.source, rejects, clock),
        timer: new RepeatingTimer(clock, WATERMARK_EVERY_NS, onTime),
      };
    }
    const intake = this.#live?.intake;
    this.#states = new StageStates(parts, { position: this.#position, tally, intake });
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
    this.#began = this.#parts.clock.now();
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
        this.#live?.timer.start();
        this.#inputs.start();
        this.#checkpoints.start();
      }
      reason = await this.#toTheEnd();
    } catch (thrown) {
      reason = this.#isBrokenOff(thrown) ? 'stopped' : 'error';
      error = thrown;
    }
    this.#live?.timer.stop();
    await this.#checkpoints.close();
    const failWith = (thrown: unknown) => {
      if (reason !== 'error') error = thrown;
      reason = 'error';
    };
    try {
      this.#downstream.release();
      // Calls the stages, any of which may throw; all are closed anyway.
      this.#tally.update();
      stages = this.describe();
    } catch (thrown) {
      failWith(thrown);
    }
    await this.#inputs.end();
    const failure = await this.#lifecycle.close();
    this.#parts.dictionaries.memory.close();
    if (failure !== undefined && !this.#isBrokenOff(failure)) failWith(failure);
    const now = this.#parts.clock.now();
    const durationMs = Number(now - this.#began) / 1e6;
    const durable = this.#durable;
    return runReport(this.#parts, { reason, error, durationMs, stages, ...(durable && { durable }) });
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

  /** Ends the source and delivers what is inside. */
  drain(): void {
    this.#ending ??= 'drain';
    this.#parts.source.stage.stop();
    if (this.#ending === 'drain') this.#inputs.drain();
    this.#wake?.();
  }

  /**
   * Ends with a checkpoint, so that the next start continues as if nothing had happened: operators keep
   * what they hold, and there is no `end` record. Inputs are not stopped: to the stage that reads one, that
   * would be its end. Without a store, the same as `drain`.
   */
  suspend(): void {
    if (!this.#checkpoints.isKept) {
      this.drain();
      return;
    }
    this.#ending ??= 'suspend';
    this.#parts.source.stage.stop();
    this.#wake?.();
  }

  /** Ends without delivery: what is not durable is lost, and counted as pending. */
  stop(): void {
    this.#ending = 'stop';
    this.#lifecycle.interrupt();
    this.#checkpoints.stop();
    this.#parts.stopping?.abort();
    this.#parts.source.stage.stop();
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
    return stageReports(this.#parts, this.#lag, heldBack);
  }

  async #toTheEnd(): Promise<Ended> {
    const { ended } = this.#parts.checkpoint ?? {};
    if (ended) {
      // An earlier start ended after the sink had all rows.
      if (this.#mustStop()) return 'stopped';
      if (!(await this.#publish(ended.how))) return 'stopped';
      return ended.how === 'drained' ? 'drained' : 'end of input';
    }
    const reason = await this.#flow();
    if (reason === 'stopped') return reason;
    if (reason === 'suspended') {
      return (await this.#checkpoints.takeLast(() => this.#cut())) ? reason : 'stopped';
    }
    return (await this.#finish(reason === 'drained' ? 'drained' : 'completed')) ? reason : 'stopped';
  }

  async #flow(): Promise<Ended> {
    for (;;) {
      if (this.#turns.isDue) await this.#turns.take();
      this.#checkpoints.throwIfFailed();
      if (this.#mustStop()) return 'stopped';
      await this.#downstream.deliverAged();
      if (this.#checkpoints.isDue) await this.#checkpoints.take(() => this.#cut());
      if (this.#ending) return AS_ASKED[this.#ending];
      if (this.#isHeld()) {
        await this.#whilePaused();
        continue;
      }
      if (this.#isWoken) {
        await this.#askOperators();
        continue;
      }
      const batch = await this.#read();
      if (batch === null) {
        return this.#ending ? AS_ASKED[this.#ending] : 'end of input';
      }
      await this.#take(batch);
    }
  }

  async #read(): Promise<Batch | null> {
    const { source, clock } = this.#parts;
    let batch: Batch | null = null;
    let failure: { readonly thrown: unknown } | undefined;
    this.#position.beginRead();
    if (this.#live) this.#waitsSince = this.#parts.clock.now();
    this.#idle.begin();
    this.#cutWhileIdle(); // for a request that came while the last cut was taken
    this.#askWhileIdle();
    try {
      batch = await source.stage.read();
    } catch (thrown) {
      failure = { thrown };
    }
    try {
      await this.#idle.end();
      this.#checkpoints.throwIfFailed(); // the read may have ended only because of this failure
    } catch (thrown) {
      batch?.release();
      throw thrown;
    }
    if (!failure) {
      this.#position.endRead();
      return batch;
    }

    this.#tally.updateRead();
    return this.#failAfterRead(
      blamed('SOURCE_FAILED', titleOfStage('Source', source), failure.thrown, clock),
    );
  }

  async #take(batch: Batch): Promise<void> {
    const { source, counters, rejects } = this.#parts;
    const rows = batch.length;
    const live = this.#live?.intake.receive(batch);
    this.#tally.read(rows, live?.refused);
    this.#checkpoints.passed();
    await this.#downstream.pass(batch);
    counters.add('turns', 1);
    this.#tally.update();
    if (live?.refused || source.stage.rowsRejected) await rejects.flush();
    if (!live?.failure) return;
    // If a restart can fetch the rows after the refused one again, it resumes from an earlier checkpoint.
    const isHadAgain = this.#checkpoints.isKept && source.stage.capabilities.delivery === 'resumable';
    if (isHadAgain) throw live.failure.error;
    await this.#failAfterRead(live.failure.error);
  }

  /**
   * Delivers the rows of a live source before failing, since they cannot be read again; with a store, they
   * go into a last checkpoint for the next start. The rows of a replay are not delivered: a file that looks
   * complete but is not would be worse than none.
   */
  async #failAfterRead(error: unknown): Promise<never> {
    const { source, log } = this.#parts;
    if (source.stage.capabilities.delivery !== 'replayable') {
      const saving = this.#checkpoints.isKept
        ? this.#checkpoints.takeLast(() => this.#cut())
        : this.#finishFailed();
      await saving.catch((err) => log.error({ err }, 'delivery failed after the source'));
    }
    throw error;
  }

  #finishFailed(): Promise<boolean> {
    this.#inputs.drain(); // operators would wait for the next rows of live ones
    return this.#finish('failed');
  }

  /** @returns `false` if a stop came before everything was durable. */
  async #finish(how: EndOfStream): Promise<boolean> {
    if (!(await this.#downstream.finish(how))) {
      this.#checkpoints.throwIfFailed();
      return false;
    }
    return this.#publish(how);
  }

  /**
   * Makes the last rows visible. With a store, only after a checkpoint that lists them was accepted; then
   * another checkpoint records that nothing is left to do.
   *
   * @returns `false` if a stop came first.
   */
  async #publish(how: EndOfStream): Promise<boolean> {
    const { sink, rejects } = this.#parts;
    const keeper = this.#checkpoints;
    const isKept = keeper.isKept && how !== 'failed';
    if (isKept && sink.stage.prepare) {
      const isAccepted = await keeper.takeLast(() => this.#cut({ how, isPublished: false }));
      if (!isAccepted) return false;
    }
    const durable = await this.#downstream.flush();
    this.#durable = durable;
    this.#lag.finish();
    await rejects.flush();
    if (!isKept) return true;
    const ended = { how, isPublished: true } as const;
    return keeper.takeLast(() => this.#inputs.whileStill(rejects, () => this.#cutNow(durable, ended)));
  }

  /** Takes a checkpoint that is due while the loop waits. A busy loop takes due checkpoints itself. */
  #cutWhileIdle(): void {
    if (!this.#checkpoints.isDue || !this.#position.isKnown) return;
    this.#idle.start(() => this.#checkpoints.take(() => this.#cut()));
  }

  async #cut(ended?: Checkpoint['ended']): Promise<Cut> {
    const { sink, rejects } = this.#parts;
    await this.#downstream.closeBatches();
    await rejects.flush(); // a resumed source continues after these rows
    const isPrepared = this.#checkpoints.isKept && sink.stage.prepare !== undefined;
    const flushed = isPrepared ? undefined : await this.#downstream.flush();
    return this.#inputs.whileStill(rejects, () => this.#cutNow(flushed, ended));
  }

  /** @param flushed - What the sink has made durable and visible; if omitted, the sink prepares. */
  #cutNow(flushed: Durable | undefined, ended?: Checkpoint['ended']): Cut {
    const checkpoint = this.#states.take(ended); // before the sink begins: this may throw
    const durable = flushed ? Promise.resolve(flushed) : this.#downstream.prepare(ended !== undefined);
    // Nobody reads the last checkpoint of a run to make up for what was lost.
    const { rejects } = this.#parts;
    const synced = ended || !rejects.settle ? rejects.sync?.() : rejects.settle();
    synced?.catch(() => undefined); // told once the sink is done: it is not closed before that
    return {
      durable: durable.then(async (of) => {
        await synced;
        this.#durable = of;
        return of;
      }),
      isPrepared: flushed === undefined,
      turn: this.#checkpoints.turn,
      checkpoint,
    };
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

  /** Emits a watermark while no rows arrive. */
  async #tellWatermark(now: Nanos): Promise<void> {
    // Not right after a read began: rows that arrived while the loop was busy may still be on their way.
    if (this.#isHeld() || this.#ending || now - this.#waitsSince < WATERMARK_EVERY_NS) return;
    const { source, dictionaries } = this.#parts;
    const batch = new Batch(source.stage.schema, 1, dictionaries);
    if (!this.#live?.intake.mark(batch, now)) {
      batch.release();
      return;
    }
    this.#checkpoints.passed();
    await this.#downstream.pass(batch);
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
    this.#live?.intake.standStill(heldNs);
    this.#inputs.goOn(heldNs);
    await this.#idle.end();
  }

  /** Whether reading is paused, by request or since the checkpoint store has no room. */
  #isHeld(): boolean {
    return this.#paused || this.#checkpoints.holdsIntake;
  }

  #mustStop(): boolean {
    return this.#ending === 'stop';
  }

  /** Whether a stage threw only because the stop ended its wait, which is not a failure. */
  #isBrokenOff(thrown: unknown): boolean {
    const { signal } = this.#parts.stopping ?? {};
    if (!signal?.aborted || !this.#mustStop()) return false;
    return thrown instanceof RuntimeError && thrown.cause === signal.reason;
  }
}

type Ended = Exclude<PipelineReport['reason'], 'error'>;

/** The reason in the report for each request. */
const AS_ASKED = { drain: 'drained', suspend: 'suspended', stop: 'stopped' } as const;
