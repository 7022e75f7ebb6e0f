/** What a strict consumer writes of budgets and breakers. Checked by `npm run check`, never run. */
import { type CreateOptions, createBreaker, openBreaker } from '../../src/resilience/breaker/breaker.js';
import {
  type AcquireOptions,
  openRates,
  Pacer,
  type PacerOptions,
  RateCoordinator,
  type RateCoordinatorOptions,
  type RateHandle,
  type ReserveOptions,
  type WaitNs,
} from '../../src/resilience/rate/rate.js';
import { openResilience, ResilienceCoordinator } from '../../src/resilience/resilience.js';

// Options of one's own, passed on as they are: some were given, others not.
declare const signal: AbortSignal | undefined;
declare const number: number | undefined;

export const acquire: AcquireOptions = { cost: number, timeoutMs: number, signal, priority: number };
export const reserve: ReserveOptions = { cost: number, maxWaitMs: number };
export const pacer: PacerOptions = {
  clock: undefined,
  threadsMax: number,
  rollingPermitsMax: number,
  waitersMax: number,
};
export const coordinator: RateCoordinatorOptions = {
  clock: undefined,
  providers: undefined,
  tenants: { t: { permits: number, per: undefined, burst: number, inFlight: number, weight: number } },
  scopesMax: number,
  threadsMax: number,
  seatsMax: number,
  rollingPermitsMax: number,
  inFlightPlacesMax: number,
  waitersMax: number,
};
export const breaker: CreateOptions = {
  clock: undefined,
  classify: undefined,
  onThrottled: undefined,
  seed: number,
  inspect: undefined,
};

export async function strict(rates: RateCoordinator): Promise<void> {
  const limiter = rates.limiter({ provider: 'x', endpoint: undefined, tenant: undefined });
  const permit = await limiter.acquire(acquire);
  const wait: WaitNs = limiter.tryAcquire(number);
  const reservation = limiter.reserve(reserve);
  const atNs: bigint = typeof reservation === 'number' ? BigInt(wait) : reservation.atNs + permit.atNs;
  rates.observeUsed({ provider: 'x' }, { used: Number(atNs), limit: number });

  const handle: RateHandle = rates.handle();
  openRates(handle, { clock: undefined });
  new Pacer({ permits: 1 }, pacer).handle();
  new RateCoordinator(coordinator);

  const own = createBreaker({ name: 'own', failuresInRow: number }, breaker);
  for await (const _ of own.events({ capacity: number, signal })) break;
  await openBreaker(own.handle(), breaker).execute((given) => given?.aborted, { signal });
  const both = new ResilienceCoordinator({ breakers: undefined, seed: number, ...coordinator });
  openResilience(both.handle(), { clock: undefined });
}
