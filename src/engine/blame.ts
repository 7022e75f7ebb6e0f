import { type Clock, systemClock } from '../core/clock.js';
import { type ErrorCode, PipelineError, RuntimeError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import { asProviderError, messageOf, ProviderError } from '../core/provider-error.js';
import { providerErrorKind } from '../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../core/provider-error-table.js';

/** Has what a stage throws unexpectedly say which stage it was. */
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
 * An error that says who threw it, and whether a restart may help: what a provider says of that goes
 * before what is usual for the stage. One of ours says enough already, and a broken invariant is no
 * stage's.
 *
 * @param clock - For a provider that says until when it wants to be left alone.
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
