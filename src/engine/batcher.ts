import type { Batch } from '../columns/batch.js';
import type { Nanos } from '../core/units.js';
import type { FlushReason } from '../wire/pipeline-report.js';
import type { Stage } from './stage.js';

/**
 * Groups rows for the sink. Bounded: `add` closes batches, and the pipeline takes all closed ones
 * before it adds again.
 */
export interface Batcher extends Stage {
  /**
   * Owns the batch. Watermarks in it close nothing and start no delay: they may be put together, and
   * go on with the rows that they stand behind, or later, but before the next other record.
   */
  add(batch: Batch): void;
  /** The next closed batch in order, if there is one; the caller owns it. */
  take(): Batch | undefined;
  /** On the clock's `now()`: when the oldest open batch is due. `undefined`: none is open. */
  readonly due: Nanos | undefined;
  /** Closes all open batches that are due, or all of them. */
  flush(reason: 'age' | 'drain'): void;
  /** Whether rows may leave it in another order than they came. */
  readonly reorders?: boolean;
  /** Batches closed so far, by reason. */
  readonly flushes: Readonly<Record<FlushReason, number>>;
}
