import { type ErrorCode, RuntimeError } from '../../core/errors.js';
import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../../core/provider-error-table.js';

/**
 * What an error says about the provider. `failure` counts. `ignored` does not count, and returns a probe.
 * `throttled` is ignored as well, and reported to `onThrottled`.
 */
export type FailureClass = 'failure' | 'ignored' | 'throttled';
/** Says what an error means for the breaker. */
export type Classify = (error: unknown) => FailureClass;

/** Our own errors that are failures of what was called. The others are bad input, or a refusal to call it. */
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
  'PROCESS_NOT_STARTED',
  'PROCESS_CRASHED',
  'PROCESS_EXITED',
  'PROCESS_OUT_OF_MEMORY',
  'INTERNAL',
]);

/**
 * Classifies an error that has a kind by the table of provider errors. Without a kind, cancellation and
 * bad input are ignored, and everything else is a failure.
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
