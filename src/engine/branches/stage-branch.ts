import { type Batch, releaseAll } from '../../columns/batch.js';
import type { ControlRecord } from '../../columns/control-record.js';
import { packRows } from '../../columns/selection.js';
import { copyPlainData } from '../../core/copy-plain-data.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Nanos } from '../../core/units.js';
import { type OverflowPolicy, overflowFor } from '../../settings/overflow-policy.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import { type Path, placesInBranch } from '../../wire/stage-tree.js';
import type { Batcher } from '../batcher.js';
import { blame, locatedAt } from '../blame.js';
import type { Branch, BranchCut } from '../branch.js';
import { LineStates } from '../cuts/line-states.js';
import { Downstream } from '../downstream.js';
import { EventTimeLag } from '../event-time/event-time-lag.js';
import type { HeldStage } from '../held-stage.js';
import { PipelineInputs } from '../inputs/pipeline-inputs.js';
import { OverflowNotice } from '../intake/overflow-notice.js';
import { type LineFlow, LineRows } from '../line-rows.js';
import type { LoopTurns } from '../loop-turns.js';
import { OperatorChain } from '../operator-chain.js';
import type { NamedOperator } from '../operator-rows.js';
import { BatchQueue } from '../queue/batch-queue.js';
import type { Durable, Sink } from '../sink.js';
import type { SinkCapabilities } from '../sink-capabilities.js';
import type { BranchRun, Named, RunningBranch, Stage } from '../stage.js';
import { labelOf, type StageLabel } from '../stage-label.js';
import { BranchCuts, type PendingCut, refusedCut } from './branch-cuts.js';
import { asBranchPosition } from './branch-position.js';
import { LateCutError } from './late-cut-error.js';
import { needsOriginsInBranches } from './origins-in-branches.js';
import type { StageBranchParts } from './stage-branch-parts.js';

/**
 * A branch at run time: a queue, operators, a batcher and a sink, with a loop of its own in the thread of the
 * pipeline. It does one thing at a time: a batch, a batch of the batcher that is due, or a cut.
 */
export class StageBranch implements Branch, RunningBranch {
  readonly at: Path;
  readonly id: string;
  readonly key: string;
  readonly operators: readonly NamedOperator[];
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly #parts: StageBranchParts;
  readonly #queue: BatchQueue;
  readonly #policy: OverflowPolicy;
  readonly #notice: OverflowNotice;
  readonly #chain: OperatorChain;
  readonly #lag: EventTimeLag;
  readonly #states: LineStates;
  readonly #inputs: PipelineInputs;
  readonly #rows = new LineRows();
  #line: Downstream | undefined;
  #run: BranchRun | undefined;
  #given = 0;
  #taken = 0;
  #out = 0;
  /** Of these, those that the sink has rejected. */
  #rejected = 0;
  readonly #cuts: BranchCuts;
  /** The `prepare` of its sink that is in progress; never rejects. */
  #preparing: Promise<void> | undefined;
  /** The last `commit` of its sink; never rejects. */
  #committing: Promise<void> | undefined;
  /** When each piece of work in progress began. */
  readonly #atWork = new Set<{ readonly since: Nanos }>();
  #isWoken = false;
  #isDraining = false;
  /** Whether all rows in front of the end have passed, and operators emit what they hold. */
  #isFinishing = false;
  /** Whether everything that counts has passed: what operators have from now on is for the next start, if any. */
  #isThrough = false;
  /** What batches and cuts are refused with once nothing more is done. */
  #over: { readonly reason: unknown } | undefined;
  #loop: Promise<void> | undefined;
  #wakeLoop: (() => void) | undefined;
  #tellRoom: (() => void) | undefined;

  constructor(parts: StageBranchParts) {
    const { at, id, key, owner, operators, batcher, sink } = parts;
    const { queue, input, order, dictionaries, clock, log } = parts;
    this.at = at;
    this.id = id;
    this.key = key;
    this.operators = operators;
    this.batcher = batcher;
    this.sink = sink;
    this.#parts = parts;
    const policy = overflowFor(queue.overflow, input.kind);
    this.#policy = policy;
    const title = `Branch "${id}"`;
    this.#queue = new BatchQueue({ limits: queue, policy, schema: input, dictionaries, title });
    this.#cuts = new BranchCuts({ queue: this.#queue, clock, unfinished: () => this.unfinished() });
    this.#notice = new OverflowNotice({ policy, queue: this.#queue, of: 'branch', title: id, clock, log });
    const keepsOrigins = needsOriginsInBranches(sink);
    this.#chain = new OperatorChain(operators, { input, dictionaries, order, keepsOrigins, clock });
    const source = { schema: input, order, capabilities: { delivery: 'replayable', bounded: true } } as const;
    this.#lag = new EventTimeLag({ source, operators: this.#chain, batcher: batcher.stage, clock });
    // Those inside the branches of its sink are theirs.
    const { branches: _, ...sinkAlone } = sink;
    const places = placesInBranch<Named<Stage>>(owner, { at, operators, batcher, sink: sinkAlone });
    this.#states = new LineStates(places);
    this.#inputs = new PipelineInputs(places);
  }

