import { PipelineError } from './errors.js';

/** What to do about a file that cannot be written, by the code of the operating system. */
const ADVICE: Readonly<Record<string, { readonly text: string; readonly retryable?: boolean }>> = {
  ENOSPC: { text: 'the disk is full; free some space or write elsewhere', retryable: true },
  EDQUOT: { text: 'the disk quota is used up; free some space or write elsewhere', retryable: true },
  EMFILE: { text: 'too many files are open; raise the limit (ulimit -n)', retryable: true },
  ENFILE: { text: 'too many files are open on this machine', retryable: true },
  EACCES: { text: 'permission denied; give this user the right to write there, or choose another path' },
  EPERM: { text: 'not permitted; give this user the right to write there, or choose another path' },
  EROFS: { text: 'the file system is read-only; choose another path' },
  ENOTDIR: { text: 'a part of the path is a file, expected a directory; choose another path' },
  EEXIST: { text: 'there is a file of this name, expected a directory; choose another path' },
  EISDIR: { text: 'there is a directory of this name, expected a file; choose another path' },
  ENOENT: { text: 'it is not there (any more); was the directory removed during the run?' },
  ENAMETOOLONG: { text: 'the path is too long' },
  EIO: { text: 'the device reports an error' },
};

/**
 * A failure to write as an error that says what was being done, where and what to do.
 *
 * @param doing - As in `cannot ${doing} "${path}"`.
 * @param hint - What to do, where the code alone does not tell.
 */
export function outputFailed(doing: string, path: string, cause: unknown, hint?: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const code = errnoCode(cause);
  const advice = code === undefined ? undefined : ADVICE[code];
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
  if (code !== undefined && ADVICE[code]?.retryable) return outputFailed('write', path, cause);
  return new PipelineError(
    'OUTPUT_FAILED',
    `Cannot put "${path}" on the disk${code ? ` (${code})` : ''}: what was written last may be lost`,
    { cause, retryable: true },
  );
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);
const CAUSES_MAX = 16;

/** Whether a failure, or what it was caused by, is that there is no room on the disk: that may pass. */
export function lacksRoom(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause; depth++) {
    if (NO_ROOM.has(errnoCode(cause) ?? '')) return true;
    cause = (cause as { readonly cause?: unknown }).cause;
  }
  return false;
}

/** The code of the operating system, as `ENOENT`: of what it threw, or of what caused an error of ours. */
export function errnoCode(error: unknown): string | undefined {
  const thrown = error instanceof PipelineError ? error.cause : error;
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
