import { z } from 'zod';
import { BreakerOptions } from './breaker/breaker-options.js';
import { BudgetName } from './rate/budget-options.js';

/** Breakers by the name of their provider, which is also their own name. */
export const BreakersSettings = z.record(
  BudgetName,
  z
    .looseObject({})
    .refine((options) => !('name' in options), { path: ['name'], message: 'there is no such option' })
    .transform((options) => ({ ...options, name: 'breaker' }))
    .pipe(BreakerOptions),
);
/** Breakers by the name of their provider, as people write them. */
export type BreakersInput = Readonly<Record<string, Omit<BreakerOptions, 'name'>>>;
