import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PlainData } from '../core/plain-data.js';
import type { Stage } from './stage.js';

/** Takes a batch, and with it the duty to pass it on or to release it. */
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
  /** Rows that came late, whatever became of them: counted under another name as well. */
  readonly late?: number;
}

/** Batch in, batches out. May keep state, which it can snapshot and restore. */
export interface Operator extends Stage {
  /** Of the batches that it emits. */
  readonly output: Schema;
  /**
   * Whether it can be given batches whose rows do not stand together (`Batch.selection`), and may emit
   * such. Without it, rows are moved together first. Not asked of a user's module.
   */
  readonly takesSelections?: boolean;
  /** What the rows that it emits promise of event time. Without it: what those of its input do. */
  readonly order?: EventOrder | undefined;
  /**
   * Whether it gives rows another `time`: watermarks of its input then say nothing of its output, and
   * go no further. Each symbol by itself is taken to come in order, unless `order` says otherwise.
   */
  readonly changesTime?: boolean;
  /**
   * Owns the batch: emits it, changed or not, or releases it. Control records go on in their
   * place. Emits before it returns, or before its promise settles. One that has very much to emit
   * emits some of it, and says so by `hasMore`.
   */
  process(batch: Batch, emit: Emit): void | Promise<void>;
  /**
   * Whether it has more to emit of what it was given: `emitMore` is called, each time after the sink
   * has taken what was emitted, until it has not.
   */
  readonly hasMore?: boolean;
  /** Emits some of what is left: see `hasMore`. */
  emitMore?(emit: Emit): void | Promise<void>;
  /**
   * At the end and on a drain, after `process` was given the `end` record: emits all that was held
   * back. The record itself is taken out of what an operator emits, and goes on behind everything.
   */
  flush?(emit: Emit): void | Promise<void>;
  /** State as plain data, taken between two batches. Without it, the operator has none. */
  snapshot?(): PlainData;
  /** Called after `open` and before the first batch. */
  restore?(state: PlainData): void;
  /** Ns since 1970: the watermark of what it emits, where it holds that of its input back. */
  watermark?(): bigint | undefined;
  /** Without it, rows that are missing count as filtered and rows that are new as derived. */
  tally?(): OperatorTally;
}
