import type { RowOrigin } from '../../../columns/row-origin.js';
import type { BarWindow } from './bar-window.js';
import type { WindowMarks } from './fold-bars.js';
import type { Times } from './time-span.js';

/** Rows of one batch, and how they are taken into a window. */
export interface BarInput {
  readonly times: Times;
  readonly symbols: Int32Array;
  /** Where the rows stand in the columns. */
  readonly selection: Int32Array;
  readonly origin: RowOrigin | undefined;
  /** Of a row, for messages. */
  valuesAt(place: number): Readonly<Record<string, number>>;
  /** Takes rows into their window. `ascends`: they are known to be in order of time. */
  fold(
    window: BarWindow,
    row: number,
    end: number,
    ascends: boolean,
    unpriced: Int32Array,
    marks: WindowMarks,
  ): void;
}

/** What moved a watermark: a row, or a record of the source where there is none. */
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
  /** Among the rows of the batch, and where it stands in the columns. */
  readonly row: number;
  readonly place: number;
  readonly slot: number;
  readonly timeNs: bigint;
  /** Where its window ended, and the watermark that closed it. */
  readonly endNs: bigint;
  readonly watermarkNs: bigint;
  readonly mover: Mover | undefined;
}

/**
 * All windows of a stream. What would write very much stops when enough was written for now: it says
 * so, and goes on where it was when it is called again with the same arguments.
 */
export interface BarLines extends WindowMarks {
  /** @returns The first row that was not taken, since enough was written for now; or `end`. */
  take(input: BarInput, row: number, end: number): number;
  /** No row earlier is expected, of one symbol or (`ALL_SLOTS`) of all. @returns Whether all is done. */
  watermark(slot: number, at: bigint): boolean;
  gap(slot: number, from: bigint, to: bigint): void;
  stale(slot: number, since: bigint): void;
  reset(at: bigint): void;
  /** Closes all windows. @returns Whether all is done. */
  finish(): boolean;
  /** No bar of a symbol (`ALL_SLOTS`: of any) that begins earlier than this will come. */
  heldTo(slot: number): bigint | undefined;
  /** Rows that were taken so far, and those of them without a price. */
  readonly rowsTaken: number;
  readonly rowsUnpriced: number;
  readonly windowsOpen: number;
  readonly barsNotFilled: number;
}
