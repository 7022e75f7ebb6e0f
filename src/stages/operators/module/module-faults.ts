import { type ErrorCode, PipelineError, RuntimeError } from '../../../core/errors.js';
import { redactedBeginning } from '../../../core/redact.js';
import { describeValue } from '../../../core/shown-text.js';

/**
 * An error of a user's code. One that has a code is left as it is.
 *
 * @param who - As the subject of the sentence.
 */
export function failed(
  who: string,
  how: string,
  error: unknown,
  code: ErrorCode = 'OPERATOR_FAILED',
): RuntimeError {
  if (error instanceof RuntimeError) return error;
  return new PipelineError(code, `${who} ${how}: ${messageOf(error)}`, { cause: error });
}

export function invalid(message: string, cause?: unknown): PipelineError {
  return new PipelineError('MODULE_INVALID', message, cause === undefined ? {} : { cause });
}

export function messageOf(error: unknown): string {
  return redactedBeginning(error instanceof Error ? error.message : String(error), 500);
}

/** What was found, without its values. */
export function shapeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return describeValue(value);
  const keys = Object.keys(value).slice(0, 10);
  return keys.length === 0 ? 'an object without properties' : `an object with ${keys.join(', ')}`;
}
