import type { Batch } from '../core/batch.js';
import type { PlainData } from '../core/plain-data.js';
import type { Schema } from '../core/schema.js';
import type { Stage } from './stage.js';

/** Takes a batch, and with it the duty to pass it on or to release it. */
export type Emit = (batch: Batch) => void;

/**
 * What became of the rows that an operator was given and did not emit, so far. `folded` went into
 * others, `derived` were made by it, `rejected` went to `rejects`.
 */
export interface OperatorTally {
  readonly filtered?: number;
  readonly folded?: number;
  readonly derived?: number;
  readonly dropped?: number;
  readonly rejected?: number;
}

/** Batch in, batches out. May keep state, which it can snapshot and restore. */
export interface Operator extends Stage {
  /** Of the batches that it emits. */
  readonly output: Schema;
  /**
   * Whether it can be given batches whose rows do not stand together (`Batch.places`), and may emit
   * such. Without it, rows are moved together first. Not asked of a user's module.
   */
  readonly takesSelections?: boolean;
  /**
   * Owns the batch: emits it, changed or not, or releases it. Control records go on in their
   * place. Emits before it returns, or before its promise settles.
   */
  process(batch: Batch, emit: Emit): void | Promise<void>;
  /** At the end and on a drain: emits all that was held back. */
  flush?(emit: Emit): void | Promise<void>;
  /** State as plain data, taken between two batches. Without it, the operator has none. */
  snapshot?(): PlainData;
  /** Called after `open` and before the first batch. */
  restore?(state: PlainData): void;
  /** Without it, rows that are missing count as filtered and rows that are new as derived. */
  tally?(): OperatorTally;
}
