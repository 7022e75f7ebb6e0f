import type { Batch } from '../../../columns/batch.js';
import type { Column, ColumnData, Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';

/** Where the columns of both inputs stand. */
export interface AsOfColumns {
  /** Columns of the main input: `time`, and `symbol` (−1: rows are joined by time alone). */
  readonly main: { readonly time: number; readonly symbol: number };
  /** The same of the side input, and `sequence` (−1: rows of one instant go by arrival). */
  readonly side: { readonly time: number; readonly symbol: number; readonly sequence: number };
  /** The columns that are taken of the side input, and where they stand there. */
  readonly taken: readonly { readonly column: Column; readonly at: number }[];
}

/** What a join holds between two batches, as plain data. */
export interface JoinState {
  /** Rows of the side input, from `KeptRowsWriter`. */
  readonly kept: PlainData;
  /** The batch of the side input that is not used up, and what was taken of it. */
  readonly side: { readonly batch: PlainData; readonly row: number; readonly control: number } | null;
  /** Answers of the first rows of a batch whose other rows wait, from `saveAnswers`. */
  readonly begun?: PlainData;
  /** How far both inputs have come. */
  readonly progress: PlainData;
  readonly hasEnded: boolean;
}

/**
 * Joins rows of the main input with rows of the side input, a batch at a time. Asks for rows of the side input
 * until the batch is answered, and for no more.
 */
export interface Join {
  /**
   * Begins a batch of the main input. The one before it is answered.
   *
   * @param target - Where the values of the taken columns go, in their order.
   * @param age - Where the distance to the joined row goes, in ns.
   */
  begin(main: Batch, target: readonly ColumnData[], age: Float64Array | undefined): void;
  /** Owns the next batch of the side input. The one before it is used up. */
  give(side: Batch): void;
  /** The side input has ended. */
  endSide(): void;
  /**
   * Answers rows of the main batch as far as the side input is known.
   *
   * @returns Whether all of them are; else the next batch of the side input is to be given, or its end.
   */
  advance(): boolean;
  /** Sets 1 for each row of the batch that was joined with one, 0 for the others. */
  markMatched(keep: Uint8Array): void;
  snapshot(): JoinState;
  /** @throws {PipelineError} `CHECKPOINT_INVALID` for a state of other columns. */
  restore(state: JoinState, sideSchema: Schema): void;
  close(): void;
}

/** What comes late: told once it is found. */
export interface AsOfLateness {
  /** A row of the side input that rows of the main one were answered without. */
  sideRow(batch: Batch, row: number): void;
  /** A row of the main input that came after the rows that it would have been joined with were dropped. */
  mainRow(batch: Batch, row: number): void;
}
