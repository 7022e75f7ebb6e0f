/**
 * What a cell answers to a take: 0 = granted; above, ns until it could be; or one of these. To a
 * look alone it answers below 0 how many ns ago the permits became free. Plain numbers, since a hot
 * path must not allocate.
 */
export type Verdict = number;

export const GRANTED: Verdict = 0;
/** No time that passes would bring it. */
export const NEVER: Verdict = Number.POSITIVE_INFINITY;
/** The parameters that were used are not the scope's any more: look again. */
export const STALE: Verdict = Number.NEGATIVE_INFINITY;

/** In a cell whose content has gone to another. No instant is negative. */
export const MOVED = -1n;
