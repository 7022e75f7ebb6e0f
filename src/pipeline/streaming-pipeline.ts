import { type Batch, releaseAll } from '../core/batch.js';
import { BatchPool } from '../core/batch-pool.js';
import { type Clock, type TimerHandle, turnOfTheLoop } from '../core/clock.js';
import type { DictionarySet } from '../core/dictionary.js';
import { PipelineError, toWireError } from '../core/errors.js';
import { type Nanos, toMillisCeil } from '../core/units.js';
import { type Counters, rowsPending } from '../protocol/counters.js';
import type { Checkpoint, PipelineReport, StageReport } from '../protocol/pipeline-report.js';
import { StartStep } from '../protocol/start-step.js';
import type { Logger } from '../telemetry/logger.js';
import type { Batcher } from './batcher.js';
import { blame, blamed } from './blame.js';
import { CheckpointRequests } from './checkpoint-requests.js';
import type { Operator } from './operator.js';
import { OperatorChain } from './operator-chain.js';
import type { Rejects } from './rejects.js';
import { RowTally } from './row-tally.js';
import type { Durable, Sink } from './sink.js';
import type { Source } from './source.js';
import type { Stage } from './stage.js';
import { type StageInLife, StageLifecycle } from './stage-lifecycle.js';

/** A stage and the name of its component. */
export interface Named<S> {
  readonly use: string;
  readonly stage: S;
}

export interface PipelineParts {
  readonly source: Named<Source>;
  readonly operators: readonly Named<Operator>[];
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly rejects: Rejects & Pick<Stage, 'open' | 'close'>;
  readonly dictionaries: DictionarySet;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
  /** What each stage has to open in. Without it, whoever runs the pipeline watches that it opens. */
  readonly openDeadlineMs?: number | undefined;
  /** Where an earlier run left off; its dictionaries are restored already. */
  readonly checkpoint?: Checkpoint;
}