  get capabilities(): SinkCapabilities {
    return this.sink.stage.capabilities;
  }

  get bytesOut(): number {
    return this.sink.stage.bytesOut ?? 0;
  }

  outputs(): readonly string[] {
    return this.sink.stage.outputs?.() ?? [];
  }

  give(batch: Batch): Promise<void> | void {
    if (this.#over) {
      batch.release();
      throw this.#over.reason; // who gave it must not count it as delivered
    }
    const { length } = batch;
    this.#lag.read(batch);
    this.#enqueue(batch);
    this.#given += length;
    this.#notice.look();
    this.#wakeLoop?.();
    if (this.#policy !== 'block' || this.#queue.hasRoom) return;
    return new Promise((resolve) => {
      this.#tellRoom = resolve;
    });
  }

  prepare(isEnd: boolean): BranchCut {
    return this.#begin(this.sink.stage.prepare ? 'prepare' : 'flush', isEnd);
  }

  flush(): BranchCut {
    return this.#begin('flush', false);
  }

  commit(position: PlainData, expectTime?: () => void): Promise<void> {
    const { sink } = asBranchPosition(position, this.id);
    const { stage } = this.sink;
    const commit = () => stage.commit?.(sink, expectTime);
    const done = this.#work(() => blame('SINK_FAILED', this.#sinkLabel, commit));
    this.#committing = done.catch(() => undefined); // told to the caller
    return done;
  }

  async resume(position: PlainData): Promise<void> {
    const { operators, rows, sink } = asBranchPosition(position, this.id);
    await blame('SINK_FAILED', this.#sinkLabel, () => this.sink.stage.resume?.(copyPlainData(sink, this.id)));
    this.#states.expect(operators);
    await this.#states.restore(operators);
    this.#rows.restore(rows, this.#flow());
  }

  /** Called by its operators when they have rows to emit without having received any. */
  wake(): void {
    this.#isWoken = true;
    this.#wakeLoop?.();
  }

  start(run: BranchRun): void {
    const { batcher, sink } = this;
    const { clock } = this.#parts;
    this.#run = run;
    this.#line = new Downstream({
      operators: this.#chain,
      batcher,
      sink,
      tally: {
        delivered: (rows) => {
          this.#out += rows;
          this.#rejected = sink.stage.rowsRejected ?? 0;
        },
        update: () => {},
      },
      lag: {
        read: () => {}, // told when it was given
        closed: (batch) => this.#lag.closed(batch),
        written: () => this.#lag.written(),
      },
      turns: run.turns,
      counters: run.counters,
      clock,
      stages: run.stages,
      onAge: () => this.#wakeLoop?.(), // it delivers what is due before anything else
      isStopped: () => this.#over !== undefined,
      onFailure: (error) => this.#fail(error),
      onWrite: (write) => void this.#work(() => write),
    });
    this.#loop = this.#goOn(this.#line, run.turns).catch((error) => this.#fail(error));
  }

