import type { RowOrigin } from '../../../columns/row-origin.js';
import type { BarWindow } from './bar-window.js';
import type { WindowMarks } from './fold-bars.js';
import type { Times } from './time-span.js';

/** The rows of one batch, and how they are folded into a window. */
export interface BarInput {
  readonly times: Times;
  readonly symbols: Int32Array;
  /** For each row, its index in the columns. */
  readonly selection: Int32Array;
  readonly origin: RowOrigin | undefined;
  /** Values of a row, for messages. */
  valuesAt(place: number): Readonly<Record<string, number>>;
  /** Folds rows into their window. `ascends`: the rows are known to be ordered by time. */
  fold(
    window: BarWindow,
    row: number,
    end: number,
    ascends: boolean,
    unpriced: Int32Array,
    marks: WindowMarks,
  ): void;
}

/** What moved a watermark: a row or, if `row` is null, a record of the source. */
export interface Mover {
  readonly timeNs: bigint;
  readonly row: MovingRow | null;
}

/** Plain data. */
export type MovingRow = {
  readonly slot: number;
  readonly spot: { readonly file: string; readonly line: number } | null;
};

/** A row that came after its window had closed. */
export interface LateArrival {
  /** Index among the rows of the batch; `place` is the index in the columns. */
  readonly row: number;
  readonly place: number;
  readonly slot: number;
  readonly timeNs: bigint;
  /** Where its window ended; `watermarkNs` is the watermark that closed it. */
  readonly endNs: bigint;
  readonly watermarkNs: bigint;
  readonly mover: Mover | undefined;
}

/**
 * All windows of a stream. A call that would write very many bars stops when enough is written for now.
 * It reports this, and continues when it is called again with the same arguments.
 */
export interface BarTimelines extends WindowMarks {
  /**
   * Folds rows into their windows.
   *
   * @returns The first row that was not taken, because enough was written for now; otherwise `end`.
   */
  take(input: BarInput, row: number, end: number): number;
  /**
   * Moves the watermark of one symbol or (`ALL_SLOTS`) of all: no earlier row is expected.
   *
   * @returns Whether all bars are written.
   */
  watermark(slot: number, at: bigint): boolean;
  gap(slot: number, from: bigint, to: bigint): void;
  stale(slot: number, since: bigint): void;
  reset(at: bigint): void;
  /**
   * Closes all windows.
   *
   * @returns Whether all bars are written.
   */
  finish(): boolean;
  /**
   * A lower bound on the begin of any further bar of a symbol (`ALL_SLOTS`: of any symbol).
   *
   * @param reachedNs - A watermark, if one is known to be reached.
   */
  heldTo(slot: number, reachedNs?: bigint): bigint | undefined;
  /** Where the first window ends that is not closed. */
  firstEnd(slot: number): bigint | undefined;
  /** Rows taken so far; `rowsUnpriced` of them had no price. */
  readonly rowsTaken: number;
  readonly rowsUnpriced: number;
  readonly windowsOpen: number;
  readonly barsNotFilled: number;
}
