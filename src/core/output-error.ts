import { PipelineError } from './errors.js';
import { outOfFiles } from './system-limits.js';

/** What to do about a file that cannot be written, by the error code of the operating system. */
const ADVICE: Readonly<Record<string, { readonly text: string; readonly retryable?: boolean }>> = {
  ENOSPC: { text: 'the disk is full; free some space or write elsewhere', retryable: true },
  EDQUOT: { text: 'the disk quota is used up; free some space or write elsewhere', retryable: true },
  EACCES: { text: 'permission denied; give this user the right to write there, or choose another path' },
  EPERM: { text: 'not permitted; give this user the right to write there, or choose another path' },
  EROFS: { text: 'the file system is read-only; choose another path' },
  ENOTDIR: { text: 'a part of the path is a file, expected a directory; choose another path' },
  EEXIST: { text: 'there is a file of this name, expected a directory; choose another path' },
  EISDIR: { text: 'there is a directory of this name, expected a file; choose another path' },
  ENOENT: { text: 'it is not there (any more); was the directory removed during the run?' },
  EXDEV: {
    text: 'it is on another mount than the files that are made beside the output; choose a folder below that mount',
  },
  EBUSY: { text: 'the system uses it, as it does a mount point; choose another path' },
  ENAMETOOLONG: { text: 'the path is too long' },
  EIO: { text: 'the device reports an error' },
};

/**
 * Makes an error of a failure to write. It says what was being done, where, and what to do.
 *
 * @param doing - As in `cannot ${doing} "${path}"`.
 * @param hint - What to do, if the code alone does not tell.
 */
export function outputFailed(doing: string, path: string, cause: unknown, hint?: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const code = errnoCode(cause);
  const limit = outOfFiles(cause);
  const advice = limit === undefined ? ADVICE[code ?? ''] : { text: limit, retryable: true };
  const why = hint ?? advice?.text ?? (cause instanceof Error ? cause.message : String(cause));
  return new PipelineError('OUTPUT_FAILED', `Cannot ${doing} "${path}": ${why}${code ? ` (${code})` : ''}`, {
    cause,
    retryable: advice?.retryable ?? false,
  });
}

/**
 * A failed `fsync`. A second one may succeed though the bytes are lost, so nothing that it was for may
 * count any more: the run ends, and starts again from what is known to be durable.
 */
export function syncFailed(path: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const code = errnoCode(cause);
  if (outOfFiles(cause) !== undefined || ADVICE[code ?? '']?.retryable)
    return outputFailed('write', path, cause);
  return new PipelineError(
    'OUTPUT_FAILED',
    `Cannot put "${path}" on the disk${code ? ` (${code})` : ''}: what was written last may be lost`,
    { cause, retryable: true },
  );
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);
const CAUSES_MAX = 16;

/** Whether a failure or its cause is that the disk is full, which may pass. */
export function lacksRoom(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause; depth++) {
    if (NO_ROOM.has(errnoCode(cause) ?? '')) return true;
    cause = (cause as { readonly cause?: unknown }).cause;
  }
  return false;
}

/** The error code of the operating system, such as `ENOENT`, of an error or of the cause of one of ours. */
export function errnoCode(error: unknown): string | undefined {
  const thrown = error instanceof PipelineError ? error.cause : error;
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
