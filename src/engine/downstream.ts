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

/** Steps of a batch before anybody looks at the clock: most batches take no more. */
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
  /** Whether nothing more is to be delivered. */
  isStopped(): boolean;
}

/**
 * All that is behind the source: takes what was read through operators and batcher, and whatever is
 * ready to the sink, whose `write` is awaited. One call at a time.
 */
export class Downstream {
  readonly #parts: DownstreamParts;
  readonly #ageTimer: AgeTimer;

  constructor(parts: DownstreamParts) {
    this.#parts = parts;
    const { batcher, clock, idle } = parts;
    this.#ageTimer = new AgeTimer(batcher, clock, () => idle.start(() => this.#deliverByAge()));
  }

  /** Owns the batch. */
  async pass(batch: Batch): Promise<void> {
    const { lag, operators } = this.#parts;
    lag.read(batch);
    operators.give(batch);
    await this.#settle();
  }

  /**
   * Tells the stages of the end and has each give up what it holds, the first one first.
   * @returns `false` when a stop came before all was with the sink.
   */
  async finish(how: EndOfStream): Promise<boolean> {
    const { operators, isStopped } = this.#parts;
    operators.finish(how);
    await this.#settle();
    if (isStopped()) return false;
    await this.closeBatches();
    return !isStopped();
  }

  /** Between two batches: hands what the batcher holds to the sink. */
  async closeBatches(): Promise<void> {
    this.#parts.batcher.flush('drain');
    await this.#deliver();
  }

  /** Has the sink make all that it was given durable and visible. */
  flush(): Promise<Durable> {
    const { sink } = this.#parts;
    return blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.flush());
  }

  /**
   * Has the sink make all that it was given durable: what comes later is not in it.
   * @param isEnd - Nothing comes later.
   */
  prepare(isEnd: boolean): Promise<Durable> {
    const { sink } = this.#parts;
    return blame(
      'SINK_FAILED',
      `Sink "${sink.use}"`,
      () => sink.stage.prepare?.(isEnd) ?? sink.stage.flush(),
    );
  }

  /** What came of age while the loop was busy. A timer sees to what does while it waits. */
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

  /** The loop waits: what it has left in the batcher is watched by the timer. */
  watchAge(): void {
    this.#ageTimer.arm();
  }

  /** Lets go of what is inside. */
  release(): void {
    this.#ageTimer.disarm();
    this.#parts.operators.release();
  }

  /**
   * Until no operator has anything to do. What one of them emits in a step is with the sink before the
   * next step, so that little is inside however much it has to emit. Cut short by a stop.
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
      await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.write(closed));
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
