import { messageOf, ProviderError } from '../../../core/provider-error.js';
import { providerErrorKind, statusOf } from '../../../core/provider-error-kind.js';
import { PROVIDER_ERRORS, type ProviderErrorKind } from '../../../core/provider-error-table.js';
import { retryAfterMsOf } from '../../../core/retry-after.js';

type Fields = Readonly<Record<string, unknown>>;

/** What a capture keeps of an error. Messages of provider errors have no credentials. */
export function failureNote(error: unknown, nowMs: number): Fields {
  const kind = providerErrorKind(error);
  return {
    ...(kind !== undefined && { kind }),
    message: messageOf(error),
    status: statusOf(error),
    retryAfterMs: retryAfterMsOf(error, nowMs),
  };
}

/** The error that a capture tells of. */
export function failureOf({ kind, message, status, retryAfterMs }: Fields): ProviderError {
  const known = typeof kind === 'string' && Object.hasOwn(PROVIDER_ERRORS, kind);
  return new ProviderError(
    known ? (kind as ProviderErrorKind) : 'disconnected',
    typeof message === 'string' ? message : 'the capture tells of a failure',
    {
      status: typeof status === 'number' ? status : undefined,
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
    },
  );
}
