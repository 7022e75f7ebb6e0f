import type { Batch } from '../../columns/batch.js';
import type { PgField } from './pg-field.js';
import type { RowRefusals } from './row-refusals.js';

/** Bytes of the length in front of every value. */
export const LENGTH_BYTES = 4;

/** The rows of one step. */
export interface RowsToWrite {
  /** Their positions in the columns. */
  readonly rows: Int32Array;
  readonly count: number;
}

/** Writes one field of all rows of a step: first `measure`, then `write` of the same rows. */
export interface FieldWriter {
  readonly field: PgField;
  /** Adds the bytes of the field to `bytes` of each row, or refuses the row. */
  measure(batch: Batch, step: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void;
  /** Writes the field of each row at its place in `at`, and moves that behind it. */
  write(step: RowsToWrite, out: DataView, at: Int32Array): void;
}

/** Adds what a value of fixed length takes. */
export function addBytes(bytes: Float64Array, count: number, length: number): void {
  for (let i = 0; i < count; i++) bytes[i]! += LENGTH_BYTES + length;
}

export const EXPECTED_VALUE = 'a value, since the column is NOT NULL';
