import { type BudgetInput, BudgetOptions } from '../../../src/resilience/rate/budget-options.js';
import { PermitPath } from '../../../src/resilience/rate/permit-path.js';
import { ScopeTable } from '../../../src/resilience/rate/scope-table.js';
import { ScopeView } from '../../../src/resilience/rate/scope-view.js';
import { RateMemory } from '../../../src/shared-memory/rate-memory.js';
import type { RateMemorySizes } from '../../../src/shared-memory/rate-sizes.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

/** Instants of a clock that has run for a while. */
export const START = 1_000_000_000_000n;
export const MS = 1_000_000n;

/** Budgets in shared memory, without clients: what the kernels work on. */
export function rateMemory(
  budgets: Readonly<Record<string, BudgetInput>>,
  sizes: Partial<RateMemorySizes> = {},
) {
  const { scopesMax = Object.keys(budgets).length, threadsMax = 4 } = sizes;
  const memory = RateMemory.create({
    scopesMax,
    threadsMax,
    seatsMax: scopesMax * threadsMax,
    rollingPermitsMax: 0,
    inFlightPlacesMax: 0,
    ...sizes,
  });
  const clock = new SimulatedClock({ now: START });
  const table = new ScopeTable(memory, clock);
  const set = (name: string, budget: BudgetInput): void => table.set(name, BudgetOptions.parse(budget));
  for (const [name, budget] of Object.entries(budgets)) set(name, budget);
  const names = Object.keys(budgets);
  /** As a thread of its own would see it. */
  const view = (name: string, member = 0): ScopeView =>
    new ScopeView(memory, names.indexOf(name), name, member);
  const path = (member: number, ...scopes: string[]): PermitPath =>
    new PermitPath(scopes.map((name) => view(name, member)));
  return { memory, buffer: memory.buffer, clock, table, set, view, path };
}
