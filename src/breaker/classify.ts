import { type ErrorCode, RuntimeError } from '../core/errors.js';

/**
 * What an error says of the provider. `failure` counts; `ignored` does not, and gives a probe back;
 * `throttled` is ignored as well, and told to `onThrottled`.
 */
export type FailureClass = 'failure' | 'ignored' | 'throttled';
export type Classify = (error: unknown) => FailureClass;

/** The caller's fault, or a refusal: the provider was not asked, or not asked well. */
const IGNORED_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BREAKER_OPEN',
  'BREAKER_UNKNOWN',
  'SCOPE_INVALID',
  'SCOPE_UNKNOWN',
  'COST_INVALID',
  'COST_ABOVE_BURST',
  'BUDGET_SPENT',
  'ACQUIRE_TIMED_OUT',
  'WAITERS_FULL',
  'RATE_CLOSED',
  'SPEC_INVALID',
  'OPTIONS_INVALID',
  'EXPRESSION_INVALID',
  'MODULE_INVALID',
  'ROW_INVALID',
  'CHECKPOINT_INVALID',
]);
const TOO_MANY_REQUESTS = 429;

/** Cancellation and bad input are ignored, a status of 429 is throttled, all else is a failure. */
export function classifyError(error: unknown): FailureClass {
  if (error instanceof RuntimeError) return IGNORED_CODES.has(error.code) ? 'ignored' : 'failure';
  if (typeof error !== 'object' || error === null) return 'failure';
  if ((error as { name?: unknown }).name === 'AbortError') return 'ignored';
  return statusOf(error) === TOO_MANY_REQUESTS ? 'throttled' : 'failure';
}

/** Where HTTP clients keep the status: fetch and undici, Node and got, axios. */
function statusOf(error: object): unknown {
  const { status, statusCode, response } = error as Record<string, unknown>;
  if (status !== undefined || statusCode !== undefined) return status ?? statusCode;
  return typeof response === 'object' && response !== null ? statusOf(response) : undefined;
}

/**
 * How long the provider asks to be left alone: `retryAfterMs` of the error, or a `Retry-After` header
 * (seconds or a date, RFC 9110) of it or its response.
 *
 * @param nowMs - Milliseconds since 1970, for a date.
 */
export function retryAfterMsOf(error: unknown, nowMs: number): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { retryAfterMs, headers, response } = error as Record<string, unknown>;
  if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) return retryAfterMs;
  const header = headerOf(headers, 'retry-after');
  if (header === undefined) return retryAfterMsOf(response, nowMs);
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const { get } = headers as { get?: unknown };
  const value =
    typeof get === 'function' ? get.call(headers, name) : (headers as Record<string, unknown>)[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : undefined;
}
