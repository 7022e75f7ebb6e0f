import type { Clock } from '../core/clock.js';
import type { ResilienceServer, ServerProblem } from '../resilience/remote/resilience-server.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { Logger } from '../telemetry/logger.js';

/** Serves budgets and breakers to jobs in processes. Imported once a job in a process needs it. */
export async function serveResilience(
  resilience: ResilienceCoordinator | undefined,
  clock: Clock,
  log: Logger,
): Promise<ResilienceServer | undefined> {
  if (!resilience) return undefined;
  const { ResilienceServer } = await import('../resilience/remote/resilience-server.js');
  const onProblem = ({ error, scope, owner }: ServerProblem) =>
    log.warn(
      { err: error, ...(scope && { budget: scope }), ...(owner && { process: owner }) },
      'budget of a process not dealt',
    );
  return new ResilienceServer(resilience, { clock, onProblem });
}
