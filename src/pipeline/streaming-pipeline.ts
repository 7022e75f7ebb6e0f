import { Batch } from '../core/batch.js';
import { PipelineError, toWireError } from '../core/errors.js';
import { SYMBOLS_IN_ORDER } from '../core/event-order.js';
import type { Nanos } from '../core/units.js';
import { type Counters, droppedRows, rowsPending } from '../protocol/counters.js';
import type {
  Checkpoint,
  PipelineReport,
  StageReport,
  StageStatistics,
} from '../protocol/pipeline-report.js';
import { StartStep } from '../protocol/start-step.js';
import { blame, blamed } from './blame.js';
import { CheckpointRequests } from './checkpoint-requests.js';
import { Downstream, type EndOfStream } from './downstream.js';
import { EventTimeLag } from './event-time-lag.js';
import { IdleWork } from './idle-work.js';
import { LiveIntake } from './live-intake.js';
import { WATERMARK_EVERY_NS } from './live-watermark.js';
import { LoopTurns } from './loop-turns.js';
import { OperatorChain } from './operator-chain.js';
import { lifecycleOf, type PipelineParts } from './pipeline-parts.js';
import { RepeatingTimer } from './repeating-timer.js';
import { RowTally } from './row-tally.js';
import type { Durable } from './sink.js';
import type { Named, Stage } from './stage.js';
import type { StageLifecycle } from './stage-lifecycle.js';

/**
 * Runs one source → operators → batcher → sink in the calling thread, once. One batch is on its way
 * at a time: the sink's `write` is the back-pressure of the source.
 *
 * `pause`, `resume`, `drain` and `stop` only ask, may come at any time (before `run` and while the
 * stages are opened, too) and more than once; a drain overrides a pause, a stop overrides both.
 */
