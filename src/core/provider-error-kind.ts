import { RuntimeError } from './errors.js';
import { kindOfCode, type ProviderErrorKind } from './provider-error-table.js';
import { unlessThrows } from './unless-throws.js';

/** Kinds of HTTP statuses that differ from those of their class (4xx, 5xx). */
const KIND_OF_STATUS: Readonly<Record<number, ProviderErrorKind>> = {
  401: 'authentication',
  402: 'entitlement',
  403: 'entitlement',
  404: 'not-found',
  405: 'unsupported',
  407: 'authentication',
  408: 'unavailable',
  410: 'not-found',
  418: 'throttled', // a venue's ban of those who went on after 429
  425: 'unavailable',
  429: 'throttled',
  451: 'entitlement',
  501: 'unsupported',
  505: 'unsupported',
};

/** Codes of Node, its TLS and undici (`fetch`). */
const KIND_OF_CODE: Readonly<Record<string, ProviderErrorKind>> = {
  // A connection was there, and is gone.
  ECONNRESET: 'disconnected',
  ECONNABORTED: 'disconnected',
  EPIPE: 'disconnected',
  ENETRESET: 'disconnected',
  UND_ERR_SOCKET: 'disconnected',
  UND_ERR_CLOSED: 'disconnected',
  UND_ERR_DESTROYED: 'disconnected',
  ERR_STREAM_PREMATURE_CLOSE: 'disconnected',
  ERR_HTTP2_GOAWAY_SESSION: 'disconnected',
  ERR_HTTP2_STREAM_CANCEL: 'disconnected',
  // There was no connection, or no answer in time.
  ECONNREFUSED: 'unavailable',
  ETIMEDOUT: 'unavailable',
  ESOCKETTIMEDOUT: 'unavailable',
  ENOTFOUND: 'unavailable',
  EAI_AGAIN: 'unavailable',
  EAI_FAIL: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  EHOSTDOWN: 'unavailable',
  ENETUNREACH: 'unavailable',
  ENETDOWN: 'unavailable',
  UND_ERR_CONNECT_TIMEOUT: 'unavailable',
  UND_ERR_HEADERS_TIMEOUT: 'unavailable',
  UND_ERR_BODY_TIMEOUT: 'unavailable',
  // The answer cannot be read, or is not from whom it should be.
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'protocol',
  ERR_HTTP2_ERROR: 'protocol',
  // The client did not send what it was asked to.
  ERR_INVALID_URL: 'invalid-request',
  UND_ERR_INVALID_ARG: 'invalid-request',
  UND_ERR_NOT_SUPPORTED: 'unsupported',
};

/** Codes of Node's TLS: nobody vouches for the certificate of the server. All are of the kind `protocol`. */
const CERTIFICATE_CODES = new Set<unknown>([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_REJECTED',
  'CERT_UNTRUSTED',
  'CERT_CHAIN_TOO_LONG',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const CANCELLED_CODES = new Set<unknown>(['ABORT_ERR', 'UND_ERR_ABORTED', 'ERR_CANCELED']);
const CAUSES_MAX = 8;

/** Whether the caller cancelled the call, which says nothing about the provider. */
export function isCancellation(error: unknown): boolean {
  return kindFound(error) === 'cancelled';
}

/** Whether the reason of an abort signal is a time-out. */
export function isTimeout(reason: unknown): boolean {
  return unlessThrows(
    () => (reason as { readonly name?: unknown } | null | undefined)?.name === 'TimeoutError',
    false,
  );
}

/**
 * Returns the kind of an error from any client: by the code of a `ProviderError`, also from another thread, by the
 * HTTP status of the error or its `response`, or by a network code of the error or its causes.
 *
 * @returns `undefined` for a cancellation, and if the error has none of these.
 */
export function providerErrorKind(error: unknown): ProviderErrorKind | undefined {
  const kind = kindFound(error);
  return kind === 'cancelled' ? undefined : kind;
}

/** An error that cannot be read has no kind. */
const kindFound = (error: unknown) => unlessThrows(() => found(error)?.kind, undefined);

/** Whether nobody vouches for the certificate of the server. */
export function isOfCertificate(error: unknown): boolean {
  return unlessThrows(() => {
    const { code } = (found(error)?.at ?? {}) as { readonly code?: unknown };
    return CERTIFICATE_CODES.has(code);
  }, false);
}

/**
 * Finds, of an error and its causes, the one that its kind is known by: that of `fetch` says "fetch failed", and its
 * cause what has happened. It may be the error itself.
 *
 * @returns `undefined` if it has no kind.
 */
export const tellingCause = (error: unknown): unknown => unlessThrows(() => found(error)?.at, undefined);

interface Found {
  readonly kind: ProviderErrorKind | 'cancelled';
  /** Which of the causes has it. */
  readonly at: object;
}

function found(error: unknown): Found | undefined {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof at === 'object' && at !== null; depth++) {
    const kind = isOwnCancellation(at) ? 'cancelled' : ownKind(at);
    if (kind !== undefined) return { kind, at };
    // Our own errors say what they are. Their causes, such as a file error, do not come from the provider.
    if (at instanceof RuntimeError) return undefined;
    const { cause, errors } = at as { cause?: unknown; errors?: unknown };
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return undefined;
}

function isOwnCancellation(error: object): boolean {
  const { name, code } = error as Record<string, unknown>;
  return name === 'AbortError' || CANCELLED_CODES.has(code);
}

function ownKind(error: object): ProviderErrorKind | undefined {
  const { name, code } = error as Record<string, unknown>;
  const status = statusOf(error);
  return (
    kindOfCode(code) ??
    (status === undefined ? undefined : kindOfStatus(status)) ??
    (typeof code === 'string' ? kindOfNetworkCode(code) : undefined) ??
    (name === 'TimeoutError' ? 'unavailable' : undefined)
  );
}

function kindOfStatus(status: number): ProviderErrorKind | undefined {
  const own = KIND_OF_STATUS[status];
  if (own !== undefined) return own;
  if (status >= 500) return 'unavailable';
  return status >= 400 ? 'invalid-request' : undefined;
}

function kindOfNetworkCode(code: string): ProviderErrorKind | undefined {
  // Node's HTTP parser: HPE_INVALID_CONSTANT and many more.
  if (code.startsWith('HPE_') || CERTIFICATE_CODES.has(code)) return 'protocol';
  return Object.hasOwn(KIND_OF_CODE, code) ? KIND_OF_CODE[code] : undefined;
}

/** The HTTP status, where clients keep it: fetch and undici, Node and got, axios. 100 to 599. */
export function statusOf(error: unknown): number | undefined {
  return unlessThrows(() => readStatus(error), undefined);
}

function readStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { status, statusCode, response } = error as Record<string, unknown>;
  const own = asStatus(status) ?? asStatus(statusCode);
  if (own !== undefined || typeof response !== 'object' || response === null) return own;
  const answer = response as Record<string, unknown>;
  return asStatus(answer.status) ?? asStatus(answer.statusCode);
}

function asStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return Number.isInteger(status) && (status as number) >= 100 && (status as number) < 600
    ? (status as number)
    : undefined;
}
