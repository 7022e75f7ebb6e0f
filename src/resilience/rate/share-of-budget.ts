import { PERMITS_MAX } from '../../shared-memory/scope-record.js';
import type { BudgetOptions, LimitOptions } from './budget-options.js';

/**
 * A share as it takes effect: a tenant keeps the weight that was declared, and there are never more places in flight
 * than those.
 */
export function asShareOf(whole: BudgetOptions, dealt: BudgetOptions): BudgetOptions {
  const places = Math.min(whole.inFlight ?? NO_CAP, dealt.inFlight ?? NO_CAP);
  return {
    limits: dealt.limits,
    weight: whole.weight,
    ...(places !== NO_CAP && { inFlight: places }),
  };
}

/** The largest cost that a budget takes: it is judged by this, however small its share is for now. */
export const costMaxOf = ({ limits }: BudgetOptions): number =>
  Math.min(PERMITS_MAX, ...limits.map((limit) => burstOf(limit) || PERMITS_MAX));

/** Whether one of its limits grants nothing at all: a budget of nothing. */
export const grantsNothing = ({ limits }: BudgetOptions): boolean =>
  limits.some((limit) => limit.permits === 0 && burstOf(limit) === 0);

/** Whether two budgets have other limits, or these in another order; not whether they are only larger or smaller. */
export const isOfOtherLimits = (one: BudgetOptions, other: BudgetOptions): boolean =>
  one.limits.length !== other.limits.length ||
  one.limits.some(({ per, algorithm, permits }, index) => {
    const before = other.limits[index]!;
    return per !== before.per || algorithm !== before.algorithm || (permits === 0) !== (before.permits === 0);
  });

const burstOf = ({ permits, burst }: LimitOptions): number => burst ?? permits;

const NO_CAP = Number.POSITIVE_INFINITY;
