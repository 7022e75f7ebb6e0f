import { durationText } from '../../core/duration-text.js';
import type { BudgetInput, BudgetOptions, LimitOptions } from '../rate/budget-options.js';

/**
 * A part of a budget: of each limit, its burst, the permits of its window, or those of its quota, in whole permits; and
 * places in flight. The rate of a limit goes with its burst, so parts that add up to the burst add up to the rate.
 */
export interface Part {
  readonly limits: readonly number[];
  /** `undefined`: the budget has no cap. */
  readonly places: number | undefined;
}

/** A part as it was dealt: what it gives, whatever becomes of the budget meanwhile. */
export interface DealtPart extends Part {
  readonly of: BudgetOptions;
}

/** What a limit of a budget can be divided by. */
export const sizeOf = ({ permits, burst }: LimitOptions): number => burst ?? permits;

export const isQuota = ({ permits }: LimitOptions): boolean => permits === 0;
export const isWindow = ({ algorithm }: LimitOptions): boolean => algorithm === 'rolling';

/** All of a budget. */
export const wholeOf = ({ limits, inFlight }: BudgetOptions): Part => ({
  limits: limits.map(sizeOf),
  places: inFlight,
});

export const partOf = (whole: Part, of: (size: number, index: number) => number): Part => ({
  limits: whole.limits.map(of),
  places: whole.places === undefined ? undefined : of(whole.places, whole.limits.length),
});

/** The sizes of a part in a row: its limits, then its places. */
export const sizesOf = ({ limits, places }: Part): readonly number[] =>
  places === undefined ? limits : [...limits, places];

/** A part of which one limit gives nothing gives nothing at all. */
export const isNothing = (part: Part): boolean => sizesOf(part).some((size) => size <= 0);

/** How much a part that was dealt takes of one limit of a budget that may have changed since. */
export function takenOf({ limits, of }: DealtPart, budget: BudgetOptions, index: number): number {
  const [now, then] = [budget.limits[index]!, of.limits[index]];
  const size = limits[index] ?? 0;
  if (size === 0) return 0;
  const isSameKind =
    isQuota(now) === (then !== undefined && isQuota(then)) && isWindow(now) === isWindow(then!);
  // Nobody knows what another kind of limit comes to in this one: nothing else is given until it has ended.
  if (!isSameKind || of.limits.length !== budget.limits.length) return sizeOf(now);
  if (isQuota(now)) return size;
  if (isWindow(now)) return now.per === then!.per ? size : sizeOf(now);
  // Its rate counts as well: it may be a larger part of the rate than it is of the burst.
  const ofRate = (intervalOf(now) * sizeOf(now) * size) / (intervalOf(then!) * sizeOf(then!));
  return Math.max(size, Math.ceil(ofRate));
}

/** A part written as a budget is. */
export function budgetOfPart(budget: BudgetOptions, part: Part): BudgetInput {
  if (isNothing(part)) return { permits: 0 };
  const limits: LimitInput[] = [];
  for (const [index, limit] of budget.limits.entries()) {
    const size = part.limits[index]!;
    if (isQuota(limit)) limits.push({ permits: 0, burst: size });
    else if (isWindow(limit)) {
      limits.push({ permits: size, per: durationText(BigInt(limit.per)), algorithm: 'rolling' });
    } else {
      const rate = rateOf(limit, size);
      if (rate === undefined) return { permits: 0 };
      limits.push({ ...rate, burst: size });
    }
  }
  const { places } = part;
  return { ...(limits.length > 0 && { limits }), ...(places !== undefined && { inFlight: places }) };
}

/** All of a budget, written as a budget is. */
export const declaredBudget = (budget: BudgetOptions): BudgetInput => ({
  ...budgetOfPart(budget, wholeOf(budget)),
  weight: budget.weight,
});

type LimitInput = NonNullable<BudgetInput['limits']>[number];

/** Ns of a permit. */
const intervalOf = ({ per, permits }: LimitOptions): number => Math.ceil(per / permits);

/** The rate that goes with a part of the burst; `undefined` if it is too low to be written. */
function rateOf(limit: LimitOptions, size: number): { permits: number; per: string } | undefined {
  const whole = BigInt(intervalOf(limit)) * BigInt(sizeOf(limit));
  const interval = (whole + BigInt(size) - 1n) / BigInt(size); // rounded up: never faster
  const permits = interval >= PER_NS_MIN ? 1n : (PER_NS_MIN + interval - 1n) / interval;
  const per = interval * permits;
  return per > PER_NS_MAX ? undefined : { permits: Number(permits), per: durationText(per) };
}

/** What "per" of a limit may be: 1 ms to 30 days. */
const PER_NS_MIN = 1_000_000n;
const PER_NS_MAX = 2_592_000_000_000_000n;
