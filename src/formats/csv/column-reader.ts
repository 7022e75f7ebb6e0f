import type { ColumnData } from '../../columns/schema.js';
import type { Kernels } from '../kernels/kernels.js';

/** Scanned rows, and where their values go in a batch. One object serves all reads. */
export interface ReadTask {
  bytes: Uint8Array;
  /** `bounds`, `numbers`, `stride` and `doubled`: see `RowScanner`. */
  bounds: Int32Array;
  numbers: Int32Array;
  stride: number;
  /** Usually empty. */
  doubled: ReadonlySet<number>;
  /** The rows to read: from the first one up to, but not including, the second. */
  from: number;
  rows: number;
  /** Index in the batch of row 0. */
  outRow: number;
}

/** Reads one column of scanned rows, in its own loop. */
export interface ColumnReader {
  /**
   * @param slot - Index of the column's field among the scanned fields.
   * @param bad - Called for each row whose field cannot be read; its value in `out` is garbage.
   */
  read(task: ReadTask, slot: number, out: ColumnData, bad: (row: number) => void): void;
  /**
   * Reads the chosen field of rows that the kernels have taken, as far as kernels can.
   *
   * @returns The number of rows left, which are listed in `unread` of the kernels; `rows` if `read` must read them all.
   */
  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number;
  /** What a field should hold, for error messages. */
  readonly expected: string;
  /** The likely reason why a field cannot be read, if there is one. */
  hint?(text: string): string | undefined;
}
