import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { Counters } from '../shared-memory/counters.js';
import { AgeTimer } from './age-timer.js';
import type { Batcher } from './batcher.js';
import { blame, locatedAt } from './blame.js';
import type { EventTimeLag } from './event-time/event-time-lag.js';
import type { HeldStage } from './held-stage.js';
import type { LoopTurns } from './loop-turns.js';
import type { OperatorChain } from './operator-chain.js';
import { ownColumnsFor } from './read-only-stage.js';
import type { RowTally } from './row-tally.js';
import { throwIfOver } from './run-until.js';
import type { Durable, Sink } from './sink.js';
import { SinkWrites } from './sink-writes.js';
import type { Named } from './stage.js';
import { labelOf } from './stage-label.js';
import type { StagesAtWork } from './stages-at-work.js';

/** Steps of a batch before the clock is checked: most batches need no more. */
const STEPS_UNTIMED = 8;

export type EndOfStream = Extract<ControlRecord, { type: 'end' }>['how'];

export interface DownstreamParts {
  readonly operators: OperatorChain;
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly tally: Pick<RowTally, 'delivered' | 'update'>;
  readonly lag: Pick<EventTimeLag, 'read' | 'closed' | 'written'>;
  readonly turns: LoopTurns;
  readonly counters: Pick<Counters, 'add' | 'mayRunUntilNs'>;
  readonly clock: Clock;
  /** Which stage the thread is in, if somebody looks. */
  readonly stages?: StagesAtWork | undefined;
  /** Called when batches of the batcher have become due while the loop may be waiting. */
  onAge(deliver: () => Promise<void>): void;
  /** Whether delivery must stop. */
  isStopped(): boolean;
  /** Called when a write has failed that the loop may not wait for; `throwIfFailed` throws the reason, too. */
  onFailure(error: unknown): void;
  /** Told of each write that is in progress. Resolves when it has ended, and never rejects. */
  onWrite?(write: Promise<void>): void;
}

/**
 * Everything after the source: passes batches through the operators and the batcher, and closed batches
 * to the sink. Only one call at a time. The sink may still be at its last batch when a call resolves.
 */
export class Downstream {
  readonly #parts: DownstreamParts;
  readonly #ageTimer: AgeTimer;
  readonly #writes: SinkWrites;
  /** Waits until the sink has written the batch before it. */
  #next: Batch | undefined;
  /** The `flush` or `prepare` of the sink that has not settled. */
  #syncing: HeldStage | undefined;
  #rowsTaken = 0;
  /** Rows in front of the last `flush` or `prepare` that is done. */
  #rowsDurable = 0;

