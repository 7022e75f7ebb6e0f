import type { Clock } from '../core/clock.js';
import type { BreakersInput } from '../resilience/breakers-settings.js';
import type { BudgetsInput } from '../resilience/rate/rate-settings.js';
import { threadsMaxFor } from '../resilience/rate/rate-threads.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';

/** Creates budgets and breakers. Imports their code on demand, so a runtime without them does not load it. */
export async function makeResilience({
  budgets,
  breakers,
  clock,
  settings,
}: {
  readonly budgets: BudgetsInput | undefined;
  readonly breakers: BreakersInput | undefined;
  readonly clock: Clock;
  readonly settings: RuntimeSettings;
}): Promise<ResilienceCoordinator> {
  const { ResilienceCoordinator } = await import('../resilience/resilience-coordinator.js');
  return new ResilienceCoordinator({
    clock,
    ...budgets,
    ...(breakers && { breakers }),
    threadsMax: threadsMaxFor(settings.maxThreads),
  });
}