export class StreamingPipeline {
  readonly #parts: PipelineParts;
  readonly #operators: OperatorChain;
  readonly #downstream: Downstream;
  readonly #tally: RowTally;
  readonly #lag: EventTimeLag;
  readonly #lifecycle: StageLifecycle;
  readonly #checkpoints = new CheckpointRequests();
  readonly #turns: LoopTurns;
  readonly #idle: IdleWork;
  readonly #live: { readonly intake: LiveIntake; readonly timer: RepeatingTimer } | undefined;
  #paused = false;
  #ending: 'drain' | 'stop' | undefined;
  #wake: (() => void) | undefined;
  #began: Nanos | undefined;
  #durable: Durable | undefined;
  /** Of a live source: when the read that is under way, or was last, began. */
  #waitsSince = 0n as Nanos;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    const { batcher, sink, counters, clock, rejects } = parts;
    const source = parts.source.stage;
    const operators = new OperatorChain(parts.operators, {
      input: source.schema,
      dictionaries: parts.dictionaries,
      order: source.order ?? SYMBOLS_IN_ORDER,
    });
    const tally = new RowTally({ source, operators, sink: sink.stage, counters, clock });
    const lag = new EventTimeLag({ source, operators, batcher: batcher.stage, clock });
    const turns = new LoopTurns(clock);
    const idle = new IdleWork({
      onDone: () => this.#downstream.watchAge(),
      onFailure: () => {
        source.stop(); // its read may wait for long
        this.#wake?.();
      },
    });
    const isStopped = () => this.#mustStop();
    const shared = { operators, tally, lag, turns, idle, counters, clock };
    this.#downstream = new Downstream({ ...shared, batcher: batcher.stage, sink, isStopped });
    this.#operators = operators;
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
  }

  get counters(): Counters {
    return this.#parts.counters;
  }

  /**
   * Runs to the end of the data or until asked to end. A failure is an outcome of the report, not a
   * rejection.
   *
   * @param onOpen - Awaited once all stages are open, before the first batch.
   * @throws {PipelineError} `JOB_STATE` the second time.
   */
  async run(onOpen?: () => Promise<void>): Promise<PipelineReport> {
    if (this.#began !== undefined) {
      throw new PipelineError('JOB_STATE', 'A pipeline runs once; make another one to run its spec again');
    }
    this.#began = this.#parts.clock.now();
    let reason: PipelineReport['reason'];
    let error: unknown;
    let stages: readonly StageReport[] = [];
    try {
      await this.#lifecycle.open();
      if (!this.#mustStop()) {
        await this.#goOn();
        this.#parts.counters.set('startStep', StartStep.started);
        await onOpen?.();
        this.#live?.timer.start();
      }
      reason = await this.#flow();
      if (reason !== 'stopped') {
        const isWhole = await this.#finish(reason === 'drained' ? 'drained' : 'completed');
        if (!isWhole) reason = 'stopped';
      }
    } catch (thrown) {
      reason = 'error';
      error = thrown;
    }
    this.#live?.timer.stop();
    this.#checkpoints.refuse();
    const failWith = (thrown: unknown) => {
      if (reason !== 'error') error = thrown;
      reason = 'error';
    };
    try {
      this.#downstream.release();
      // Asks the stages, any of which may throw; all are closed all the same.
      this.#tally.update();
      stages = this.describe();
    } catch (thrown) {
      failWith(thrown);
    }
    const failure = await this.#lifecycle.close();
    this.#parts.dictionaries.memory.close();
    if (failure !== undefined) failWith(failure);
    return this.#report(reason, error, stages);
  }

  /**
   * Stops reading after the current batch. What is inside stays there, but for what comes of age. For
   * operators time stands still: no watermark is told.
   */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  /** Ends the source and delivers what is inside. */
  drain(): void {
    this.#ending ??= 'drain';
    this.#parts.source.stage.stop();
    this.#wake?.();
  }

  /** Ends without delivery: what is not durable is lost, and counted as pending. */
  stop(): void {
    this.#ending = 'stop';
    this.#lifecycle.interrupt();
    this.#parts.source.stage.stop();
    this.#wake?.();
  }

  /**
   * A consistent cut between two batches: closes what the batcher holds, makes the sink durable and
   * takes every stage's state. Waits for the read that is under way.
   *
   * @throws {PipelineError} `JOB_STATE` when the run ends before it could be taken.
   */
  checkpoint(): Promise<Checkpoint> {
    const taken = this.#checkpoints.add();
    this.#wake?.();
    return taken;
  }

  /** What each stage says of itself. */
  describe(): readonly StageReport[] {
    const { source, operators, batcher, sink } = this.#parts;
    const lag = this.#lag;
    return [
      reportOf('source', source, lag.ofSource()),
      ...operators.map((operator, i) => reportOf(`operators[${i}]`, operator, lag.ofOperator(i))),
      reportOf('batcher', batcher, lag.ofBatcher()),
      reportOf('sink', sink, lag.ofSink()),
    ];
  }

  /** Takes the stages to where the checkpoint was, if there is one. */
  async #goOn(): Promise<void> {
    const { source, operators, sink, counters, checkpoint } = this.#parts;
    if (!checkpoint) return;
    counters.set('startStep', StartStep.opening(operators.length + 2));
    await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.resume?.(checkpoint.sink));
    this.#operators.restore(checkpoint.operators);
    counters.set('startStep', StartStep.opening(0));
    await blame('SOURCE_FAILED', `Source "${source.use}"`, () => source.stage.resume(checkpoint.source));
  }

  async #flow(): Promise<'end of input' | 'drained' | 'stopped'> {
    for (;;) {
      if (this.#turns.isDue) await this.#turns.take();
      if (this.#mustStop()) return 'stopped';
      await this.#downstream.deliverAged();
      if (this.#checkpoints.waiting) await this.#checkpoints.answer(() => this.#cut());
      if (this.#ending) return this.#mustStop() ? 'stopped' : 'drained';
      if (this.#paused) {
        await this.#whilePaused();
        continue;
      }
      const batch = await this.#read();
      if (batch === null) {
        if (this.#mustStop()) return 'stopped';
        return this.#ending ? 'drained' : 'end of input';
      }
      await this.#take(batch);
    }
  }

  async #read(): Promise<Batch | null> {
    const { source } = this.#parts;
    let batch: Batch | null = null;
    let failure: { readonly thrown: unknown } | undefined;
    if (this.#live) this.#waitsSince = this.#parts.clock.now();
    this.#idle.begin();
    try {
      batch = await source.stage.read();
    } catch (thrown) {
      failure = { thrown };
    }
    try {
      await this.#idle.end();
    } catch (thrown) {
      batch?.release();
      throw thrown;
    }
    if (!failure) return batch;

    this.#tally.updateRead();
    return this.#failAfterRead(blamed('SOURCE_FAILED', `Source "${source.use}"`, failure.thrown));
  }

  async #take(batch: Batch): Promise<void> {
    const { source, counters, rejects } = this.#parts;
    const rows = batch.length;
    const live = this.#live?.intake.receive(batch);
    this.#tally.read(rows, live?.refused);
    await this.#downstream.pass(batch);
    counters.add('turns', 1);
    this.#tally.update();
    if (live?.refused || source.stage.rowsRejected) await rejects.flush();
    if (live?.failure) await this.#failAfterRead(live.failure.error);
  }

  /**
   * Rows that cannot be had again are delivered before the failure is told. Of a replay they are not:
   * a file that looks whole and is not would be worse than none.
   */
  async #failAfterRead(error: unknown): Promise<never> {
    const { source, log } = this.#parts;
    if (source.stage.capabilities.delivery !== 'replayable') {
      await this.#finish('failed').catch((err) => log.error({ err }, 'delivery failed after the source'));
    }
    throw error;
  }

  /** @returns `false` when a stop came before all was durable. */
  async #finish(how: EndOfStream): Promise<boolean> {
    const durable = await this.#downstream.finish(how);
    if (!durable) return false;
    this.#durable = durable;
    await this.#parts.rejects.flush();
    return true;
  }

  async #cut(): Promise<Checkpoint> {
    const { source, dictionaries, rejects } = this.#parts;
    const durable = await this.#downstream.makeDurable();
    this.#durable = durable;
    await rejects.flush(); // the source goes on behind these rows
    return {
      source: source.stage.position(),
      operators: this.#operators.snapshot(),
      sink: durable.position,
      dictionaries: dictionaries.snapshot(),
    };
  }

  /** Says how far event time is though no row comes to tell. */
  async #tellWatermark(now: Nanos): Promise<void> {
    // What came while the loop was busy is read first: it may take a source some turns to hand it over.
    if (this.#paused || this.#ending || now - this.#waitsSince < WATERMARK_EVERY_NS) return;
    const { source, dictionaries } = this.#parts;
    const batch = new Batch(source.stage.schema, 1, dictionaries);
    if (!this.#live?.intake.mark(batch, now)) {
      batch.release();
      return;
    }
    await this.#downstream.pass(batch);
    this.#tally.update();
  }

  async #whilePaused(): Promise<void> {
    const { clock } = this.#parts;
    const since = clock.now();
    this.#idle.begin();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    // Rows that come next may have waited for as long.
    this.#live?.intake.standStill(clock.now() - since);
    await this.#idle.end();
  }

  #mustStop(): boolean {
    return this.#ending === 'stop';
  }

  #report(reason: PipelineReport['reason'], error: unknown, stages: readonly StageReport[]): PipelineReport {
    const { counters, clock, sink, batcher, dictionaries } = this.#parts;
    const values = counters.read();
    return {
      outcome: reason === 'error' ? 'failed' : reason === 'stopped' ? 'stopped' : 'completed',
      reason,
      ...(reason === 'error' && { error: toWireError(error) }),
      counters: values,
      rowsPending: rowsPending(values),
      dropped: droppedRows(values),
      durationMs: Number(clock.now() - (this.#began ?? clock.now())) / 1e6,
      columnBytesPeak: dictionaries.memory.peak,
      outputs: sink.stage.outputs?.() ?? [],
      ...(this.#durable && { durable: this.#durable }),
      flushes: { ...batcher.stage.flushes },
      stages,
    };
  }
}

const reportOf = (
  stage: string,
  { use, stage: of }: Named<Stage>,
  statistics: StageStatistics,
): StageReport => ({
  stage,
  use,
  health: of.health?.() ?? { status: 'ok' },
  statistics: { ...of.statistics?.(), ...statistics },
});
