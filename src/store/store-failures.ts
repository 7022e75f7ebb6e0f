import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { errnoCode, lacksRoom, outputFailed } from '../core/output-error.js';
import { describeValue } from '../core/shown-text.js';

/** What to do about a file of records that is damaged. */
export const DAMAGED_HINT =
  'put back a copy of the folder, or move this file out of this folder to begin without its records';

/** The data of a store are not what they should be. @param at - File, and byte where it is known. */
export const storeInvalid = (at: string, expected: string, found: string, hint?: string): PipelineError =>
  new PipelineError(
    'STORE_INVALID',
    `${at}: expected ${expected}, found ${found}${hint === undefined ? '' : `; ${hint}`}`,
  );

/**
 * A store that failed. Retryable if the disk is full: nothing was changed then.
 *
 * @param doing - As in `cannot ${doing} "${path}"`.
 */
export function storeFailed(doing: string, path: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError && isOfStore(cause.code)) return cause;
  // An error of the system's is the cause, not one of ours that is made of it: its code is read from there.
  const { message, cause: inner } = outputFailed(doing, path, cause);
  return new PipelineError('STORE_FAILED', message, { cause: inner, retryable: lacksRoom(cause) });
}

/** After this one, nobody knows what is on the disk. */
export class StoreLostError extends PipelineError {}

/** A sync that failed, or a cut: a second one may succeed though the bytes are lost. */
export function storeLost(path: string, cause: unknown): StoreLostError {
  if (cause instanceof StoreLostError) return cause;
  const code = errnoCode(cause);
  return new StoreLostError(
    'STORE_FAILED',
    `Cannot put "${path}" on the disk${code === undefined ? '' : ` (${code})`}: what was written last may be lost, ` +
      'and nothing more is written; open the store anew once the disk is repaired',
    { cause },
  );
}

export const invalidCall = (problem: string): InvalidOptionsError =>
  new InvalidOptionsError('job store', [problem]);

/** @throws {InvalidOptionsError} for a key that no record can have. */
export function checkKey(field: string, key: unknown): void {
  if (typeof key === 'string' && key !== '') return;
  const found = key === '' ? 'an empty text' : describeValue(key);
  throw invalidCall(`${field}: expected a text that is not empty, found ${found}`);
}

const isOfStore = (code: string): boolean => code.startsWith('STORE_');
