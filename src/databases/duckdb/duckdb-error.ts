import { PipelineError, RuntimeError } from '../../core/errors.js';

/** What to do about a failure of DuckDB, by how its message begins or what is in it. */
const ADVICE: readonly { readonly matches: RegExp; readonly text: string; readonly retryable: boolean }[] = [
  {
    matches: /No space left on device|disk quota/i,
    text: 'the disk is full; free some space',
    retryable: true,
  },
  {
    matches: /^Out of Memory Error/i,
    text: 'DuckDB has used up its memory; raise "memoryMb", or let checkpoints be taken more often',
    retryable: false,
  },
  { matches: /not a valid DuckDB database/i, text: 'expected a database of DuckDB', retryable: false },
  {
    matches: /FATAL|database has been invalidated/i,
    text: 'DuckDB has given up on the open database; a new start reads it again from the disk',
    retryable: true,
  },
];

/** Whether another process has the database open. Its number is in the message. */
const isLocked = (message: string) => /Could not set lock on file/i.test(message);

/** Whether DuckDB refused rows, not the statement. */
export const isRefusedRow = (error: unknown): boolean => /^Constraint Error/i.test(messageOf(error));

/**
 * Makes an error of a failure of DuckDB: what was being done, where, and what to do.
 *
 * @param doing - As in `cannot ${doing} "${path}"`.
 */
export function duckDbFailed(
  doing: string,
  path: string,
  cause: unknown,
  code: 'OUTPUT_FAILED' | 'INPUT_UNREADABLE' = 'OUTPUT_FAILED',
): RuntimeError {
  if (cause instanceof RuntimeError) return cause;
  const message = messageOf(cause);
  if (isLocked(message)) {
    const holder = /held in (.*?\(PID \d+\))/.exec(message)?.[1] ?? 'another process';
    return new PipelineError(
      'OUTPUT_IN_USE',
      `"${path}" is open in another process: ${holder}. DuckDB lets one process write, or several read; wait for ` +
        'its end, or choose another path',
      { cause },
    );
  }
  const advice = ADVICE.find(({ matches }) => matches.test(message));
  return new PipelineError(code, `Cannot ${doing} "${path}": ${advice ? `${advice.text}: ` : ''}${message}`, {
    cause,
    retryable: advice?.retryable ?? false,
  });
}

/** Without the stack that DuckDB adds to errors of its own. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n\nStack Trace')[0]!;
