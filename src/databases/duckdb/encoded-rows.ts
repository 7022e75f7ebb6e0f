import type { ColumnData } from '../../columns/schema.js';

/** Told of a value that the type of its column in the database cannot hold. */
export type Refuse = (row: number, expected: string, found: string) => void;

/** Bytes of some rows of a column, as a vector of DuckDB holds them. */
export interface EncodedRows {
  readonly bytes: Uint8Array;
  /** Of rows without a value: one bit a row, 0 for null. `undefined` where all have one. */
  readonly validity: Uint8Array | undefined;
  /** Values that the bytes do not hold. */
  readonly longTexts?: readonly { readonly row: number; readonly text: Uint8Array }[] | undefined;
}

/** Brings the values of a column into the form of its type in the database. */
export interface ColumnEncoder {
  /** Finds the values that the type cannot hold. Missing: it holds all. */
  check?(data: ColumnData, rows: number, refuse: Refuse): void;
  /**
   * @param start - First of the rows.
   * @returns What is valid until the next call.
   */
  encode(data: ColumnData, start: number, rows: number): EncodedRows;
}

/** Rows whose bytes are those of the column. @param width - Bytes of a row. */
export function copied(data: ColumnData, start: number, rows: number, width: number): EncodedRows {
  const bytes = new Uint8Array(data.buffer, data.byteOffset + start * width, rows * width);
  return { bytes, validity: undefined };
}
