import { z } from 'zod';
import { BudgetName } from '../resilience/rate/budget-options.js';

const cost = 'expected a cost of 1 to 1000000 permits';

/** Options of the gate in front of a source. All sources have them. */
export const SourceGateOptions = z.object({
  budget: z
    .strictObject({
      provider: BudgetName.describe('Provider whose budget is spent from'),
      endpoint: BudgetName.optional().describe(
        'Endpoint of the provider, where that has a budget of its own',
      ),
      tenant: BudgetName.optional().describe('Tenant on whose account it is spent'),
      cost: z
        .int(cost)
        .min(1, cost)
        .max(1_000_000, cost)
        .default(1)
        .describe('Permits that each read of the source takes'),
    })
    .optional()
    .describe(
      'Budget that each read of the source spends from, declared in the settings of the runtime. A ' +
        'read waits for its permits, and holds its place in flight until it ends',
    ),
  breaker: BudgetName.optional().describe(
    'Provider whose breaker guards each read: while it is open, nothing is read',
  ),
});
