import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { SourceCapabilities } from './source-capabilities.js';

/**
 * A second stream that a stage reads: a source with operators behind it, from the stage's own options.
 *
 * The pipeline opens it before its stage and closes it after, saves what it has not delivered yet in
 * checkpoints, and stops it. What a stage has read belongs to the stage, and to its own state.
 */
export interface Input {
  /** Schema of the batches. */
  readonly schema: Schema;
  /** Event order of the rows. */
  readonly order: EventOrder;
  /** Those of its source. */
  readonly capabilities: SourceCapabilities;
  /** Rows of its source that went to `rejects` so far. */
  readonly rowsRejected: number;
  /** Bytes that its source has read so far. */
  readonly bytesIn: number;
  /**
   * Returns the next batch, owned by the caller: rows with control records between them, but no `end`;
   * `null` at the end. Read only since the first `process`, `emitMore` or `read` of the stage, never in its
   * `open`; one read at a time.
   *
   * A live input may be silent for long. So an operator must not wait for one in `process`: it keeps the
   * read, takes what comes later, and calls `wake` of its context once it has rows to emit. It may wait for
   * one that is replayable.
   *
   * @throws What its source or an operator throws: pass it on.
   */
  read(): Promise<Batch | null> | Batch | null;
}
