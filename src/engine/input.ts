import type { CalendarData } from '../calendars/calendar-data.js';
import type { Batch } from '../columns/batch.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { Nanos } from '../core/units.js';
import type { SequenceNumbers } from '../wire/provider-capabilities.js';
import type { LastRows } from './last-rows.js';
import type { SourceCapabilities } from './source-capabilities.js';

/**
 * A second stream that a stage reads: a source and its operators, defined in the options of the stage.
 *
 * The pipeline opens it before its stage, closes it after its stage, and stops it. Checkpoints include the
 * batches that it has not delivered yet. Batches that the stage has read belong to the state of the stage.
 */
export interface Input {
  /** What its source is called in messages: `Source "replay" (quotes, operators[0].with)`. */
  readonly title: string;
  /** Schema of the batches. */
  readonly schema: Schema;
  /** Event order of the rows. */
  readonly order: EventOrder;
  /** The capabilities of its source. */
  readonly capabilities: SourceCapabilities;
  /** How its rows are numbered, as far as its operators leave the numbers alone. */
  readonly sequences?: SequenceNumbers | undefined;
  /** The calendar of the market that its rows are of, if its source knows it. */
  readonly calendar?: CalendarData | undefined;
  /** What its rows are, as its source says (`Source.rowsOf`), if no operator stands behind that. */
  readonly rowsOf?: string | undefined;
  /** Why its source waits for a breaker, if it does. */
  readonly heldByBreaker?: string | undefined;
  /** Rows of its source that went to `rejects`, up to the next batch. */
  readonly rowsRejected: number;
  /** Rows that full queues have left out, its own and those of its source's inputs, up to the next batch. */
  readonly rowsLeftOut: number;
  /** Bytes that its source has read, up to the next batch. */
  readonly bytesIn: number;
  /** How long it has been held so far, in ns: while the pipeline is paused, time stands still for it. */
  readonly heldNs: bigint;
  /**
   * Returns the next batch, or `null` at the end. The caller owns the batch: rows with control records
   * between them, but no `end`. Do not read in the `open` of the stage, only from its first `process`,
   * `emitMore` or `read` on, and only one read at a time.
   *
   * A live input may be silent for long, so an operator must not wait for it in `process`. It keeps the
   * pending read, takes the batch when it arrives, and calls `wake` of its context once it has rows to emit.
   * It may wait for a replayable input. One that reads from the start on calls `wake` in its `open`.
   *
   * @throws What its source or an operator throws; when the run is stopped or has failed elsewhere, the reason of
   *   that, at once. The stage must let that pass.
   */
  read(): Promise<Batch | null> | Batch | null;
}

/**
 * An input that its stage opens and closes itself, as often as it likes: its `opensInputs` is among the facts of the
 * component. Each time, source and operators are made afresh. After a restart, the first `open` goes on where a
 * checkpoint has left it.
 */
export interface InputOnDemand extends Input {
  /** While its source holds rows back: the instant from which on there may be some. */
  readonly heldFrom: Nanos | undefined;
  /** Rows that its source has held back so far, since it was opened: they have come, though they are still to be read. */
  readonly rowsEverHeld: number;
  /** Whether it goes on, since its last `open`, where a checkpoint or an earlier line has left it. */
  readonly goesOn: boolean;
  /**
   * Makes source and operators, and opens them. Resolves once it can be read.
   *
   * @throws What a stage throws as it opens; {PipelineError} with its code if it does not open in time. Then it is
   *   closed again.
   */
  open(options?: OpenOptions): Promise<void>;
  /**
   * Closes source and operators. What they still do is not waited for for long. Never rejects.
   *
   * @param options - `toGoOn`: after a failure of a source that has positions, the next `open` goes on where it has
   *   failed, if that is known.
   */
  close(options?: { readonly toGoOn?: boolean }): Promise<void>;
}

/** How an input on demand is opened. */
export interface OpenOptions {
  /** It does not go on where it was left, since another input has given rows since then. */
  readonly anew?: boolean;
  /** If it does not go on where it was left: the rows behind which it goes on. Its source has to be able to. */
  readonly behind?: LastRows | undefined;
  /** Whether this input or another one goes on behind its last rows when it breaks off. */
  readonly isFollowed?: boolean;
}

/** Whether an input waits to be opened by its stage. */
export const isOnDemand = (input: Input): input is InputOnDemand => 'open' in input;
