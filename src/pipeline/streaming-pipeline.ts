import type { Batch } from '../core/batch.js';
import { BatchPool } from '../core/batch-pool.js';
import { type Clock, type TimerHandle, turnOfTheLoop } from '../core/clock.js';
import type { DictionarySet } from '../core/dictionary.js';
import { toWireError } from '../core/errors.js';
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
import type { Durable, Sink } from './sink.js';
import type { Source } from './source.js';
import type { Stage } from './stage.js';

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
  readonly rejects: Rejects & { close?(): Promise<void> };
  readonly dictionaries: DictionarySet;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where an earlier run left off; its dictionaries are restored already. */
  readonly checkpoint?: Checkpoint;
}

/** How long the loop may run without timers and control messages having their turn. */
const TURN_NS = 10_000_000n;

/**
 * Runs one source → operators → batcher → sink in the calling thread, once. One batch is on its way
 * at a time: the sink's `write` is the back-pressure of the source.
 *
 * `pause`, `resume`, `drain` and `stop` only ask, may come at any time (before `run` too) and more
 * than once; a drain overrides a pause, a stop overrides both.
 */
export class StreamingPipeline {
  readonly #parts: PipelineParts;
  readonly #operators: OperatorChain;
  readonly #checkpoints = new CheckpointRequests();
  #paused = false;
  #ending: 'drain' | 'stop' | undefined;
  #wake: (() => void) | undefined;
  #began = 0n as Nanos;
  #turnedAt = 0n as Nanos;
  #rowsRead = 0;
  #ageTimer: TimerHandle;
  #delivering: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #durable: Durable | undefined;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#operators = new OperatorChain(parts.operators);
  }

  get counters(): Counters {
    return this.#parts.counters;
  }

  /**
   * Runs to the end of the data or until asked to end. A failure is an outcome of the report, not a
   * rejection.
   *
   * @param onOpen - Awaited once all stages are open, before the first batch.
   */
  async run(onOpen?: () => Promise<void>): Promise<PipelineReport> {
    const { clock } = this.#parts;
    this.#began = clock.now();
    this.#turnedAt = this.#began;
    let reason: PipelineReport['reason'];
    let error: unknown;
    try {
      await this.#open();
      await onOpen?.();
      reason = await this.#flow();
      if (reason !== 'stopped') await this.#finish(reason);
    } catch (thrown) {
      reason = 'error';
      error = thrown;
    }
    this.#disarm();
    this.#checkpoints.refuse();
    this.#count();
    const stages = this.describe();
    const closingError = await this.#close();
    if (reason !== 'error' && closingError !== undefined) {
      reason = 'error';
      error = closingError;
    }
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

  /** From the sink up, so that whoever is open can pass its rows on. */
  async #open(): Promise<void> {
    const { source, operators, batcher, sink, checkpoint, counters } = this.#parts;
    const at = (position: number) => counters.set('startStep', StartStep.opening(position));
    const sinkAt = operators.length + 2;
    at(sinkAt);
    await blame('SINK_FAILED', `"${sink.use}"`, () => sink.stage.open?.());
    at(sinkAt - 1);
    await batcher.stage.open?.();
    for (const [i, { use, stage }] of operators.entries()) {
      at(i + 1);
      await blame('OPERATOR_FAILED', `"${use}"`, () => stage.open?.());
    }
    at(0);
    await blame('SOURCE_FAILED', `"${source.use}"`, () => source.stage.open?.());
    if (checkpoint) {
      at(sinkAt);
      await sink.stage.resume?.(checkpoint.sink);
      this.#operators.restore(checkpoint.operators);
      at(0);
      await source.stage.resume(checkpoint.source);
    }
    counters.set('startStep', StartStep.started);
  }

  async #flow(): Promise<'end of input' | 'drained' | 'stopped'> {
    const { source, counters, clock } = this.#parts;
    for (;;) {
      await this.#turn();
      if (this.#checkpoints.waiting) await this.#checkpoints.answer(() => this.#cut());
      if (this.#ending === 'stop') return 'stopped';
      if (this.#ending === 'drain') return 'drained';
      if (this.#paused) {
        await this.#whilePaused();
        continue;
      }
      const batch = await this.#read();
      if (this.#delivering) await this.#delivering;
      if (this.#failure) throw this.#failure.error;
      if (batch === null) {
        if (this.#ending === 'stop') return 'stopped';
        return this.#ending === 'drain' ? 'drained' : 'end of input';
      }
      if (this.#rowsRead === 0 && batch.length > 0) counters.set('firstRowAtNs', clock.now());
      this.#rowsRead += batch.length;
      this.#countRead();
      await this.#pass(batch);
      counters.add('turns', 1);
      this.#count();
      if (source.stage.rowsRejected) await this.#parts.rejects.flush();
    }
  }

  async #read(): Promise<Batch | null> {
    const { source } = this.#parts;
    try {
      return await source.stage.read();
    } catch (thrown) {
      this.#countRead();
      const error = blamed('SOURCE_FAILED', `"${source.use}"`, thrown);
      // Rows that cannot be had again are delivered before the failure is told. Of a replay they
      // are not: a file that looks whole and is not would be worse than none.
      if (source.stage.capabilities.delivery !== 'replayable') {
        await this.#finish('drained').catch((later) =>
          this.#parts.log.error({ err: later }, 'delivery failed after the source'),
        );
      }
      throw error;
    }
  }

  /** Takes a batch through operators and batcher, and whatever is ready to the sink. */
  async #pass(batch: Batch): Promise<void> {
    const { batcher } = this.#parts;
    for (const made of await this.#operators.process(batch)) {
      batcher.stage.add(made);
      await this.#deliver();
    }
    this.#arm();
  }

  async #deliver(): Promise<void> {
    const { batcher, sink, counters } = this.#parts;
    for (let batch = batcher.stage.take(); batch; batch = batcher.stage.take()) {
      const rows = batch.length;
      await blame('SINK_FAILED', `"${sink.use}"`, () => sink.stage.write(batch as Batch));
      counters.add('rowsOut', rows);
      if (rows > 0) counters.add('batches', 1);
    }
  }

  /** Tells the stages of the end and has each give up what it holds, from the source down. */
  async #finish(reason: 'end of input' | 'drained'): Promise<void> {
    const { batcher, sink, source, dictionaries, rejects } = this.#parts;
    const last = new BatchPool(source.stage.schema, 1, dictionaries).acquire();
    last.controls.push({
      row: 0,
      record: { type: 'end', how: reason === 'drained' ? 'drained' : 'completed' },
    });
    await this.#pass(last);
    for (const made of await this.#operators.flush()) {
      batcher.stage.add(made);
      await this.#deliver();
    }
    await this.#closeBatches();
    this.#durable = await blame('SINK_FAILED', `"${sink.use}"`, () => sink.stage.flush());
    await rejects.flush();
  }

  async #cut(): Promise<Checkpoint> {
    const { source, sink, dictionaries } = this.#parts;
    await this.#closeBatches();
    const durable = await blame('SINK_FAILED', `"${sink.use}"`, () => sink.stage.flush());
    this.#durable = durable;
    return {
      source: source.stage.position(),
      operators: this.#operators.snapshot(),
      sink: durable.position,
      dictionaries: dictionaries.snapshot(),
    };
  }

  async #closeBatches(): Promise<void> {
    if (this.#delivering) await this.#delivering;
    this.#parts.batcher.stage.flush('drain');
    await this.#deliver();
  }

  /** One timer for the oldest open batch; armed late rather than anew for every batch. */
  #arm(): void {
    const { batcher, clock } = this.#parts;
    const due = batcher.stage.due;
    if (due === undefined || this.#ageTimer !== undefined) return;
    this.#ageTimer = clock.setTimeout(() => this.#onAge(), toMillisCeil((due - clock.now()) as Nanos));
  }

  #disarm(): void {
    if (this.#ageTimer !== undefined) this.#parts.clock.clearTimeout(this.#ageTimer);
    this.#ageTimer = undefined;
  }

  #onAge(): void {
    const { batcher, clock, source } = this.#parts;
    this.#ageTimer = undefined;
    const due = batcher.stage.due;
    if (due === undefined || this.#delivering) return;
    if (due <= clock.now()) {
      batcher.stage.flush('age');
      this.#delivering = this.#deliver()
        .then(() => this.#count())
        .catch((error) => {
          this.#failure = { error };
          source.stage.stop(); // its read may wait for long
          this.#wake?.();
        })
        .finally(() => {
          this.#delivering = undefined;
        });
    }
    this.#arm();
  }

  async #whilePaused(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    if (this.#delivering) await this.#delivering;
    if (this.#failure) throw this.#failure.error;
  }

  async #turn(): Promise<void> {
    const { clock } = this.#parts;
    if (clock.now() - this.#turnedAt < TURN_NS) return;
    await turnOfTheLoop();
    this.#turnedAt = clock.now();
  }

  #countRead(): void {
    const { source, counters } = this.#parts;
    counters.set('rowsIn', this.#rowsRead + (source.stage.rowsRejected ?? 0));
    counters.set('bytesIn', source.stage.bytesIn ?? 0);
  }

  #count(): void {
    const { source, sink, counters } = this.#parts;
    this.#countRead();
    const tally = this.#operators.tally();
    counters.set('rowsFiltered', tally.filtered);
    counters.set('rowsFolded', tally.folded);
    counters.set('rowsDerived', tally.derived);
    counters.set('rowsDropped', tally.dropped);
    counters.set('rowsRejected', tally.rejected + (source.stage.rowsRejected ?? 0));
    counters.set('bytesOut', sink.stage.bytesOut ?? 0);
  }

  /** Closes every stage whatever the others do. @returns The first error, if there was one. */
  async #close(): Promise<unknown> {
    const { source, operators, batcher, sink, rejects } = this.#parts;
    let first: unknown;
    const stages: readonly Stage[] = [
      source.stage,
      ...operators.map(({ stage }) => stage),
      batcher.stage,
      sink.stage,
      rejects as Stage,
    ];
    for (const stage of stages) {
      try {
        await stage.close?.();
      } catch (error) {
        first ??= error;
      }
    }
    return first;
  }

  #report(reason: PipelineReport['reason'], error: unknown, stages: readonly StageReport[]): PipelineReport {
    const { counters, clock, sink, batcher } = this.#parts;
    const values = counters.read();
    return {
      outcome: reason === 'error' ? 'failed' : reason === 'stopped' ? 'stopped' : 'completed',
      reason,
      ...(reason === 'error' && { error: toWireError(error) }),
      counters: values,
      rowsPending: rowsPending(values),
      durationMs: Number(clock.now() - this.#began) / 1e6,
      outputs: sink.stage.outputs?.() ?? [],
      ...(this.#durable && { durable: this.#durable }),
      flushes: { ...batcher.stage.flushes },
      stages,
    };
  }
}
