import { ProviderError, responseError } from '../../core/provider-error.js';
import type { ProviderErrorKind } from '../../core/provider-error-table.js';
import { retryAfterMsOf } from '../../core/retry-after.js';
import { cutText } from '../../core/shown-text.js';
import type { HttpAnswer } from '../contract/network.js';

const REASON_CHARS_MAX = 200;

/**
 * The error of an answer that is no success. The code in its body says more than its status: a wrong key is
 * status 400 or 401, an unknown symbol is 400. See "Error codes" and "HTTP Return Codes" of the venue.
 *
 * @param nowMs - Ms since 1970, for a ban until an instant.
 */
export function restError(who: string, answer: HttpAnswer, nowMs: number): ProviderError {
  const { status, headers } = answer;
  const { code, msg } = bodyOf(answer);
  const kind = status === 429 || status === 418 ? 'throttled' : kindOf(code, status);
  if (kind === undefined) return responseError({ status, headers }, who, nowMs);
  const retryAfterMs = retryAfterMsOf({ headers }, nowMs) ?? banMs(msg, nowMs);
  const says = msg === undefined ? '' : `: ${cutText(msg, REASON_CHARS_MAX)}`;
  const coded = code === undefined ? '' : `, code ${code}`;
  return new ProviderError(kind, `${who} ${WORDS[kind] ?? 'refused'} (status ${status}${coded})${says}`, {
    status,
    retryAfterMs: kind === 'throttled' ? retryAfterMs : undefined,
  });
}

/** What the venue did. */
const WORDS: Partial<Record<ProviderErrorKind, string>> = {
  throttled: 'asks for fewer calls',
  authentication: 'did not accept the API key',
  'invalid-request': 'refused the request',
  unavailable: 'could not answer',
};

/** @returns `undefined`: the status says it. */
export function kindOf(code: number | undefined, status?: number): ProviderErrorKind | undefined {
  if (code === -1003 || code === -1015 || code === -1034) return 'throttled'; // requests, orders, connections
  if (code === -1002 || code === -1022 || code === -2014 || code === -2015) return 'authentication';
  if (code === -1000 || code === -1001 || code === -1006 || code === -1007 || code === -1008)
    return 'unavailable';
  if (code !== undefined && code <= -1100 && code > -1200) return 'invalid-request';
  if (status === 403) return 'throttled'; // the firewall's limit
  return undefined;
}

function bodyOf(answer: HttpAnswer): { readonly code?: number; readonly msg?: string } {
  try {
    const { code, msg } = JSON.parse(answer.text()) as { readonly code?: unknown; readonly msg?: unknown };
    return { ...(typeof code === 'number' && { code }), ...(typeof msg === 'string' && { msg }) };
  } catch {
    return {}; // a page of a proxy: the status says what is left
  }
}

/** "Way too much request weight used; IP banned until 1659146400000." */
function banMs(msg: string | undefined, nowMs: number): number | undefined {
  const until = /banned until (\d{13})\b/.exec(msg ?? '')?.[1];
  return until === undefined ? undefined : Math.max(0, Number(until) - nowMs);
}
