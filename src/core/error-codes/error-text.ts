import type { ErrorCode } from '../errors.js';

/** All that is said of a code, on the command line and in `docs/errors.md`. Code stands in backticks. */
export interface ErrorText {
  /** One sentence. */
  readonly meaning: string;
  /** What usually leads to it. */
  readonly cause: string;
  readonly remedy: string;
  /** `retryable` of the errors with this code: the same for all of them, or one by one. */
  readonly retryable: 'yes' | 'no' | 'depends';
}

/** The codes of one group. */
export type ErrorTexts = Readonly<Partial<Record<ErrorCode, ErrorText>>>;
