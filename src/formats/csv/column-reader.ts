import type { ColumnData } from '../../columns/schema.js';

/** Scanned rows, and where in a batch their values go. One object serves all reads. */
export interface ReadTask {
  bytes: Uint8Array;
  /** See `RowScanner`. */
  bounds: Int32Array;
  numbers: Int32Array;
  stride: number;
  /** Empty as a rule. */
  doubled: ReadonlySet<number>;
  rows: number;
  /** Row of the batch that the first one becomes. */
  outRow: number;
}

/** Reads one column of scanned rows, in a loop of its own. */
export interface ColumnReader {
  /**
   * @param slot - Of the column's field among the scanned ones.
   * @param bad - Called for each row whose field cannot be read; whatever is in its place stays.
   */
  read(task: ReadTask, slot: number, out: ColumnData, bad: (row: number) => void): void;
  /** What a field should hold, for people. */
  readonly expected: string;
  /** Why a field that cannot be read may hold what it does, where that can be told. */
  hint?(text: string): string | undefined;
}
