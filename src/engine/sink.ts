import type { Batch } from '../columns/batch.js';
import type { PlainData } from '../core/plain-data.js';
import type { Stage } from './stage.js';

/** What a sink has made durable, all of it since `open`. */
export interface Durable {
  /** Rows that will survive the end of thread and process. */
  readonly rows: number;
  /** What a restart needs to go on without a row lost or doubled. */
  readonly position: PlainData;
}

/** What a restart may rely on in a sink. */
export interface SinkCapabilities {
  /**
   * `transactional`: what was written since the last commit vanishes with a crash.
   * `idempotent`: writing a row again changes nothing. `append`: a row written again is doubled.
   */
  readonly delivery: 'transactional' | 'idempotent' | 'append';
}

/** Last stage. */
export interface Sink extends Stage {
  readonly capabilities: SinkCapabilities;
  /**
   * Owns the batch and releases it. The next call comes only after this one has settled, which is
   * the pipeline's back-pressure. Settled does not mean durable.
   *
   * @throws {RuntimeError} when rows cannot be taken; the pipeline fails with it.
   */
  write(batch: Batch): Promise<void> | void;
  /**
   * Makes everything written so far durable and visible: at the end, and where no store decides. Where
   * one does, the last thing before it was a `prepare` and a `commit` behind the last row.
   */
  flush(): Promise<Durable> | Durable;
  /**
   * Makes everything written so far durable, and nothing more visible. Without it, a checkpoint calls
   * `flush`.
   *
   * Called between two writes, and not waited for: `write` may be called before it has settled, and
   * what it is given then is not in the position. Neither `prepare`, `commit` nor `flush` is called
   * while one of them has not settled, and `close` only after all of them.
   *
   * @param isEnd - No row follows: what is open may be ended.
   * @throws {RuntimeError} when it cannot be made durable; the pipeline fails with it.
   */
  prepare?(isEnd: boolean): Promise<Durable> | Durable;
  /**
   * A checkpoint with a position of `prepare` was accepted: what it lists may be seen. Positions come
   * in order, and one may be left out for a later one. `write` may be called before it has settled.
   */
  commit?(position: PlainData): Promise<void> | void;
  /** Called after `open` and before the first `write`, with an earlier `Durable.position`. */
  resume?(position: PlainData): Promise<void> | void;
  /** Files and such that a reader may look at now. */
  outputs?(): readonly string[];
  /** Bytes written so far. */
  readonly bytesOut?: number;
  /**
   * Frees everything. Without a `flush` before it (a failure), what was not yet durable is
   * discarded, temporary files included.
   */
  close?(): Promise<void> | void;
}