/** How long the loop may run without timers and control messages having their turn. */
const TURN_NS = 10_000_000n;

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
  readonly #tally: RowTally;
  readonly #lifecycle: StageLifecycle;
  readonly #checkpoints = new CheckpointRequests();
  #paused = false;
  #ending: 'drain' | 'stop' | undefined;
  #wake: (() => void) | undefined;
  #began: Nanos | undefined;
  #turnedAt = 0n as Nanos;
  /** The loop waits for rows or is paused, so that the age timer may deliver. */
  #isWaiting = false;
  #ageTimer: TimerHandle;
  /** What the age timer delivers. Never rejects. */
  #delivering: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #durable: Durable | undefined;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#operators = new OperatorChain(parts.operators);
    const { source, operators, batcher, sink, rejects, counters, clock, log, openDeadlineMs } = parts;
    this.#tally = new RowTally({
      source: source.stage,
      operators: this.#operators,
      sink: sink.stage,
      counters,
      clock,
    });
    const step = StartStep.opening; // counts from the source to the sink
    const sinkAt = operators.length + 2;
    // From the sink up, so that whoever is open can pass its rows on. The rejects come last: a run
    // that is refused must not have emptied the dead-letter file of the one before it.
    const stages: StageInLife[] = [
      { name: `Sink "${sink.use}"`, code: 'SINK_FAILED', stage: sink.stage, step: step(sinkAt) },
      { name: `Batcher "${batcher.use}"`, code: 'INTERNAL', stage: batcher.stage, step: step(sinkAt - 1) },
    ];
    for (const [i, { use, stage }] of operators.entries()) {
      stages.push({ name: `Operator "${use}"`, code: 'OPERATOR_FAILED', stage, step: step(i + 1) });
    }
    stages.push({
      name: `Source "${source.use}"`,
      code: 'SOURCE_FAILED',
      stage: source.stage,
      step: step(0),
    });
    const last = {
      name: 'The dead-letter file',
      code: 'OUTPUT_FAILED',
      stage: rejects as Stage,
      step: step(sinkAt + 1),
    } as const;
    const onOpening = (at: number) => counters.set('startStep', at);
    this.#lifecycle = new StageLifecycle(stages, last, { clock, log, openDeadlineMs, onOpening });
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
    const began = this.#parts.clock.now();
    this.#began = began;
    this.#turnedAt = began;
    let reason: PipelineReport['reason'];
    let error: unknown;
    let stages: readonly StageReport[] = [];
    try {
      await this.#lifecycle.open();
      if (!this.#mustStop()) {
        await this.#goOn();
        this.#parts.counters.set('startStep', StartStep.started);
        await onOpen?.();
      }
      reason = await this.#flow();
      if (reason !== 'stopped') reason = await this.#finish(reason);
    } catch (thrown) {
      reason = 'error';
      error = thrown;
    }
    this.#disarm();
    this.#checkpoints.refuse();
    const failWith = (thrown: unknown) => {
      if (reason !== 'error') error = thrown;
      reason = 'error';
    };
    try {
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

  /** Stops reading after the current batch. What is inside stays there, but for what comes of age. */
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
    const report = (stage: string, { use, stage: of }: Named<Stage>): StageReport => ({
      stage,
      use,
      health: of.health?.() ?? { status: 'ok' },
      statistics: of.statistics?.() ?? {},
    });
    return [
      report('source', source),
      ...operators.map((operator, i) => report(`operators[${i}]`, operator)),
      report('batcher', batcher),
      report('sink', sink),
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
    const { source, counters } = this.#parts;
    for (;;) {
      await this.#turn();
      if (this.#mustStop()) return 'stopped';
      await this.#deliverAged();
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
      this.#tally.read(batch);
      await this.#pass(batch);
      counters.add('turns', 1);
      this.#tally.update();
      if (source.stage.rowsRejected) await this.#parts.rejects.flush();
    }
  }

  async #read(): Promise<Batch | null> {
    const { source, log } = this.#parts;
    let batch: Batch | null = null;
    let failure: { readonly thrown: unknown } | undefined;
    this.#isWaiting = true;
    try {
      batch = await source.stage.read();
    } catch (thrown) {
      failure = { thrown };
    }
    await this.#endWaiting();
    if (!failure) return batch;

    this.#tally.updateRead();
    // Rows that cannot be had again are delivered before the failure is told. Of a replay they
    // are not: a file that looks whole and is not would be worse than none.
    if (source.stage.capabilities.delivery !== 'replayable') {
      await this.#finish('drained').catch((err) => log.error({ err }, 'delivery failed after the source'));
    }
    throw blamed('SOURCE_FAILED', `Source "${source.use}"`, failure.thrown);
  }

  /** Takes a batch through operators and batcher, and whatever is ready to the sink. */
  async #pass(batch: Batch): Promise<void> {
    await this.#hand(await this.#operators.process(batch));
  }

  /** @param untilStop - Whether a stop cuts it short. */
  async #hand(batches: readonly Batch[], untilStop = false): Promise<void> {
    let next = 0;
    try {
      while (next < batches.length && !(untilStop && this.#mustStop())) {
        this.#parts.batcher.stage.add(batches[next++]!);
        await this.#deliver();
      }
    } finally {
      releaseAll(batches.slice(next));
    }
  }

  async #deliver(): Promise<void> {
    const { batcher, sink } = this.#parts;
    for (let batch = batcher.stage.take(); batch; batch = batcher.stage.take()) {
      const rows = batch.length;
      await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.write(batch as Batch));
      this.#tally.delivered(rows);
    }
  }

  /**
   * Tells the stages of the end and has each give up what it holds, from the source down.
   * @returns `stopped` when a stop came before all was durable.
   */
  async #finish<Reason extends 'end of input' | 'drained'>(reason: Reason): Promise<Reason | 'stopped'> {
    const { sink, source, dictionaries, rejects } = this.#parts;
    const last = new BatchPool(source.stage.schema, 1, dictionaries).acquire();
    last.controls.push({
      row: 0,
      record: { type: 'end', how: reason === 'drained' ? 'drained' : 'completed' },
    });
    await this.#pass(last);
    await this.#hand(await this.#operators.flush(), true);
    if (this.#mustStop()) return 'stopped';
    await this.#closeBatches();
    if (this.#mustStop()) return 'stopped';
    this.#durable = await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.flush());
    await rejects.flush();
    return reason;
  }

  async #cut(): Promise<Checkpoint> {
    const { source, sink, dictionaries, rejects } = this.#parts;
    await this.#closeBatches();
    const durable = await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.flush());
    this.#durable = durable;
    await rejects.flush(); // the source goes on behind these rows
    return {
      source: source.stage.position(),
      operators: this.#operators.snapshot(),
      sink: durable.position,
      dictionaries: dictionaries.snapshot(),
    };
  }

  async #closeBatches(): Promise<void> {
    this.#parts.batcher.stage.flush('drain');
    await this.#deliver();
  }

  /** What came of age while the loop was busy. The timer sees to what does while it waits. */
  async #deliverAged(): Promise<void> {
    const { batcher, clock } = this.#parts;
    const { due } = batcher.stage;
    if (due === undefined) return;
    if (due <= clock.now()) {
      batcher.stage.flush('age');
      await this.#deliver();
    }
    this.#arm();
  }

  /** One timer for the oldest open batch; armed late rather than anew for every batch. */
  #arm(): void {
    const { batcher, clock } = this.#parts;
    const { due } = batcher.stage;
    if (due === undefined || this.#ageTimer !== undefined) return;
    this.#ageTimer = clock.setTimeout(() => this.#onAge(), toMillisCeil((due - clock.now()) as Nanos));
  }

  #disarm(): void {
    if (this.#ageTimer !== undefined) this.#parts.clock.clearTimeout(this.#ageTimer);
    this.#ageTimer = undefined;
  }

  /** Delivers while the loop waits, and only then: the sink is given one batch at a time. */
  #onAge(): void {
    this.#ageTimer = undefined;
    if (!this.#isWaiting || this.#delivering) return;
    this.#parts.batcher.stage.flush('age');
    this.#delivering = this.#deliver()
      .then(() => this.#tally.update())
      .catch((error) => {
        this.#failure = { error };
        this.#parts.source.stage.stop(); // its read may wait for long
        this.#wake?.();
      })
      .finally(() => {
        this.#delivering = undefined;
        if (this.#isWaiting) this.#arm();
      });
  }

  async #whilePaused(): Promise<void> {
    this.#isWaiting = true;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    await this.#endWaiting();
  }

  /** @throws What a delivery by age threw. It comes before whatever the wait ended with. */
  async #endWaiting(): Promise<void> {
    this.#isWaiting = false;
    if (this.#delivering) await this.#delivering;
    if (this.#failure) throw this.#failure.error;
  }

  #mustStop(): boolean {
    return this.#ending === 'stop';
  }

  async #turn(): Promise<void> {
    const { clock } = this.#parts;
    if (clock.now() - this.#turnedAt < TURN_NS) return;
    await turnOfTheLoop();
    this.#turnedAt = clock.now();
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
      durationMs: Number(clock.now() - (this.#began ?? clock.now())) / 1e6,
      columnBytesPeak: dictionaries.memory.peak,
      outputs: sink.stage.outputs?.() ?? [],
      ...(this.#durable && { durable: this.#durable }),
      flushes: { ...batcher.stage.flushes },
      stages,
    };
  }
}
