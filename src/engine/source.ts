import type { CalendarData } from '../calendars/calendar-data.js';
import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PlainData } from '../core/plain-data.js';
import type { Nanos } from '../core/units.js';
import type { SequenceNumbers } from '../wire/provider-capabilities.js';
import type { LastRows } from './last-rows.js';
import type { SourceRejects } from './rejects.js';
import type { SourceCapabilities } from './source-capabilities.js';
import type { Named, Stage } from './stage.js';

/** The first stage: reads batches. */
export interface Source extends Stage {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  /**
   * Whether the source passes its calls to the provider through `gate` of its context one by one, and
   * `read` only returns their results. If not set, each read counts as a call.
   */
  readonly gatesItsCalls?: boolean;
  /** Event order of its rows. Default: each symbol is in order. */
  readonly order?: EventOrder;
  /** How the column `sequence` of its rows is numbered, if several sources may number the same rows in this way. */
  readonly sequences?: SequenceNumbers | undefined;
  /** The calendar of the market that its rows are of, if it is known. */
  readonly calendar?: CalendarData | undefined;
  /**
   * What its rows are, in words that other sources of the very same rows have, too: the same numbers, or the same rows
   * at the same instants. If it is `resumable` besides, it can go on behind rows that one of those has given.
   */
  readonly rowsOf?: string | undefined;
  /** Why it waits for a breaker, if it does: nothing comes until that lets calls through again. */
  readonly heldByBreaker?: string | undefined;
  /**
   * Whether it puts all watermarks into its stream itself. If not set, the pipeline adds those of a live
   * source, by the clock; it would be wrong about a source that holds rows back.
   */
  readonly tellsTime?: boolean;
  /**
   * For a live source that holds rows back until earlier ones have come: no watermark of all symbols may pass this
   * instant, since rows from then on are still to be read. `undefined` while it holds none.
   */
  readonly heldFrom?: Nanos | undefined;
  /** Rows that it has held back so far: they have come, though they are still to be read. */
  readonly rowsEverHeld?: number;
  /** Whether the rows of the last read were held or fetched: they say nothing about how late rows come. */
  readonly isCatchingUp?: boolean;
  /**
   * Whether it holds rows that it has received and cannot receive again. On a drain it is then read on after
   * `stop`, until it has returned them all, and `null`.
   */
  readonly holdsRows?: boolean;
  /**
   * Returns the next rows, as many as are available (at least one, or a control record; a batch without
   * either is dropped), owned by the caller; `null` at the end. Not called again before it has settled, nor after `null`. It may return
   * without a promise if it need not wait.
   *
   * With a budget or a breaker in front of the source, it is called again after a transient error (an
   * outage, rate limiting), and must continue with the row that it could not return. Without them, the
   * pipeline fails with the error.
   *
   * @throws {ProviderError} whose kind decides what the gate does, and whether a restart may help. Errors
   *   of HTTP clients and of the network are classified without it.
   * @throws {RuntimeError} if nothing more can be read. The pipeline fails with it, unless it is
   *   `retryable` and a breaker decides when to retry.
   */
  read(): Promise<Batch | null> | Batch | null;
  /** Asks the source to end: a waiting `read` settles soon, with what it has or with `null`. */
  stop(): Promise<void> | void;
  /** Called after a pause in which it was not read, if it measures how long something takes. */
  standStill?(ns: bigint): void;
  /** Returns where `read` will continue, as plain data that does not change later. Called between two reads. */
  position(): PlainData;
  /**
   * Returns the position before every read, so that a checkpoint can be taken while the read waits. For
   * sources whose `position` is expensive: it may return `undefined` if the read will not wait for long,
   * and a checkpoint then waits for the read. If missing, `position` is used.
   */
  positionForRead?(): PlainData | undefined;
  /** Called after `open` and before the first `read`, with an earlier `position()`. */
  resume(position: PlainData): Promise<void> | void;
  /**
   * Called after `open` and before the first `read`, in place of `resume`, if `rowsOf` says that it can: it goes on
   * behind these rows. It fetches what has come since, and tells of what it cannot have.
   */
  goOnBehind?(last: LastRows): void;
  /**
   * Called before `open`: when it breaks off, another source with the same `rowsOf`, or itself, goes on behind its last
   * rows. What it holds back then need not be delivered.
   */
  willBeFollowed?(): void;
  /** Number of rows read so far that went to `rejects`; they count as read. */
  readonly rowsRejected?: number;
  /** For a source with inputs: rows that their full queues have left out; they count as read and dropped. */
  readonly rowsLeftOut?: number;
  /** Bytes read so far. */
  readonly bytesIn?: number;
}

/** A source in a pipeline. */
export interface NamedSource extends Named<Source> {
  /** What it adds its bad rows to, if its letters are told from those of others. */
  readonly rejects?: SourceRejects | undefined;
}
