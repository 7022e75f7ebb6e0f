import { z } from 'zod';
import { durationNs } from '../../settings/duration.js';
import { FAR_NS, IN_FLIGHT_MAX } from '../../shared-memory/scope-record.js';

const SECOND_NS = 1_000_000_000;
const permits = 'expected 0 to 1000000 permits';
const burst = 'expected 0 to 1000000 permits';
const rate = 'expected 0 to 1000000000 permits a second';
const inFlight = `expected 1 to ${IN_FLIGHT_MAX} calls in flight`;
const weight = 'expected a weight of 1 to 1000';
const name = 'expected 1 to 64 letters, digits, ".", "_" or "-"';

export const BudgetName = z.string(name).regex(/^[A-Za-z0-9._-]{1,64}$/, name);

const Per = durationNs({ min: '1ms', max: '30d' });
const perText = 'Length of time that `permits` are for';
const Algorithm = z.enum(['smooth', 'rolling']);
const algorithmText =
  '`smooth`: a rate with a burst (GCRA): over any time t, at most burst + rate × t. `rolling`: ' +
  'never more than `permits` in any window of `per`';

const limitFields = {
  permits: z
    .int(permits)
    .min(0, permits)
    .max(1_000_000, permits)
    .describe(
      'Permits in each `per`. 0 gives the burst, once, and then nothing. 0 without a burst blocks: nothing ' +
        'is granted until the budget is changed',
    ),
  per: Per.prefault('1s').describe(perText),
  burst: z
    .int(burst)
    .min(0, burst)
    .max(1_000_000, burst)
    .optional()
    .describe(
      'Permits that an idle budget saves up, and that may be taken at once; only of a `smooth` ' +
        'limit. Without it, `permits`',
    ),
  algorithm: Algorithm.default('smooth').describe(algorithmText),
};

/** 30 days, the longest "per". */
const PER_NS_MAX = 2_592_000_000_000_000;

type LimitFields = z.output<z.ZodObject<typeof limitFields>>;

function checkLimit(limit: LimitFields, context: z.core.$RefinementCtx<LimitFields>): void {
  const { algorithm, burst, permits, per } = limit;
  const add = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message, input: limit });
  if (per > PER_NS_MAX) {
    add('permitsPerSecond', 'expected 0, or at least one permit in 30 days');
    return;
  }
  if (algorithm === 'rolling') {
    if (burst !== undefined) add('burst', 'expected none: a rolling window has no burst');
    return;
  }
  if (permits === 0) return;
  if (burst === 0) add('burst', 'expected 1 or more, or "permits" of 0 as well, which blocks');
  if (BigInt(burst ?? permits) * BigInt(Math.ceil(per / permits)) > FAR_NS) {
    add('burst', 'expected a burst that is earned back within 50 years');
  }
}

export const LimitOptions = z.strictObject(limitFields).superRefine(checkLimit);
export type LimitOptions = z.output<typeof LimitOptions>;

/** The options of a budget, without what they must be together. */
export const budgetFields = {
  ...limitFields,
  permits: limitFields.permits.optional(),
  // Whether they were given counts: what would have no effect is refused.
  per: Per.optional().describe(`${perText}. Without it, \`1s\``),
  algorithm: Algorithm.optional().describe(`${algorithmText}. Without it, \`smooth\``),
  permitsPerSecond: z
    .number(rate)
    .min(0, rate)
    .max(1_000_000_000, rate)
    .optional()
    .describe('Short for `permits` with `per: 1s`; may have a fraction: 0.5 is one in two seconds'),
  limits: z
    .array(LimitOptions, 'expected a list of limits')
    .min(1, 'expected 1 to 4 limits')
    .max(4, 'expected 1 to 4 limits')
    .optional()
    .describe(
      'Limits that hold together, in place of the options of one limit, such as 6 in 2 s and 60 in ' +
        '10 min',
    ),
  inFlight: z
    .int(inFlight)
    .min(1, inFlight)
    .max(IN_FLIGHT_MAX, inFlight)
    .optional()
    .describe(
      'Calls that may be under way at one time; the place of a call is free again when it ends, ' +
        'however it ends',
    ),
  weight: z
    .int(weight)
    .min(1, weight)
    .max(1_000, weight)
    .default(1)
    .describe('Of a tenant: its share, against the others, of a provider that cannot serve everybody'),
};

type BudgetFields = z.output<z.ZodObject<typeof budgetFields>>;

/** Refuses options of a budget that do not go together. */
export function checkBudget(budget: BudgetFields, context: z.core.$RefinementCtx<BudgetFields>): void {
  const { permits, permitsPerSecond, limits, per, burst, algorithm } = budget;
  const add = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message, input: budget });
  const given = [permits, permitsPerSecond, limits].filter((value) => value !== undefined).length;
  if (given > 1) {
    const extra = limits === undefined ? 'permitsPerSecond' : 'limits';
    add(extra, 'expected one of "permits", "permitsPerSecond" and "limits"');
    return;
  }
  // An option that would have no effect is a mistake.
  const rest = Object.entries({ per, burst, algorithm }).filter(([, value]) => value !== undefined);
  for (const [option] of rest) {
    if (limits !== undefined) add(option, 'expected inside each of "limits", not beside them');
    else if (given === 0) add(option, 'expected only together with "permits" or "permitsPerSecond"');
    else if (option === 'per' && permits === undefined)
      add(option, 'expected only with "permits", since "permitsPerSecond" is per second');
  }
  if (limits === undefined) for (const limit of oneLimit(budget)) checkLimit(limit, context as never);
}

/** What options of a budget come to: its limits, however they were written. */
export const budgetOf = ({ limits, inFlight, weight, ...one }: BudgetFields) => ({
  limits: limits ?? oneLimit(one),
  ...(inFlight !== undefined && { inFlight }),
  weight,
});

/** A budget as users write it: a single limit in place, a rate per second, or several limits. */
export const BudgetOptions = z.strictObject(budgetFields).superRefine(checkBudget).transform(budgetOf);
export type BudgetOptions = z.output<typeof BudgetOptions>;
/** A budget as people write it: see docs/rate.md. */
export interface BudgetInput extends z.input<typeof BudgetOptions> {}

function oneLimit(budget: {
  readonly permits?: number | undefined;
  readonly permitsPerSecond?: number | undefined;
  readonly per?: number | undefined;
  readonly burst?: number | undefined;
  readonly algorithm?: LimitOptions['algorithm'] | undefined;
}): LimitOptions[] {
  const { permits, permitsPerSecond: rate, per = SECOND_NS, burst, algorithm = 'smooth' } = budget;
  const rest = { ...(burst !== undefined && { burst }), algorithm };
  if (permits !== undefined) return [{ permits, per, ...rest }];
  if (rate === undefined) return [];
  if (Number.isInteger(rate) && rate <= 1_000_000) return [{ permits: rate, per: SECOND_NS, ...rest }];
  // A rate with a fraction, or one above the maximum of "permits", is written as the time that one permit
  // takes.
  const second = algorithm === 'smooth' && { burst: Math.min(1_000_000, Math.ceil(rate)) };
  return [{ permits: 1, per: Math.ceil(SECOND_NS / rate), ...second, ...rest }];
}
