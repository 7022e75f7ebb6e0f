import { type Clock, systemClock } from '../core/clock.js';
import { type ErrorCode, MESSAGE_CHARS_MAX, PipelineError, RuntimeError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import { asProviderError, messageOf, ProviderError } from '../core/provider-error.js';
import { providerErrorKind } from '../core/provider-error-kind.js';
import { PROVIDER_ERRORS } from '../core/provider-error-table.js';
import { redactedBeginning } from '../core/redact.js';
import type { StageLabel } from './stage-label.js';

/** Runs `act`. An error then says which stage it came from. */
export async function blame<T>(
  code: ErrorCode,
  who: StageLabel,
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
 * error decides that, otherwise the default of the stage. The message of a `RuntimeError` already says enough,
 * and a broken invariant is not the fault of a stage.
 *
 * @param clock - For a provider error with a date before which it must not be called.
 */
export function blamed(
  code: ErrorCode,
  who: StageLabel,
  thrown: unknown,
  clock: Clock = systemClock,
): unknown {
  if (thrown instanceof InvariantError) return thrown;
  return locatedAt(who.id, withMessage(code, who.title, thrown, clock));
}

/** Notes which stage an error came from, unless it came through that from one inside it. */
export function locatedAt(stage: string, thrown: unknown): unknown {
  if (thrown instanceof RuntimeError) thrown.stage ??= stage;
  return thrown;
}

function withMessage(code: ErrorCode, title: string, thrown: unknown, clock: Clock): unknown {
  if (code === 'SOURCE_FAILED') {
    const error = asProviderError(thrown, title, Number(clock.wall()) / 1e6);
    if (error instanceof ProviderError) return error;
  }
  if (thrown instanceof RuntimeError) return thrown;
  const kind = providerErrorKind(thrown);
  return new PipelineError(
    code,
    `${title} failed: ${messageOf(thrown) || redactedBeginning(thrown, MESSAGE_CHARS_MAX)}`,
    {
      cause: thrown,
      retryable: code !== 'OPERATOR_FAILED' && (kind === undefined || PROVIDER_ERRORS[kind].restart),
    },
  );
}
