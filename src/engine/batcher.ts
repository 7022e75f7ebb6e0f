import type { Batch } from '../columns/batch.js';
import type { Nanos } from '../core/units.js';
import type { FlushReason } from '../wire/pipeline-report.js';
import type { Stage } from './stage.js';

/**
 * Groups rows for the sink. It is bounded: `add` closes batches, and the pipeline takes all closed
 * batches before it adds again.
 */
export interface Batcher extends Stage {
  /**
   * Adds a batch, which the batcher now owns. Watermarks in it close nothing and start no delay. They
   * may be merged, and are passed on together with the rows before them or later, but before the next
   * control record of another type.
   */
  add(batch: Batch): void;
  /** Returns the next closed batch in order, if there is one; the caller owns it. */
  take(): Batch | undefined;
  /** When the oldest open batch is due, on the clock's `now()`; `undefined` if none is open. */
  readonly due: Nanos | undefined;
  /** Closes the open batches that are due (`age`), or all open batches (`drain`). */
  flush(reason: 'age' | 'drain'): void;
  /**
   * Whether it writes into the columns of a batch that it was given only after `ownColumns`, so that other
   * stages may have the same columns. If not set, a shared batch gets columns of its own first.
   */
  readonly readsOnly?: boolean;
  /** Whether it may reorder rows. */
  readonly reorders?: boolean;
  /** Batches closed so far, by reason. */
  readonly flushes: Readonly<Record<FlushReason, number>>;
}
