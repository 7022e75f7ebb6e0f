/** Somebody who spends from a budget. */
export interface Claim {
  /** What it can use of the budget: 0 to 1. */
  readonly demand: number;
}

/**
 * Divides a number of permits by max-min fairness: nobody gets more than it can use while others lack something, and
 * those who could use more than their equal part get the same. What is left is nobody's.
 *
 * @param claims - In the order in which a permit that cannot be divided goes to them.
 */
export function fairParts(size: number, claims: readonly Claim[]): number[] {
  const exact = exactParts(size, claims);
  const parts = exact.map((part) => Math.floor(part + ROUNDING));
  let left = size - parts.reduce((sum, part) => sum + part, 0);
  // Whole permits that are left go to the largest rests, and of equal ones to those that come first.
  const byRest = exact
    .map((part, index) => ({ index, rest: part - parts[index]! }))
    .filter(({ rest }) => rest > ROUNDING)
    .sort((a, b) => (Math.abs(b.rest - a.rest) > ROUNDING ? b.rest - a.rest : a.index - b.index));
  for (const { index } of byRest) {
    if (left <= 0) break;
    parts[index]!++;
    left--;
  }
  return parts;
}

/** The same with fractions. */
export function exactParts(size: number, claims: readonly Claim[]): number[] {
  const wants = claims.map(({ demand }) => Math.min(1, Math.max(0, demand)) * size);
  const level = levelOf(size, wants);
  return wants.map((want) => Math.min(want, level));
}

/** The most that anybody gets. */
function levelOf(size: number, wants: readonly number[]): number {
  const sorted = [...wants].sort((a, b) => a - b);
  let left = size;
  for (const [index, want] of sorted.entries()) {
    const equal = left / (sorted.length - index);
    if (want >= equal) return equal;
    left -= want;
  }
  return size;
}

const ROUNDING = 1e-9;
