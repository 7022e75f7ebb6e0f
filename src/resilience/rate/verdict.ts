/**
 * A cell's answer to a take: 0 = granted; positive = ns until it could be granted; or one of the
 * constants below. The answer to a peek may also be negative: the ns since the permits became free. Plain
 * numbers, since a hot path must not allocate.
 */
export type Verdict = number;

export const GRANTED: Verdict = 0;
/** No wait will ever be long enough. */
export const NEVER: Verdict = Number.POSITIVE_INFINITY;
/** The parameters used are no longer the scope's: refresh and try again. */
export const STALE: Verdict = Number.NEGATIVE_INFINITY;

/** Marks a cell whose content was moved to another cell. Instants are never negative. */
export const MOVED = -1n;
