import { type ErrorCode, RuntimeError } from '../../core/errors.js';
import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../../core/provider-error-table.js';

/**
 * What an error says of the provider. `failure` counts; `ignored` does not, and gives a probe back;
 * `throttled` is ignored as well, and told to `onThrottled`.
 */
export type FailureClass = 'failure' | 'ignored' | 'throttled';
export type Classify = (error: unknown) => FailureClass;

/** Errors of ours that speak of what was called. The others are bad input, or a refusal to call it. */
const FAILURES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SOURCE_FAILED',
  'OPERATOR_FAILED',
  'SINK_FAILED',
  'INPUT_UNREADABLE',
  'INPUT_CORRUPT',
  'OUTPUT_FAILED',
  'CHECKPOINT_FAILED',
  'START_TIMED_OUT',
  'THREAD_NOT_STARTED',
  'THREAD_EXITED',
  'THREAD_CRASHED',
  'THREAD_OUT_OF_MEMORY',
  'INTERNAL',
]);

/**
 * By the table of provider errors, where an error has a kind. Cancellation and bad input are ignored,
 * all else is a failure.
 */
export function classifyError(error: unknown): FailureClass {
  if (isCancellation(error)) return 'ignored';
  const kind = providerErrorKind(error);
  if (kind !== undefined) {
    const { budget, breaker } = PROVIDER_ERRORS[kind];
    return budget === 'cooldown' ? 'throttled' : breaker;
  }
  return error instanceof RuntimeError && !FAILURES.has(error.code) ? 'ignored' : 'failure';
}
