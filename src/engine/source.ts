import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PlainData } from '../core/plain-data.js';
import type { Stage } from './stage.js';

/** What a restart may rely on in a source. */
export interface SourceCapabilities {
  /**
   * `replayable`: any position can be gone back to and gives the same rows. `resumable`: what was
   * missed can be fetched. `live-only`: what was missed is gone.
   */
  readonly delivery: 'replayable' | 'resumable' | 'live-only';
  /** Whether the data ends by itself. */
  readonly bounded: boolean;
}

/** First stage: yields batches. */
export interface Source extends Stage {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  /**
   * Its reads are no calls to the provider: it takes those to `gate` of its context one by one, and a
   * `read` gives what has come of them. Without it, each read is a call.
   */
  readonly gatesItsCalls?: boolean;
  /** What its rows promise of event time. Without it: each symbol by itself comes in order. */
  readonly order?: EventOrder;
  /**
   * The next rows, as many as are there (at least one, or a control record), owned by the caller;
   * `null` at the end. Never called again before it has settled, nor after `null`. May answer
   * without a promise when it need not wait.
   *
   * Where a budget or a breaker stands before the source, and the error passes (an outage, a provider
   * that asks for fewer calls), it is called again: it then goes on with the row that it could not give.
   * Without one, the pipeline fails with the error.
   *
   * @throws {ProviderError} by whose kind the gate goes, and a restart. Errors of HTTP clients and of the
   *   network have a kind without it.
   * @throws {RuntimeError} when nothing more can be read; the pipeline fails with it, unless it is
   *   `retryable` and there is a breaker to say when.
   */
  read(): Promise<Batch | null> | Batch | null;
  /** Asks the source to end: a `read` that waits settles soon, with what it has or with `null`. */
  stop(): void;
  /** Where `read` will go on: plain data that does not change any more, taken between two reads. */
  position(): PlainData;
  /**
   * The position, asked for before every read, so that a checkpoint can be taken while the read waits.
   * For a source to which it is dear: it may answer `undefined` where the read will not wait for long,
   * and the checkpoint waits for it. Without it, `position` is asked.
   */
  positionForRead?(): PlainData | undefined;
  /** Called after `open` and before the first `read`, with an earlier `position()`. */
  resume(position: PlainData): Promise<void> | void;
  /** Rows read so far that went to `rejects`: they count as read. */
  readonly rowsRejected?: number;
  /** Bytes read so far. */
  readonly bytesIn?: number;
}
