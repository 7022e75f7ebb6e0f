import type { Batch } from '../columns/batch.js';
import { type Clock, endOfTurn } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import { blamed } from './blame.js';
import type { HeldStage } from './held-stage.js';
import type { Sink } from './sink.js';
import type { Named } from './stage.js';
import { labelOf } from './stage-label.js';
import type { StagesAtWork } from './stages-at-work.js';

export interface SinkWritesParts {
  readonly sink: Named<Sink>;
  readonly clock: Clock;
  /** Which stage the thread is in, if somebody looks. */
  readonly stages?: StagesAtWork | undefined;
  /** Called when the sink has written a batch. */
  onWritten(rows: number): void;
  /** Called when a write has failed that was in progress; `throwIfFailed` throws the reason, too. */
  onFailure(error: unknown): void;
  /** Told of each write that is in progress. Resolves when it has ended, and never rejects. */
  onWrite?(write: Promise<void>): void;
}

/**
 * The writes of a sink, one at a time. A write that ends within the turn of the event loop is waited for. One
 * that takes longer goes on while whoever gave the batch works on what follows, so the sink holds one batch,
 * and a second one waits.
 */
export class SinkWrites {
  readonly #parts: SinkWritesParts;
  /** Never rejects. */
  #underWay: Promise<void> | undefined;
  #held: HeldStage | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: SinkWritesParts) {
    this.#parts = parts;
  }

  /** The write in progress, if there is one: resolves when it has ended, and never rejects. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /** The write in progress. */
  get held(): HeldStage | undefined {
    return this.#underWay && this.#held;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** @throws What a write failed with: no other one may begin. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /**
   * Begins to write a batch, which the sink owns from now on. Called only while no write is in progress, and
   * none has failed.
   *
   * @returns Nothing if the sink has written it. Otherwise what to wait for before going on: it resolves when
   *   the write has ended or, if that is earlier, at the end of the turn, and never rejects.
   * @throws What the sink throws at once.
   */
  begin(batch: Batch): Promise<void> | void {
    invariant(
      !this.#underWay && !this.#failure,
      'a sink writes one batch at a time, and none after a failure',
    );
    const { sink, stages, clock, onWritten, onWrite } = this.#parts;
    const rows = batch.length;
    let writing: Promise<void> | void;
    const before = stages?.enter(stages.placeOf(sink.id)) ?? 0;
    try {
      writing = sink.stage.write(batch);
    } catch (thrown) {
      const error = this.#blamed(thrown);
      this.#failure = { error };
      throw error;
    } finally {
      stages?.leave(before);
    }
    if (!writing) {
      onWritten(rows);
      // The branches take what they were given before they are given more.
      return sink.branches && Promise.resolve();
    }
    const write = this.#end(writing, rows);
    this.#underWay = write;
    this.#held = { stage: sink, since: clock.now() };
    onWrite?.(write);
    return Promise.race([write, endOfTurn()]);
  }

  async #end(writing: Promise<void>, rows: number): Promise<void> {
    try {
      await writing;
    } catch (thrown) {
      this.#fail(this.#blamed(thrown));
      return;
    }
    this.#underWay = undefined;
    try {
      this.#parts.onWritten(rows);
    } catch (error) {
      this.#fail(error); // it calls stages
    }
  }

  #blamed(thrown: unknown): unknown {
    return blamed('SINK_FAILED', labelOf('Sink', this.#parts.sink), thrown);
  }

  #fail(error: unknown): void {
    this.#underWay = undefined;
    this.#failure = { error };
    this.#parts.onFailure(error);
  }
}
