import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PlainData } from '../core/plain-data.js';
import type { Stage } from './stage.js';

/** Accepts a batch, and takes ownership of it. */
export type Emit = (batch: Batch) => void;

/** What became of the rows that an operator was given and did not emit, so far. */
export interface OperatorTally {
  /** Rows that it filtered out. */
  readonly filtered?: number;
  /** Rows that went into others. */
  readonly folded?: number;
  /** Rows that it made. */
  readonly derived?: number;
  /** Rows that it discarded for another reason than a filter. */
  readonly dropped?: number;
  /** Rows that went to `rejects`. */
  readonly rejected?: number;
  /** Late rows, whatever happened to them; they are also counted under another name. */
  readonly late?: number;
}

/** A stage that turns batches into batches. It may keep state, which it can snapshot and restore. */
export interface Operator extends Stage {
  /** Schema of its output batches. */
  readonly output: Schema;
  /**
   * Whether it accepts batches with a `selection`, and may emit them. If not set, rows are compacted
   * first. Ignored for user modules.
   */
  readonly takesSelections?: boolean;
  /**
   * Whether it only reads the columns of the batches that it is given, so that other stages may have the
   * same columns (`Batch.isShared`). It may then still change length, selection and control records, and
   * use what copies by itself: `packRows`, `moveColumn`. If not set, a shared batch gets columns of its own
   * first. Ignored for user modules.
   */
  readonly readsOnly?: boolean;
  /** Event order of its output rows. Default: that of its input. */
  readonly order?: EventOrder | undefined;
  /**
   * Whether it changes the `time` of rows. If so, watermarks of its input do not apply to its output, and
   * are not passed on. Unless `order` says otherwise, each symbol is assumed to be in order.
   */
  readonly changesTime?: boolean;
  /**
   * Processes a batch, which it owns: it emits the batch, changed or not, or releases it. Control records
   * keep their places. It must emit before it returns, or before its promise settles. If it has very much
   * to emit, it emits a part and sets `hasMore`.
   */
  process(batch: Batch, emit: Emit): void | Promise<void>;
  /**
   * Whether it has more to emit for its input. While it has, `emitMore` is called, each time once
   * what was emitted has been passed on; the sink may still be writing it.
   */
  readonly hasMore?: boolean;
  /** Emits some of what is left: see `hasMore`. */
  emitMore?(emit: Emit): void | Promise<void>;
  /**
   * Emits everything that was held back. Called at the end and on a drain, after `process` received the
   * `end` record. That record is removed from the output of operators, and passed on after everything.
   */
  flush?(emit: Emit): void | Promise<void>;
  /** Returns the state as plain data, between two batches. If missing, the operator has no state. */
  snapshot?(): PlainData;
  /**
   * Whether what it emits for a batch depends on that batch alone. Code of users says so where it has no `snapshot`, for
   * specs with `delivery: exactly-once`: without either, it could keep state that a restart loses.
   */
  readonly stateless?: boolean;
  /** Called after `open` and before the first batch. */
  restore?(state: PlainData): void;
  /** The watermark of its output in ns since 1970, for an operator that holds back that of its input. */
  watermark?(): bigint | undefined;
  /** If missing, rows missing from the output count as filtered, and additional rows as derived. */
  tally?(): OperatorTally;
}
