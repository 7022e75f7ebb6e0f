import type { Clock } from '../../core/clock.js';
import { mayHelpAgain } from '../../core/errors.js';
import { asProviderError, ProviderError } from '../../core/provider-error.js';
import { isCancellation } from '../../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../../core/provider-error-table.js';
import { cooldownMs, retryAfterMsOf } from '../../core/retry-after.js';

/** What an error says about another attempt. */
export interface NextAttempt {
  /** Whether another attempt may help. */
  readonly mayHelp: boolean;
  /** Ms that the supplier asks to wait; 0 if it asks for nothing. */
  readonly askedMs: number;
  /** The error, as one of the provider if it was met on the way to it. */
  readonly error: unknown;
}

/** @param who - Whose error it is, for its text. */
export function nextAttemptAfter(thrown: unknown, who: string, clock: Clock): NextAttempt {
  const nowMs = Number(clock.wall()) / 1e6;
  const error = asProviderError(thrown, who, nowMs);
  const kind = error instanceof ProviderError ? error.kind : undefined;
  const mayHelp =
    kind === undefined ? !isCancellation(error) && mayHelpAgain(error) : PROVIDER_ERRORS[kind].callAgain;
  const retryAfterMs = retryAfterMsOf(error, nowMs);
  const askedMs = kind === 'throttled' ? cooldownMs(retryAfterMs) : (retryAfterMs ?? 0);
  return { mayHelp, askedMs, error };
}
