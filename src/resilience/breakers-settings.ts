import { z } from 'zod';
import { type BreakerOptions, UnnamedBreakerOptions } from './breaker/breaker-options.js';
import { BudgetName } from './rate/budget-options.js';

/** Each is a state machine with memory of its own, and takes 0.4 ms to make. */
const BREAKERS_MAX = 1_000;

/** Breakers by the name of their provider, which is also their own name. */
export const BreakersSettings = z
  .record(BudgetName, UnnamedBreakerOptions)
  .refine(
    (breakers) => Object.keys(breakers).length <= BREAKERS_MAX,
    `expected at most ${BREAKERS_MAX} breakers`,
  );
/** Breakers by the name of their provider, as people write them. */
export type BreakersInput = Readonly<Record<string, Omit<BreakerOptions, 'name'>>>;
