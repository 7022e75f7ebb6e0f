import { z } from 'zod';
import { type BudgetInput, BudgetName, BudgetOptions } from './budget-options.js';
import { RATE_THREADS_MAX } from './rate-threads.js';

const scopes = 'expected 1 to 65536 scopes';
const threads = 'expected 1 to 4096 threads';
const arena = 'expected 0 to 16777216 permits';
const waiters = 'expected 1 to 10000000 calls';

/** How large the shared table of budgets is. */
export const RateTableSettings = z.strictObject({
  scopesMax: z
    .int(scopes)
    .min(1, scopes)
    .max(65_536, scopes)
    .default(256)
    .describe('Budgets (providers, endpoints, tenants) that may exist at one time'),
  threadsMax: z
    .int(threads)
    .min(1, threads)
    .max(RATE_THREADS_MAX, threads)
    .default(64)
    .describe('Threads that may spend at one time, each opened handle counting as one'),
  rollingPermitsMax: z
    .int(arena)
    .min(0, arena)
    .max(16_777_216, arena)
    .default(65_536)
    .describe('Room for rolling windows: a permit of each takes one place, an `inFlight` limit 512'),
  waitersMax: z
    .int(waiters)
    .min(1, waiters)
    .max(10_000_000, waiters)
    .default(100_000)
    .describe('Calls of one thread that may wait for permits at one time'),
});
export type RateTableSettings = z.output<typeof RateTableSettings>;

/** A provider's own budget, and the budgets of its endpoints. */
const ProviderBudget = z
  .looseObject({
    endpoints: z
      .record(BudgetName, BudgetOptions)
      .default({})
      .describe('Budgets of single endpoints, by name; taken together with that of the provider'),
  })
  .transform(({ endpoints, ...own }, context) => {
    const budget = BudgetOptions.safeParse(own, { reportInput: true });
    if (budget.success) return { budget: budget.data, endpoints };
    for (const issue of budget.error.issues) context.addIssue({ ...issue } as never);
    return z.NEVER;
  });

/** Budgets by name: `{ providers: { ibkr: { permits: 50, per: 1s } }, tenants: { … } }`. */
export const BudgetsSettings = z.strictObject({
  providers: z.record(BudgetName, ProviderBudget).default({}).describe('Budgets of providers, by name'),
  tenants: z.record(BudgetName, BudgetOptions).default({}).describe('Budgets of tenants, by name'),
});
export type BudgetsSettings = z.output<typeof BudgetsSettings>;
/** Budgets by name, as people write them. */
export interface BudgetsInput {
  readonly providers?: Readonly<Record<string, ProviderBudgetInput>>;
  readonly tenants?: Readonly<Record<string, BudgetInput>>;
}
/** The budget of a provider as people write it, with those of its endpoints. */
export interface ProviderBudgetInput extends BudgetInput {
  readonly endpoints?: Readonly<Record<string, BudgetInput>>;
}
