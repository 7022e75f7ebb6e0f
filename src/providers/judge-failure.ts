import { RuntimeError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import { asProviderError, ProviderError } from '../core/provider-error.js';
import { PROVIDER_ERRORS } from '../core/provider-error-table.js';
import { retryAfterMsOf } from '../core/retry-after.js';
import { classifyError, type FailureClass } from '../resilience/breaker/classify.js';

/** What is to be made of a call that failed. */
export interface Judgement {
  readonly outcome: FailureClass;
  readonly mayCallAgain: boolean;
  /** For how long the provider asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** What the caller is told, without credentials where it is the provider's. */
  readonly error: unknown;
}

/**
 * By the table of provider errors, where the error has a kind. Does not throw, whatever was thrown: a
 * permit depends on it.
 */
export function judgeFailure(thrown: unknown, provider: string, nowMs: number): Judgement {
  try {
    const outcome = classifyError(thrown);
    const error = asProviderError(thrown, `Provider "${provider}"`, nowMs);
    const mayCallAgain =
      error instanceof ProviderError
        ? PROVIDER_ERRORS[error.kind].callAgain
        : outcome !== 'ignored' && mayHelpAgain(error);
    const retryAfterMs = retryAfterMsOf(error instanceof ProviderError ? error : thrown, nowMs);
    return { outcome, mayCallAgain, retryAfterMs, error };
  } catch {
    // A getter of the error threw.
    return { outcome: 'failure', mayCallAgain: false, retryAfterMs: undefined, error: thrown };
  }
}

/** Whether the same call may succeed later: not after a bug, here or in a source of the user's. */
function mayHelpAgain(error: unknown): boolean {
  if (error instanceof RuntimeError) return error.retryable;
  return !(
    error instanceof InvariantError ||
    // `fetch` has a TypeError, too, where the network fails: with the cause in it.
    (error instanceof TypeError && error.cause === undefined) ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}
