import { type ErrorCode, isRetryable, PipelineError, RuntimeError } from '../../../core/errors.js';
import { messageOf } from '../../../core/provider-error.js';
import { cutText } from '../../../core/shown-text.js';
import type { RouterLane } from './router-lane.js';

/** Errors of the job itself: another source would not help, or the spec says that they end the job. */
const OF_THE_JOB: ReadonlySet<ErrorCode> = new Set([
  'CHECKPOINT_INVALID',
  'DICTIONARY_FULL',
  'INTERNAL',
  'JOB_STATE',
  'MEMORY_EXHAUSTED',
  'OUTPUT_FAILED',
  'REJECTS_EXHAUSTED',
  'ROW_INVALID',
]);

const CAUSE_CHARS_MAX = 500;

/** Whether an error is no failure of a source. A broken invariant, which has no code, is our own. */
export const isOfTheJob = (error: unknown): boolean =>
  !(error instanceof RuntimeError) || OF_THE_JOB.has(error.code);

/** Whether a source may work again later, though nobody changes anything: authentication and options stay as they are. */
export const mayRecover = isRetryable;

export const textOfCause = (error: unknown): string => cutText(messageOf(error), CAUSE_CHARS_MAX);

/** The error when no source is left. A restart may help if it may help one of them. */
export function noSourceLeft(lanes: readonly Pick<RouterLane, 'name' | 'cause'>[]): PipelineError {
  const failed = lanes.filter(({ cause }) => cause !== undefined);
  const causes = failed.map(({ name, cause }) => `${name}: ${textOfCause(cause)}`);
  return new PipelineError('SOURCE_FAILED', ['No source of the router works:', ...causes].join('\n  - '), {
    cause: failed[0]?.cause,
    retryable: failed.some(({ cause }) => isRetryable(cause)),
  });
}
