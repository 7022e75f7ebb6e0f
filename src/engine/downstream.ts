import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { Clock } from '../core/clock.js';
import type { Counters } from '../shared-memory/counters.js';
import { AgeTimer } from './age-timer.js';
import type { Batcher } from './batcher.js';
import { blame } from './blame.js';
import type { EventTimeLag } from './event-time-lag.js';
import type { IdleWork } from './idle-work.js';
import type { LoopTurns } from './loop-turns.js';
import type { OperatorChain } from './operator-chain.js';
import type { RowTally } from './row-tally.js';
import type { Durable, Sink } from './sink.js';
import type { Named } from './stage.js';
import { titleOfStage } from './stage-title.js';

/** Steps of a batch before the clock is checked: most batches need no more. */
const STEPS_UNTIMED = 8;

export type EndOfStream = Extract<ControlRecord, { type: 'end' }>['how'];

export interface DownstreamParts {
  readonly operators: OperatorChain;
  readonly batcher: Batcher;
  readonly sink: Named<Sink>;
  readonly tally: RowTally;
  readonly lag: EventTimeLag;
  readonly turns: LoopTurns;
  readonly idle: IdleWork;
  readonly counters: Counters;
  readonly clock: Clock;
  /** Whether delivery must stop. */
  isStopped(): boolean;
}

/**
 * Everything after the source: passes batches through the operators and the batcher, and closed batches
 * to the sink, whose `write` is awaited. Only one call at a time.
 */
export class Downstream {
  readonly #parts: DownstreamParts;
  readonly #ageTimer: AgeTimer;

  constructor(parts: DownstreamParts) {
    this.#parts = parts;
    const { batcher, clock, idle } = parts;
    this.#ageTimer = new AgeTimer(batcher, clock, () => idle.start(() => this.#deliverByAge()));
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

  /** Passes what the batcher holds to the sink. Called between two batches. */
  async closeBatches(): Promise<void> {
    this.#parts.batcher.flush('drain');
    await this.#deliver();
  }

  /** Lets the sink make all rows so far durable and visible. */
  flush(): Promise<Durable> {
    const { sink } = this.#parts;
    return blame('SINK_FAILED', titleOfStage('Sink', sink), () => sink.stage.flush());
  }

  /**
   * Lets the sink make all rows so far durable; later rows are not included.
   * @param isEnd - Whether no rows follow.
   */
  prepare(isEnd: boolean): Promise<Durable> {
    const { sink } = this.#parts;
    return blame(
      'SINK_FAILED',
      titleOfStage('Sink', sink),
      () => sink.stage.prepare?.(isEnd) ?? sink.stage.flush(),
    );
  }

  /** Delivers the batches that became due while the loop was busy. While it waits, a timer does this. */
  async deliverAged(): Promise<void> {
    const { batcher, clock } = this.#parts;
    const { due } = batcher;
    if (due === undefined) return;
    if (due <= clock.now()) {
      batcher.flush('age');
      await this.#deliver();
    }
    this.#ageTimer.arm();
  }

  /** Arms the timer for the batches left in the batcher. Called when the loop starts to wait. */
  watchAge(): void {
    this.#ageTimer.arm();
  }

  /** Releases all batches inside. */
  release(): void {
    this.#ageTimer.disarm();
    this.#parts.operators.release();
  }

  /**
   * Runs the operators until none has anything left to do. What an operator emits in one step goes to the
   * sink before the next step, so that little memory is needed however much it emits. A stop ends this early.
   */
  async #settle(): Promise<void> {
    const { operators, batcher, turns, counters, isStopped } = this.#parts;
    for (let steps = 0; ; steps++) {
      for (let made = operators.take(); made; made = operators.take()) {
        batcher.add(made);
        await this.#deliver();
      }
      if (isStopped()) return;
      const stepped = operators.step();
      if (!(typeof stepped === 'boolean' ? stepped : await stepped)) return;
      if (steps < STEPS_UNTIMED || !turns.isDue) continue;
      counters.add('turns', 1);
      await turns.take();
      await this.deliverAged();
    }
  }

  async #deliver(): Promise<void> {
    const { batcher, sink, lag, tally } = this.#parts;
    for (let batch = batcher.take(); batch; batch = batcher.take()) {
      const closed = batch;
      const rows = closed.length;
      lag.closed(closed);
      await blame('SINK_FAILED', titleOfStage('Sink', sink), () => sink.stage.write(closed));
      lag.written();
      tally.delivered(rows);
    }
  }

  async #deliverByAge(): Promise<void> {
    this.#parts.batcher.flush('age');
    await this.#deliver();
    this.#parts.tally.update();
  }
}
