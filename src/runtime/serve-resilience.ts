import type { Clock } from '../core/clock.js';
import type { ResilienceServer } from '../resilience/remote/resilience-server.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';

/** Serves budgets and breakers to jobs in processes. Imported once a job in a process needs it. */
export async function serveResilience(
  resilience: ResilienceCoordinator | undefined,
  clock: Clock,
): Promise<ResilienceServer | undefined> {
  if (!resilience) return undefined;
  const { ResilienceServer } = await import('../resilience/remote/resilience-server.js');
  return new ResilienceServer(resilience, { clock });
}