  constructor(parts: DownstreamParts) {
    this.#parts = parts;
    const { operators, batcher, sink, lag, tally, clock, stages, onFailure, onWrite } = parts;
    this.#ageTimer = new AgeTimer(batcher.stage, clock, () => parts.onAge(() => this.#deliverByAge()));
    if (stages) operators.markIn(stages);
    this.#writes = new SinkWrites({
      sink,
      clock,
      stages,
      onWritten: (rows) => {
        lag.written();
        this.#rowsTaken += rows;
        tally.delivered(rows);
      },
      onFailure,
      ...(onWrite && { onWrite }),
    });
  }

  /** Whether the sink is at a write. */
  get isWriting(): boolean {
    return this.#writes.underWay !== undefined;
  }

  /** The calls of its stages that have not settled. */
  get held(): readonly (HeldStage | undefined)[] {
    return [this.#parts.operators.held, this.#writes.held, this.#syncing];
  }

  get hasFailed(): boolean {
    return this.#writes.hasFailed;
  }

  /** @throws What the sink failed with while the loop did not wait for it. */
  throwIfFailed(): void {
    this.#writes.throwIfFailed();
  }

  /** Rows that the sink took and has not made durable yet. */
  get rowsNotDurable(): number {
    const { rowsDurable = 0 } = this.#parts.sink.stage;
    return this.#rowsTaken - Math.max(this.#rowsDurable, rowsDurable);
  }

  /** Passes a batch through all stages, and takes ownership of it. */
  async pass(batch: Batch): Promise<void> {
    const { lag, operators } = this.#parts;
    lag.read(batch);
    operators.give(batch);
    await this.#settle();
  }

  /** Lets operators emit what they have though they were given nothing. */
  async ask(): Promise<void> {
    await this.#settle();
  }

  /**
   * Ends the stream: the stages, in order, emit everything that they hold.
   * @returns `false` if a stop came before the sink had everything.
   */
  async finish(how: EndOfStream): Promise<boolean> {
    const { operators, isStopped } = this.#parts;
    operators.finish(how);
    await this.#settle();
    if (isStopped()) return false;
    await this.closeBatches();
    return !isStopped();
  }

  /** Passes what the batcher holds to the sink, until it has written everything. Called between two batches. */
  async closeBatches(): Promise<void> {
    this.#batching((batcher) => batcher.flush('drain'));
    for (let wait = this.#write(); wait; wait = this.#write()) await wait;
    await this.#writes.underWay;
    this.#writes.throwIfFailed();
  }

  /** Lets the sink make all rows so far durable and visible. Called after `closeBatches`. */
  flush(): Promise<Durable> {
    return this.#makeDurable((sink) => sink.flush());
  }

  /**
   * Lets the sink make all rows so far durable; later rows are not included. Called after `closeBatches`.
   * @param isEnd - Whether no rows follow.
   */
  prepare(isEnd: boolean): Promise<Durable> {
    return this.#makeDurable((sink) => sink.prepare?.(isEnd) ?? sink.flush());
  }

  /** Delivers the batches that became due while the loop was busy. While it waits, a timer does this. */
  async deliverAged(): Promise<void> {
    const { batcher, clock } = this.#parts;
    const { due } = batcher.stage;
    if (due === undefined) return;
    if (due <= clock.now()) {
      this.#batching((batcher) => batcher.flush('age'));
      await this.#deliver();
    }
    this.#ageTimer.arm();
  }

  /** Arms the timer for the batches left in the batcher. Called when the loop starts to wait. */
  watchAge(): void {
    this.#ageTimer.arm();
  }

  /** Waits for the write in progress, and releases all batches inside. */
  async release(): Promise<void> {
    this.#ageTimer.disarm();
    await this.#writes.underWay;
    this.#next?.release();
    this.#next = undefined;
    this.#parts.operators.release();
  }

  /**
   * Runs the operators until none has anything left to do. What an operator emits in one step goes to the
   * sink before the next step, so that little memory is needed however much it emits. A stop ends this early.
   */
  async #settle(): Promise<void> {
    const { operators, turns, counters, isStopped } = this.#parts;
    for (let steps = 0; !isStopped(); steps++) {
      for (let made = operators.take(); made; made = operators.take()) {
        if (this.#isTimeForBranches(made)) this.#next = made;
        else this.#batching((batcher) => addTo(batcher, made));
        const delivering = this.#deliver();
        if (!delivering) continue;
        await delivering;
        if (isStopped()) return;
      }
      const stepped = operators.step();
      if (!(typeof stepped === 'boolean' ? stepped : await stepped)) return;
      if (steps < STEPS_UNTIMED || !turns.isDue) continue;
      counters.add('turns', 1);
      await turns.take();
      await this.deliverAged();
    }
  }

  /** Lets the batcher work. Its error says that it came from there. */
  #batching<T>(work: (batcher: Batcher) => T): T {
    const { id, stage } = this.#parts.batcher;
    try {
      return work(stage);
    } catch (thrown) {
      throw locatedAt(id, thrown);
    }
  }

  async #makeDurable(act: (sink: Sink) => Promise<Durable> | Durable): Promise<Durable> {
    invariant(!this.isWriting, 'a cut waits for the write in progress');
    const { sink, counters, clock } = this.#parts;
    throwIfOver(counters, clock);
    const rows = this.#rowsTaken; // now: rows that are written later are behind it
    const syncing = { stage: sink, since: clock.now() };
    this.#syncing = syncing;
    try {
      const durable = await blame('SINK_FAILED', labelOf('Sink', sink), () => act(sink.stage));
      this.#rowsDurable = rows;
      return durable;
    } finally {
      if (this.#syncing === syncing) this.#syncing = undefined;
    }
  }

  /**
   * Gives the sink what is closed. A stop ends this early.
   * @returns Nothing if there was nothing to wait for.
   */
  #deliver(): Promise<void> | void {
    const wait = this.#write();
    if (wait) return this.#deliverRest(wait);
  }

  async #deliverRest(first: Promise<void>): Promise<void> {
    const { isStopped } = this.#parts;
    for (let wait: Promise<void> | void = first; wait; wait = this.#write()) {
      await wait;
      if (isStopped()) return;
    }
  }

  /** @returns What has to be waited for before this is called again; nothing if nothing is closed any more. */
  #write(): Promise<void> | void {
    const { sink, lag, counters, clock } = this.#parts;
    const writes = this.#writes;
    writes.throwIfFailed();
    for (;;) {
      this.#next ??= this.#batching(takeClosed);
      const batch = this.#next;
      if (!batch) return;
      if (writes.underWay) return writes.underWay;
      throwIfOver(counters, clock);
      this.#next = undefined;
      lag.closed(batch);
      ownColumnsFor(sink.stage, batch);
      const wait = writes.begin(batch);
      if (wait) return wait;
    }
  }

  /**
   * Whether a batch has watermarks and nothing else, for branches: their operators close windows by it. The
   * batcher would keep it until the next row, however long that takes. No row in the batcher may be before it.
   */
  #isTimeForBranches({ length, controls }: Batch): boolean {
    const { batcher, sink } = this.#parts;
    if (!sink.branches || length > 0 || batcher.stage.due !== undefined) return false;
    return controls.every(({ record }) => record.type === 'watermark');
  }

  async #deliverByAge(): Promise<void> {
    this.#batching((batcher) => batcher.flush('age'));
    await this.#deliver();
    this.#parts.tally.update();
  }
}

const takeClosed = (batcher: Batcher): Batch | undefined => batcher.take();

function addTo(batcher: Batcher, batch: Batch): void {
  ownColumnsFor(batcher, batch);
  batcher.add(batch);
}
