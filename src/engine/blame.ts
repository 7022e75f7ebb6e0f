import { type Clock, systemClock } from '../core/clock.js';
import { type ErrorCode, PipelineError, RuntimeError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import { asProviderError, messageOf, ProviderError } from '../core/provider-error.js';
import { providerErrorKind } from '../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../core/provider-error-table.js';

/** Runs `act`, and adds the name of the stage to any unexpected error. */
export async function blame<T>(
  code: ErrorCode,
  who: string,
  act: () => Promise<T> | T,
  clock?: Clock,
): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    throw blamed(code, who, thrown, clock);
  }
}

/**
 * Wraps an error so that it names the stage and says whether a restart may help. The kind of a provider
 * error decides that, otherwise the default of the stage. A `RuntimeError` already says enough, and a
 * broken invariant is not the fault of a stage; both are returned unchanged.
 *
 * @param clock - For a provider error with a date before which it must not be called.
 */
export function blamed(code: ErrorCode, who: string, thrown: unknown, clock: Clock = systemClock): unknown {
  if (thrown instanceof InvariantError) return thrown;
  if (code === 'SOURCE_FAILED') {
    const error = asProviderError(thrown, who, Number(clock.wall()) / 1e6);
    if (error instanceof ProviderError) return error;
  }
  if (thrown instanceof RuntimeError) return thrown;
  const kind = providerErrorKind(thrown);
  return new PipelineError(code, `${who} failed: ${messageOf(thrown) || String(thrown)}`, {
    cause: thrown,
    retryable: code !== 'OPERATOR_FAILED' && (kind === undefined || PROVIDER_ERRORS[kind].restart),
  });
}
