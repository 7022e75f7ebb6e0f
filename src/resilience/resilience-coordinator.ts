import type { Worker } from 'node:worker_threads';
import { assertFunction, assertMapping, assertWorker } from '../core/assert-argument.js';
import { parseOptions } from '../settings/parse-options.js';
import type { BreakerListener } from './breaker/breaker-event.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import { type CreateOptions, createBreaker } from './breaker/create-breaker.js';
import { BreakerUnknownError } from './breaker-unknown-error.js';
import { type BreakersInput, BreakersSettings } from './breakers-settings.js';
import { declaredBudget } from './dealer/parts.js';
import type { Limiter } from './rate/limiter.js';
import type { ObservedUsage } from './rate/rate-client.js';
import { RateCoordinator, type RateCoordinatorOptions } from './rate/rate-coordinator.js';
import type { ScopeRef, ThrottledScope } from './rate/scope-ref.js';
import type { RemoteResilienceHandle } from './remote/remote-messages.js';
import type { Resilience } from './resilience-client.js';
import { type ResilienceHandle, resilienceHandle } from './resilience-handle.js';

/** Budgets, breakers and the size of their tables. */
export interface ResilienceCoordinatorOptions extends RateCoordinatorOptions {
  /** Breakers by the name of their provider. */
  readonly breakers?: BreakersInput | undefined;
  /** Seed of the breakers' jitter; random if left out. */
  readonly seed?: number | undefined;
  /** Called with each step of the breakers' machines, as XState reports it. */
  readonly inspect?: CreateOptions['inspect'];
}

/**
 * The budgets and breakers of a process. They belong together: a call that is throttled (status 429)
 * under a breaker starts a cooldown of its provider's budget. This object owns the shared memory; every
 * other thread opens `handle()` with `openResilience`.
 *
 * @example
 * const resilience = new ResilienceCoordinator({
 *   providers: { ibkr: { permits: 50, per: '1s' } },
 *   breakers: { ibkr: { failuresInRow: 5 } },
 * });
 * await resilience.limiter({ provider: 'ibkr' }).acquire();
 * await resilience.breaker('ibkr').execute(() => call());
 */
export class ResilienceCoordinator implements Resilience {
  /** The budgets: use it to declare, change, remove and watch them. */
  readonly rates: RateCoordinator;
  readonly #breakers = new Map<string, CircuitBreaker>();

  /**
   * @throws {InvalidOptionsError} naming the refused settings.
   * @throws {RateTableFullError} when the budgets need more room than the table was given.
   */
  constructor(options: ResilienceCoordinatorOptions = {}) {
    assertMapping('ResilienceCoordinator', options);
    const { breakers = {}, seed, inspect, ...budgets } = options;
    parseOptions('breakers', BreakersSettings, breakers);
    this.rates = new RateCoordinator(budgets);
    const { clock } = budgets;
    for (const [provider, own] of Object.entries(breakers)) {
      const breaker = createBreaker(
        { ...own, name: provider },
        {
          onThrottled: ({ retryAfterMs }) => this.throttled({ provider }, retryAfterMs),
          ...(clock && { clock }),
          ...(seed !== undefined && { seed }),
          ...(inspect && { inspect }),
        },
      );
      this.#breakers.set(provider, breaker);
    }
  }

  /** Plain data for another thread, which opens it with `openResilience`. */
  handle(): ResilienceHandle {
    const breakers = Object.fromEntries(
      [...this.#breakers].map(([provider, breaker]) => [provider, breaker.handle()]),
    );
    return resilienceHandle({ rates: this.rates.handle(), breakers });
  }

  /** @internal Plain data for another process, without memory of this one: `ResilienceServer` serves it. */
  remoteHandle(owner: string): RemoteResilienceHandle {
    const budgets = [...this.rates.allDeclared()].map(([name, budget]) => [name, declaredBudget(budget)]);
    const breakers = [...this.#breakers].map(([provider, breaker]) => [provider, breaker.options]);
    return {
      owner,
      budgets: Object.fromEntries(budgets),
      breakers: Object.fromEntries(breakers),
      waitersMax: this.rates.handle().waitersMax,
    };
  }

  /** @internal Providers that have a breaker. */
  breakerNames(): Iterable<string> {
    return this.#breakers.keys();
  }

  limiter(ref: ScopeRef): Limiter {
    return this.rates.limiter(ref);
  }

  /**
   * The breaker of a provider, with everything that its owner can do.
   *
   * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a provider without one.
   */
  breaker(provider: string): CircuitBreaker {
    const breaker = this.#breakers.get(provider);
    if (breaker === undefined) throw new BreakerUnknownError(provider, [...this.#breakers.keys()]);
    return breaker;
  }

  /**
   * Adds a listener to the events of all breakers.
   *
   * @returns A function that removes it.
   */
  onBreakers(listener: BreakerListener): () => void {
    assertFunction('onBreakers', listener);
    const ends = [...this.#breakers.values()].map((breaker) => breaker.subscribe(listener));
    return () => {
      for (const end of ends) end();
    };
  }

  /** @see RateClient.throttled */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    this.rates.throttled(ref, retryAfterMs);
  }

  /** @see RateClient.observeUsed */
  observeUsed(ref: ScopeRef, usage: ObservedUsage): void {
    this.rates.observeUsed(ref, usage);
  }

  /** Makes sure that whatever a worker holds is reclaimed when it ends. */
  attach(worker: Worker): void {
    assertWorker('attach', worker);
    const { threadId } = worker; // −1 once it has ended
    worker.once('exit', () => this.reclaim(threadId));
  }

  /**
   * Reclaims what a thread that has ended still held: its places among waiting threads and in flight, and its
   * probes. Permits that it spent stay spent: granting too few is safe, granting too many is not.
   */
  reclaim(threadId: number): void {
    this.rates.reclaim(threadId);
    for (const breaker of this.#breakers.values()) breaker.reclaim(threadId);
  }

  /**
   * Refuses the calls that wait in this thread, and closes the breakers. Other threads can still spend
   * from the budgets that they opened.
   */
  close(): void {
    this.rates.close();
    for (const breaker of this.#breakers.values()) breaker.close();
  }
}
