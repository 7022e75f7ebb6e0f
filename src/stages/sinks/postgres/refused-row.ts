import { sqlStateOf } from '../../../databases/postgres/server-errors.js';

/** Rows that the server does not take, whatever the connection does. */
export class RefusedRowsError extends Error {
  override readonly name = 'RefusedRowsError';
  /** The column, where the server names one. */
  readonly column: string | undefined;

  constructor(reason: string, column: string | undefined, cause: unknown) {
    super(reason, { cause });
    this.column = column;
  }
}

/** Of values, of constraints, of views, and what a trigger raises (Appendix A of PostgreSQL's manual). */
const REFUSING = /^(22|23|44|P0001)/;

/** @returns `undefined` for an error that is not about the rows. */
export function asRefusedRows(error: unknown): RefusedRowsError | undefined {
  const state = sqlStateOf(error);
  if (state === undefined || !REFUSING.test(state)) return undefined;
  const { message, detail, column } = error as { message: string; detail?: string; column?: string };
  const more = detail === undefined ? '' : `: ${detail}`;
  return new RefusedRowsError(`${message}${more} (SQLSTATE ${state})`, column, error);
}
