import { z } from 'zod';
import {
  inFlightPlacesFor,
  type RateMemorySizes,
  SIZES_MAX,
  seatsFor,
} from '../../shared-memory/rate-sizes.js';
import {
  type BudgetInput,
  BudgetName,
  BudgetOptions,
  budgetFields,
  budgetOf,
  checkBudget,
} from './budget-options.js';
import { RATE_THREADS_MAX } from './rate-threads.js';

const scopes = 'expected 1 to 65536 scopes';
const threads = 'expected 1 to 4096 threads';
const seats = 'expected 1 to 16777216 seats';
const rolling = 'expected 0 to 16777216 permits';
const places = 'expected 0 to 16777216 places';
const waiters = 'expected 1 to 10000000 calls';

/** How large the shared table of budgets is. */
export const RateTableSettings = z.strictObject({
  scopesMax: z
    .int(scopes)
    .min(1, scopes)
    .max(SIZES_MAX.scopesMax, scopes)
    .default(256)
    .describe(
      'Budgets (providers, endpoints, tenants) that may exist at one time. Without it, more than that if more are declared from the beginning',
    ),
  threadsMax: z
    .int(threads)
    .min(1, threads)
    .max(RATE_THREADS_MAX, threads)
    .default(64)
    .describe('Threads that may spend at one time, each opened handle counting as one'),
  seatsMax: z
    .int(seats)
    .min(1, seats)
    .max(SIZES_MAX.seatsMax, seats)
    .optional()
    .describe(
      'Budgets that threads may have open at one time, summed over the threads. Without it, ' +
        '`scopesMax` × `threadsMax` up to 16,384 and, beyond that, 4 × `scopesMax`',
    ),
  rollingPermitsMax: z
    .int(rolling)
    .min(0, rolling)
    .max(SIZES_MAX.rollingPermitsMax, rolling)
    .default(65_536)
    .describe(
      'Room for rolling windows: a permit of each takes one place. Without it, more if windows that are declared from the beginning need more',
    ),
  inFlightPlacesMax: z
    .int(places)
    .min(0, places)
    .max(SIZES_MAX.inFlightPlacesMax, places)
    .optional()
    .describe(
      'Room for calls in flight: an `inFlight` limit takes as many places, rounded up to a power of 2 and ' +
        'at least 4. Without it, 65,536, or 16 × `scopesMax`, or what is declared from the beginning, if that is more',
    ),
  waitersMax: z
    .int(waiters)
    .min(1, waiters)
    .max(10_000_000, waiters)
    .default(100_000)
    .describe('Calls of one thread that may wait for permits at one time'),
});
export type RateTableSettings = z.output<typeof RateTableSettings>;

/**
 * What is not given, large enough for the budgets that are there from the beginning.
 *
 * @param given - What people have written of these settings.
 */
export function withRoomFor(
  budgets: readonly BudgetOptions[],
  settings: RateTableSettings,
  given: RateTableInput,
): RateTableSettings {
  const windows = budgets.flatMap(({ limits }) => limits.filter(({ algorithm }) => algorithm === 'rolling'));
  const permits = windows.reduce((sum, limit) => sum + limit.permits, 0);
  const places = budgets.reduce((sum, { inFlight = 0 }) => sum + placesOf(inFlight), 0);
  const larger = (
    setting: 'scopesMax' | 'rollingPermitsMax' | 'inFlightPlacesMax',
    usual: number,
    need: number,
  ) => given[setting] ?? Math.min(SIZES_MAX[setting], Math.max(usual, need));
  const scopesMax = larger('scopesMax', settings.scopesMax, budgets.length);
  return {
    ...settings,
    scopesMax,
    // A window that is changed live needs twice its size.
    rollingPermitsMax: larger('rollingPermitsMax', settings.rollingPermitsMax, 2 * permits),
    inFlightPlacesMax: larger('inFlightPlacesMax', inFlightPlacesFor(scopesMax), places),
  };
}

const placesOf = (inFlight: number): number =>
  inFlight === 0 ? 0 : 2 ** Math.ceil(Math.log2(Math.max(4, inFlight)));

/** How large the table is, as people write it. */
export interface RateTableInput extends z.input<typeof RateTableSettings> {}

export function tableSizes(settings: RateTableSettings): RateMemorySizes {
  const { scopesMax, threadsMax, rollingPermitsMax } = settings;
  const { seatsMax = seatsFor(scopesMax, threadsMax), inFlightPlacesMax = inFlightPlacesFor(scopesMax) } =
    settings;
  return { scopesMax, threadsMax, seatsMax, inFlightPlacesMax, rollingPermitsMax };
}

/** A provider's own budget, and the budgets of its endpoints. */
const ProviderBudget = z
  .strictObject({
    ...budgetFields,
    endpoints: z
      .record(BudgetName, BudgetOptions)
      .default({})
      .describe('Budgets of single endpoints, by name; taken together with that of the provider'),
  })
  .superRefine(checkBudget)
  .transform(({ endpoints, ...own }) => ({ budget: budgetOf(own), endpoints }));

/** Budgets by name: `{ providers: { ibkr: { permits: 50, per: 1s } }, tenants: { … } }`. */
export const BudgetsSettings = z.strictObject({
  providers: z.record(BudgetName, ProviderBudget).default({}).describe('Budgets of providers, by name'),
  tenants: z.record(BudgetName, BudgetOptions).default({}).describe('Budgets of tenants, by name'),
});
export type BudgetsSettings = z.output<typeof BudgetsSettings>;
/** Budgets by name, as people write them. */
export interface BudgetsInput {
  readonly providers?: Readonly<Record<string, ProviderBudgetInput>> | undefined;
  readonly tenants?: Readonly<Record<string, BudgetInput>> | undefined;
}
/** The budget of a provider as people write it, with those of its endpoints. */
export interface ProviderBudgetInput extends BudgetInput {
  readonly endpoints?: Readonly<Record<string, BudgetInput>> | undefined;
}
