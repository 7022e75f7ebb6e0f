import { assertMapping } from './assert-argument.js';
import { InvalidOptionsError, RuntimeError, type WireError } from './errors.js';
import { isOfCertificate, providerErrorKind, statusOf, tellingCause } from './provider-error-kind.js';
import {
  kindOfCode,
  PROVIDER_ERRORS,
  type ProviderErrorCode,
  type ProviderErrorKind,
} from './provider-error-table.js';
import { redact, redactError } from './redact.js';
import { retryAfterMsOf } from './retry-after.js';
import { describeValue, quoted } from './shown-text.js';
import { unlessThrows } from './unless-throws.js';

/** What it means, and what to do about it. */
const WORDS: Readonly<Record<ProviderErrorKind, readonly [says: string, advice: string]>> = {
  authentication: ['did not accept the credentials', 'check its key or token'],
  entitlement: ['does not give this account what was asked for', 'check what the account may use'],
  'not-found': ['does not know what was asked for', 'check symbols and paths'],
  'invalid-request': ['refused the request', 'check the options of the source'],
  throttled: ['asks for fewer calls', 'lower the budget, or wait'],
  unavailable: ['could not be reached or did not answer', 'look at its status page and the network'],
  disconnected: ['broke the connection off', 'look at its status page and the network'],
  protocol: ['answered what cannot be read', 'look whether its API has changed'],
  unsupported: ['does not offer what was asked for', 'check what it offers'],
};

/** Where the reason is its certificate. */
const NOT_TRUSTED = [
  'has a certificate that nobody vouches for',
  'check its address and the clock of this host, and name an authority of your own in NODE_EXTRA_CA_CERTS',
] as const;

/** What is known about an error besides its kind. */
export interface ProviderErrorDetails {
  /** What the client threw. A copy without credentials is kept. */
  readonly cause?: unknown | undefined;
  /** The HTTP status, where there was one. */
  readonly status?: number | undefined;
  /** How long the provider asks callers to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * A provider did not do what it was asked for. What follows from its kind is in `PROVIDER_ERRORS`.
 * Neither its message nor its cause holds credentials that `redact` knows of.
 */
export class ProviderError extends RuntimeError {
  override readonly name = 'ProviderError';
  override readonly code: ProviderErrorCode;
  override readonly retryable: boolean;
  readonly kind: ProviderErrorKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  /** @throws {InvalidOptionsError} for a kind that there is not, and for details that are none. */
  constructor(kind: ProviderErrorKind, message: string, details: ProviderErrorDetails = {}) {
    assertMapping('ProviderError', details);
    assertKind(kind);
    const { cause, status, retryAfterMs } = details;
    super(redact(message), cause === undefined ? undefined : { cause: redactError(cause) });
    const { code, restart } = PROVIDER_ERRORS[kind];
    this.code = code;
    this.retryable = restart;
    this.kind = kind;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  override toWire(): WireError {
    const { retryAfterMs } = this;
    return { ...super.toWire(), ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
}

function assertKind(kind: unknown): void {
  if (typeof kind === 'string' && Object.hasOwn(PROVIDER_ERRORS, kind)) return;
  const kinds = Object.keys(PROVIDER_ERRORS).join(', ');
  const found = typeof kind === 'string' ? quoted(kind) : describeValue(kind);
  throw new InvalidOptionsError('ProviderError', [`kind: expected one of ${kinds}, found ${found}`]);
}

/**
 * Turns an error of any client into a `ProviderError`. An error without a kind is returned as it is.
 *
 * @param who - Whose error it is, as in `Provider "polygon"`.
 * @param nowMs - Milliseconds since 1970, for a `Retry-After` that is a date.
 */
export function asProviderError(error: unknown, who: string, nowMs: number): unknown {
  // Also for an error from another thread, which has only its code.
  if (error instanceof RuntimeError && kindOfCode(error.code) !== undefined) return error;
  const kind = providerErrorKind(error);
  if (kind === undefined) return error;
  const status = statusOf(error);
  const [says, advice] = isOfCertificate(error) ? NOT_TRUSTED : WORDS[kind];
  const found = textsOf(error);
  const message =
    `${who} ${says}${status === undefined ? '' : ` (status ${status})`}` +
    `${found === '' ? '' : `: ${found}`}; ${advice}`;
  return new ProviderError(kind, message, {
    cause: error,
    status,
    retryAfterMs: retryAfterMsOf(error, nowMs),
  });
}

/** The parts of an HTTP response that say what is wrong. A `Response` of `fetch` has them. */
export interface RefusedResponse {
  readonly status: number;
  readonly headers?: unknown | undefined;
}

/**
 * The error of an HTTP answer that is no success: its kind by the status, its pause by the headers.
 *
 * @param who - Whose answer it is, as in `Provider "polygon"`.
 * @param nowMs - Milliseconds since 1970, for a `Retry-After` that is a date.
 */
export function responseError(response: RefusedResponse, who: string, nowMs: number): ProviderError {
  assertMapping('responseError', response);
  const { status, headers } = response;
  const kind = providerErrorKind({ status }) ?? 'protocol'; // it could have been a success, and was none
  const [says, advice] = WORDS[kind];
  return new ProviderError(kind, `${who} ${says} (status ${status}); ${advice}`, {
    status,
    retryAfterMs: retryAfterMsOf({ headers }, nowMs),
  });
}

/** What an error says, and what its cause does that tells more. */
function textsOf(error: unknown): string {
  const own = messageOf(error);
  const told = messageOf(tellingCause(error));
  if (told === '' || own.includes(told)) return own;
  return own === '' ? told : `${own}: ${told}`;
}

/** Some clients throw values that are not errors; their fields may be anything. Throws nothing. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return redact(error);
  const message = unlessThrows(() => (error as { message?: unknown } | null | undefined)?.message, undefined);
  return typeof message === 'string' ? redact(message) : '';
}
