import { parseDurationNs } from '../core/duration-text.js';

/** As the options of a submit have it. */
const DURATION_MS_MAX = 365 * 86_400_000;

/** Milliseconds of a text such as `10s`; `undefined` unless it is from 1 ms to 365 days. */
export function parseDurationMs(text: string): number | undefined {
  const ns = parseDurationNs(text);
  if (ns === undefined || ns < 1_000_000n || ns > BigInt(DURATION_MS_MAX) * 1_000_000n) return undefined;
  return Math.ceil(Number(ns) / 1e6);
}
