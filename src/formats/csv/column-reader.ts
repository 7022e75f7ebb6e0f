import type { ColumnData } from '../../columns/schema.js';

/** Scanned rows, and where their values go in a batch. One object serves all reads. */
export interface ReadTask {
  bytes: Uint8Array;
  /** `bounds`, `numbers`, `stride` and `doubled`: see `RowScanner`. */
  bounds: Int32Array;
  numbers: Int32Array;
  stride: number;
  /** Usually empty. */
  doubled: ReadonlySet<number>;
  rows: number;
  /** Index in the batch of the first row. */
  outRow: number;
}

/** Reads one column of scanned rows, in its own loop. */
export interface ColumnReader {
  /**
   * @param slot - Index of the column's field among the scanned fields.
   * @param bad - Called for each row whose field cannot be read; its value in `out` is garbage.
   */
  read(task: ReadTask, slot: number, out: ColumnData, bad: (row: number) => void): void;
  /** What a field should hold, for error messages. */
  readonly expected: string;
  /** The likely reason why a field cannot be read, if there is one. */
  hint?(text: string): string | undefined;
}
