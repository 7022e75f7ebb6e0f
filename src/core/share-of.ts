/** 0.07 × 100 is a little more than 7 in floating point. */
const ROUNDING = 1e-9;

/** The least number of some that is at least a share of them. */
export const shareOf = (count: number, share: number): number => Math.ceil(count * share - ROUNDING);
