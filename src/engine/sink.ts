import type { Batch } from '../columns/batch.js';
import type { PlainData } from '../core/plain-data.js';
import type { SinkCapabilities } from './sink-capabilities.js';
import type { Stage } from './stage.js';

/** What a sink has made durable since `open`. */
export interface Durable {
  /** Rows that survive the end of the thread and the process. */
  readonly rows: number;
  /** What a restart needs to continue without losing or duplicating rows. */
  readonly position: PlainData;
}

/** The last stage: writes batches. */
export interface Sink extends Stage {
  readonly capabilities: SinkCapabilities;
  /**
   * Whether it only reads the columns of the batches that it is given, so that other stages may have the
   * same columns (`Batch.isShared`). If not set, a shared batch gets columns of its own first.
   */
  readonly readsOnly?: boolean;
  /**
   * What becomes of the rows of an earlier run when one begins anew, without a checkpoint of it: the sink `replaces`
   * them, or `refuses` the new run. Missing: it adds to them. Not asked of a sink that is `idempotent`.
   */
  readonly startsOver?: 'replaces' | 'refuses' | undefined;
  /**
   * Writes a batch, which it owns and releases. Meanwhile the stages before it work on the next rows, but the
   * next call of `write`, `prepare` or `flush` comes only after this one has settled, which gives the pipeline
   * its back-pressure. A settled write need not be durable.
   *
   * @throws {RuntimeError} if rows cannot be written; the pipeline fails with it, and nothing more is written.
   */
  write(batch: Batch): Promise<void> | void;
  /**
   * Makes everything written so far durable and visible. Called at the end, and for checkpoints without
   * a store. With a store, it follows a `prepare` and a `commit` after the last row.
   */
  flush(): Promise<Durable> | Durable;
  /**
   * Makes everything written so far durable, but nothing more visible. If missing, a checkpoint calls
   * `flush` instead.
   *
   * Called between two writes, and not awaited: `write` may be called before it has settled, and the
   * position does not include those rows. Only one of `prepare`, `commit` and `flush` is in progress at a
   * time, and `close` comes after all of them.
   *
   * @param isEnd - Whether no rows follow, so that open files may be ended.
   * @throws {RuntimeError} if it cannot be made durable; the pipeline fails with it.
   */
  prepare?(isEnd: boolean): Promise<Durable> | Durable;
  /**
   * Makes the rows in a position of `prepare` visible, after a checkpoint with that position was accepted.
   * Positions come in order; one may be skipped in favour of a later one. `write` may be called before it
   * has settled.
   *
   * @param expectTime - To be called once more by a sink whose commit may have to wait for its turn, before it begins:
   *   throws if the run may commit nothing any more. The next start then commits the same position.
   */
  commit?(position: PlainData, expectTime?: () => void): Promise<void> | void;
  /**
   * Of a sink that `decides`: commits the rows of the last `prepare` and the id of its checkpoint in one transaction, but
   * only if no later start has taken the run over. Called instead of `commit`, once the store holds the checkpoint as
   * undecided and before any other sink commits. Rows that were written since that `prepare` are not part of it: a sink with one transaction lets a `write`
   * wait from `prepare` to here or to `takeBack`. If this fails, such a write has to fail as well.
   *
   * @param checkpoint - What `SinkFactory.takeOver` returns from now on.
   * @throws {RuntimeError} `FENCED` if the run was taken over. Anything else may leave open what became of the
   *   transaction: the next start asks.
   */
  decide?(checkpoint: string): Promise<void>;
  /**
   * Of a sink that `decides`: the checkpoint of the last `prepare`, which may still be in progress, comes to nothing. Its
   * rows become part of the next one, and another `prepare` comes before the next `decide`. It may be called with nothing
   * to take back.
   */
  takeBack?(): void;
  /** Called after `open` and before the first `write`, with an earlier `Durable.position`. */
  resume?(position: PlainData): Promise<void> | void;
  /**
   * Called behind the last checkpoint of a run that is suspended, before `close`: no rows follow from this start, but
   * from the next one.
   *
   * @throws {RuntimeError} if rows written before are lost; the pipeline fails with it.
   */
  suspend?(): Promise<void> | void;
  /** The outputs, such as files, that can be read now. */
  outputs?(): readonly string[];
  /** Bytes written so far. */
  readonly bytesOut?: number;
  /** Rows since `open` that it was given and has put among the rejects instead. */
  readonly rowsRejected?: number | undefined;
  /**
   * Of the rows since `open`, those that it has made durable and visible by itself. Without it, rows are durable
   * once a `flush` or `prepare` after them is done.
   */
  readonly rowsDurable?: number | undefined;
  /**
   * Frees everything. If no `flush` came before (after a failure), what was not yet durable is discarded,
   * including temporary files.
   */
  close?(): Promise<void> | void;
}
