import type { Batch } from '../../columns/batch.js';
import type { Column } from '../../columns/schema.js';
import type { PgTypeName } from './pg-types.js';

/** A column of the stream, and the column of the batches that it is read into. */
export interface PgReadField {
  /** Name of the column in PostgreSQL. */
  readonly name: string;
  readonly column: Column;
  readonly type: PgTypeName;
  /**
   * `nanos`: nanoseconds below the microsecond, 0 to 999, which are added to a timestamp. The field comes behind the
   * one of the timestamp itself.
   */
  readonly part?: 'nanos';
  /** Whether NaN is read as no value where the column is nullable, which has no other word for it. Default: refused. */
  readonly nanIsNull?: boolean;
  /** Whether a number that a float64 cannot hold exactly is rounded. Default: refused. */
  readonly rounds?: boolean;
}

/** One field of the rows of a step. */
export interface ValuesRead {
  readonly view: DataView;
  readonly bytes: Buffer;
  /** Where the length of the value of each row is; the value follows it. */
  readonly places: Int32Array;
  readonly count: number;
  /** @param i - Index of the row in the step. */
  refuse(i: number, field: PgReadField, expected: string, found: string): void;
}

/** Reads one field of all rows of a step. */
export interface FieldReader {
  readonly field: PgReadField;
  /** @param start - The row of the batch for the first row of the step. */
  read(values: ValuesRead, batch: Batch, start: number): void;
}

export const EXPECTED_NOT_NULL = (type: string): string =>
  `a value, since a column of type ${type} always has one (leave such rows out in the query, or give them a value by coalesce)`;
