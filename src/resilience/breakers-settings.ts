import { z } from 'zod';
import { type BreakerOptions, UnnamedBreakerOptions } from './breaker/breaker-options.js';
import { BudgetName } from './rate/budget-options.js';

/** Breakers by the name of their provider, which is also their own name. */
export const BreakersSettings = z.record(BudgetName, UnnamedBreakerOptions);
/** Breakers by the name of their provider, as people write them. */
export type BreakersInput = Readonly<Record<string, Omit<BreakerOptions, 'name'>>>;
