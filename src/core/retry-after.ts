/** How long a provider asks callers to wait. Read, capped and defaulted here and nowhere else. */

import { unlessThrows } from './unless-throws.js';

/**
 * A day. A cooldown cannot be called back, so that a misread date must not stop a feed for years; a
 * provider that means longer is asked once a day.
 */
export const RETRY_AFTER_MS_MAX = 86_400_000;
/** The pause after a throttled call if the provider did not say how long. */
const COOLDOWN_MS = 1_000;

/** The pause after a throttled call, in ms. */
export function cooldownMs(retryAfterMs: number | undefined): number {
  // `NaN`, negative numbers, and what plain JavaScript may pass in place of one are ignored.
  const asked = typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : COOLDOWN_MS;
  return Math.min(RETRY_AFTER_MS_MAX, asked);
}

/** RFC 9110 first, then what providers send in its place. */
const RESET_HEADERS = ['retry-after', 'ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset'];
const RESPONSES_MAX = 4;
/** Numbers from here on are no durations but instants: seconds since 1970, and milliseconds. */
const EPOCH_SECONDS_MIN = 1e9;
const EPOCH_MS_MIN = 1e12;

/**
 * Reads the wait from an error: from its `retryAfterMs`, or from a header of the error or of its `response`.
 * A header holds seconds, a date, or seconds or milliseconds since 1970.
 *
 * @param nowMs - Milliseconds since 1970.
 * @returns Milliseconds, 0 to `RETRY_AFTER_MS_MAX`; `undefined` if there is nothing that can be read.
 */
export function retryAfterMsOf(error: unknown, nowMs: number): number | undefined {
  return unlessThrows(() => readWaitMs(error, nowMs), undefined);
}

function readWaitMs(error: unknown, nowMs: number): number | undefined {
  let at: unknown = error;
  for (let depth = 0; depth < RESPONSES_MAX && typeof at === 'object' && at !== null; depth++) {
    const { retryAfterMs, headers, response } = at as Record<string, unknown>;
    const asked = typeof retryAfterMs === 'number' ? retryAfterMs : headerWaitMs(headers, nowMs);
    if (asked !== undefined && asked >= 0) return Math.min(asked, RETRY_AFTER_MS_MAX);
    at = response;
  }
  return undefined;
}

function headerWaitMs(headers: unknown, nowMs: number): number | undefined {
  const exact = headerOf(headers, 'retry-after-ms');
  if (exact !== undefined && NUMBER.test(exact)) return Number(exact);
  for (const name of RESET_HEADERS) {
    const text = headerOf(headers, name);
    const ms = text === undefined ? undefined : waitMs(text, nowMs);
    if (ms !== undefined) return ms;
  }
  return undefined;
}

const NUMBER = /^\d+(?:\.\d+)?$/;

function waitMs(text: string, nowMs: number): number | undefined {
  if (NUMBER.test(text)) {
    const value = Number(text);
    if (value < EPOCH_SECONDS_MIN) return value * 1_000;
    return Math.max(0, (value < EPOCH_MS_MIN ? value * 1_000 : value) - nowMs);
  }
  // `Date.parse` takes a text such as "-5" for a date, too; one of HTTP has the name of a month.
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Of `fetch` (`get`), or a plain object, in whatever case its names are. */
function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const { get } = headers as { get?: unknown };
  let value = typeof get === 'function' ? get.call(headers, name) : undefined;
  if (value === undefined || value === null) {
    const key = Object.keys(headers).find((key) => key.toLowerCase() === name);
    value = key === undefined ? undefined : (headers as Record<string, unknown>)[key];
  }
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' || typeof first === 'number' ? String(first).trim() : undefined;
}
