import type { BarWindow } from './bar-window.js';

/**
 * Where a row is. `in`: in a window. `outside`: between two windows. `unknown`: at a time of which nobody knows
 * whether there is a window.
 */
export interface RowPlace {
  readonly kind: 'in' | 'outside' | 'unknown';
  /** The window of the row; else the next one. */
  readonly index: number;
  /** The first window that the row leaves open. */
  readonly closes: number;
  /** Whether it is at the very start of its window. */
  readonly isStart: boolean;
  /**
   * Times around the row for which the same holds, in ns: of a row in a window, since the window began; else, since
   * the row.
   */
  readonly from: number;
  readonly to: number;
}

/**
 * Where the windows of event time are. Each has an index, a whole number in a double; later ones have greater ones.
 * There may be time between two windows, and numbers that no window has.
 */
export interface Windows {
  /** The window of an instant; else the next one. */
  at(timeNs: bigint): number;
  /** The window of an instant; else the one before. */
  lastAt(timeNs: bigint): number;
  /** @param near - A window that is probably not far from the row. */
  ofRow(times: Int32Array, row: number, near: BarWindow | undefined): RowPlace;
  /** The first window whose index is not lower. */
  from(index: number): number;
  /** How many there are from an index up to another one, without that. */
  count(from: number, to: number): number;
  startOf(index: number): bigint;
  /** The first instant after it. */
  endOf(index: number): bigint;
  /** Whether nothing can be missing from one instant to another, since all of it is known to be closed. */
  isClosed(from: bigint, to: bigint): boolean;
  /** Whether it may begin earlier or end later than is known, so that nobody can say it was seen whole. */
  isUncertain(index: number): boolean;
  /**
   * Ns since the begin of a window at which a row closes the next window.
   *
   * @param closedTo - The first window that is not closed.
   */
  closesAt(index: number, closedTo: number): number;
  /**
   * A lower bound on the begin of further bars once the windows below an index are closed.
   *
   * @param reachedNs - A watermark, if one is known to be reached.
   */
  heldTo(index: number, reachedNs: bigint | undefined): bigint;
  /** Begin and end of a window for a checkpoint; `undefined` where the index says it. */
  spanOf(index: number): readonly [string, string] | undefined;
}
