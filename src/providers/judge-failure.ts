import { mayHelpAgain } from '../core/errors.js';
import { asProviderError, ProviderError } from '../core/provider-error.js';
import { PROVIDER_ERRORS } from '../core/provider-error-table.js';
import { retryAfterMsOf } from '../core/retry-after.js';
import { classifyError, type FailureClass } from '../resilience/breaker/classify.js';

/** How a failed call is treated. */
export interface Judgement {
  readonly outcome: FailureClass;
  readonly mayCallAgain: boolean;
  /** How long the provider asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** The error for the caller; a provider's error is stripped of credentials. */
  readonly error: unknown;
}

/**
 * Judges an error that has a kind by the table of provider errors. Never throws, whatever was thrown,
 * since a permit has to be released afterwards.
 */
export function judgeFailure(thrown: unknown, provider: string, nowMs: number): Judgement {
  try {
    lookAt(thrown);
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

/** Reads what an error is judged by. @throws What its getters throw: nothing is known of such an error. */
function lookAt(thrown: unknown): void {
  if (thrown === null || thrown === undefined) return;
  const { name, message, code, cause } = thrown as Record<string, unknown>;
  void [name, message, code, cause];
}