  drain(): void {
    this.#isDraining = true;
    if (this.#isFinishing) this.#inputs.drain();
  }

  breakOff(reason: unknown): void {
    this.#over ??= { reason };
    this.#cuts.fail(reason);
    this.#wakeLoop?.();
    this.#tellRoom?.();
  }

  async end(): Promise<void> {
    await this.#loop;
    await this.#preparing;
    await this.#committing;
    await this.#line?.release();
    this.#queue.release();
  }

  workingSince(): Nanos | undefined {
    const [longest] = this.#atWork; // in the order of their beginning
    return longest?.since;
  }

  get held(): readonly (HeldStage | undefined)[] {
    return this.#line?.held ?? [];
  }

  get trouble(): string | undefined {
    return this.#notice.trouble;
  }

  unfinished(): readonly string[] {
    if (!this.#cuts.isPending && !this.#preparing) return [];
    const inside = Object.values(this.sink.branches ?? {}).flatMap((branch) => branch.unfinished());
    return inside.length > 0 ? inside : [this.id];
  }

  statistics(): ReadonlyMap<Named<Stage>, StageStatistics> {
    const rows = this.#rows.statistics(this.#flow());
    const notDurable = this.sink.branches ? {} : { rowsNotDurable: this.#line?.rowsNotDurable ?? 0 };
    return new Map<Named<Stage>, StageStatistics>([
      ...this.operators.map((operator, i) => [operator, this.#lag.ofOperator(i)] as const),
      [this.batcher, this.#lag.ofBatcher()],
      [this.sink, { ...rows, rowsWaiting: this.#queue.rows, ...notDurable, ...this.#lag.ofSink() }],
    ]);
  }

  get #sinkLabel(): StageLabel {
    return labelOf('Sink', this.sink);
  }

  async #goOn(line: Downstream, turns: LoopTurns): Promise<void> {
    while (!this.#over) {
      if (turns.isDue) {
        await turns.take();
        continue;
      }
      const act = this.#next(line);
      if (act) {
        await this.#work(act);
      } else {
        line.watchAge();
        await this.#sleep();
      }
    }
  }

  /** Returns what is to be done next; `undefined` if there is nothing. */
  #next(line: Downstream): (() => Promise<unknown>) | undefined {
    const { due } = this.batcher.stage;
    if (due !== undefined && due <= this.#parts.clock.now()) return () => line.deliverAged();
    const cut = this.#cuts.reached;
    if (cut) return () => this.#reach(cut, line);
    if (this.#isWoken && !this.#isThrough) {
      this.#isWoken = false;
      return () => line.ask();
    }
    const next = this.#queue.take();
    if (!next) {
      this.#notice.caughtUp();
      return undefined;
    }
    this.#taken += next.batch.length;
    this.#sayRoom();
    return () => this.#pass(next.batch, line);
  }

  async #pass(batch: Batch, line: Downstream): Promise<void> {
    const end = batch.controls.findLast(({ record }) => record.type === 'end')?.record as End | undefined;
    await line.pass(batch);
    if (!end) return;
    this.#isFinishing = true;
    // Only now: its rows may have waited for a long time, and those of live inputs came meanwhile.
    if (this.#isDraining || end.how !== 'completed') this.#inputs.drain();
    await line.finish(end.how);
    this.#lag.finish();
    this.#isThrough = true;
  }

  #enqueue(batch: Batch): void {
    try {
      packRows(batch); // in a queue, rows stand together
      this.#queue.put(batch);
    } catch (error) {
      releaseAll([batch]); // unless the queue has released it
      throw locatedAt(this.id, error);
    }
  }

  #begin(how: PendingCut['how'], isEnd: boolean): BranchCut {
    if (this.#over) return refusedCut(this.#over.reason);
    const isLast = this.#run?.takesLastCut() ?? false;
    const cut = this.#cuts.begin({ how, isEnd, isLast, given: this.#given });
    this.#wakeLoop?.();
    return cut;
  }

  async #reach(cut: PendingCut, line: Downstream): Promise<void> {
    const { rejects } = this.#parts;
    await line.closeBatches();
    await rejects.flush(); // these rows do not come again
    await this.#preparing; // of a cut that was taken back
    if (!this.#cuts.isWanted(cut)) return;
    try {
      const flushed = cut.how === 'flush' ? await line.flush() : undefined;
      await this.#inputs.whileStill(rejects, () => this.#takeCut(cut, line, flushed));
    } catch (error) {
      cut.reject(error);
      if (!(error instanceof LateCutError)) throw error;
    } finally {
      this.#cuts.leave(cut);
    }
  }

  /** @param flushed - What the sink has made durable and visible; if omitted, the sink prepares. */
  #takeCut(cut: PendingCut, line: Downstream, flushed: Durable | undefined): void {
    if (!this.#cuts.isWanted(cut)) return;
    const operators = this.#states.take(); // before the sink begins: this may throw
    this.#parts.rejects.takePart?.(this.#inputs.lettersBehind());
    const leftOut = cut.given - this.#taken; // of those in front of it, none waits any more
    const rows = this.#rows.cut(this.#flow(cut.given, leftOut));
    if (cut.isLast) this.#isThrough = true;
    const durable = flushed ? Promise.resolve(flushed) : this.#work(() => line.prepare(cut.isEnd));
    cut.resolve(durable.then((of) => ({ rows: of.rows, position: { operators, rows, sink: of.position } })));
    const preparing = durable
      .then(
        () => {},
        (error) => {
          if (!(error instanceof LateCutError)) this.#fail(error);
        },
      )
      .finally(() => {
        if (this.#preparing === preparing) this.#preparing = undefined;
      });
    this.#preparing = preparing;
  }

  #flow(given = this.#given, leftOut = this.#queue.rowsLeftOut): LineFlow {
    const rejected = this.#rejected;
    return { given, policy: this.#policy, leftOut, tally: this.#chain.tally(), out: this.#out, rejected };
  }

  async #work<T>(act: () => Promise<T>): Promise<T> {
    const piece = { since: this.#parts.clock.now() };
    this.#atWork.add(piece);
    try {
      return await act();
    } finally {
      this.#atWork.delete(piece);
      this.#cuts.moved();
    }
  }

  #fail(error: unknown): void {
    if (error === this.#over?.reason) return; // a branch inside was broken off, too
    this.#cuts.fail(error);
    this.#run?.onFailure(error);
  }

  #sayRoom(): void {
    if (!this.#tellRoom || !this.#queue.hasRoom) return;
    this.#tellRoom();
    this.#tellRoom = undefined;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeLoop = () => {
        this.#wakeLoop = undefined;
        resolve();
      };
    });
  }
}

type End = Extract<ControlRecord, { type: 'end' }>;
