/**
 * A cell's answer to a take: 0 = granted; positive = ns until it could be granted; or one of the
 * constants below. The answer to a peek may also be negative: the ns since the permits became free. Plain
 * numbers, since a hot path must not allocate.
 */
export type Verdict = number;

export const GRANTED: Verdict = 0;
/** No wait will ever be long enough. */
export const NEVER: Verdict = Number.POSITIVE_INFINITY;
/** Nothing is granted until the budget is changed, and nobody knows when that will be. */
export const BLOCKED: Verdict = Number.MAX_VALUE;
/** The parameters used are no longer the scope's: refresh and try again. */
export const STALE: Verdict = Number.NEGATIVE_INFINITY;

/** Marks a cell whose content was moved to another cell. Instants are never negative. */
export const MOVED = -1n;

/** Nanoseconds to wait, as a plain number: 0 means now, `Infinity` that no wait helps. */
export type WaitNs = number;
