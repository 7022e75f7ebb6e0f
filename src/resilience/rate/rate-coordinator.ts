import type { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../core/clock.js';
import { parseOptions } from '../../settings/parse-options.js';
import { RateMemory } from '../../shared-memory/rate-memory.js';
import { type Breaker, type CreateOptions, createBreaker } from '../breaker/create-breaker.js';
import type { ThrottledCall } from '../breaker/guard.js';
import { type BudgetInput, BudgetName, BudgetOptions } from './budget-options.js';
import type { Limiter } from './limiter.js';
import { RateClient, reclaimThread, type ScopeStatus } from './rate-client.js';
import { BreakerUnknownError } from './rate-errors.js';
import type { RateHandle } from './rate-handle.js';
import {
  type BreakersInput,
  BreakersSettings,
  type BudgetsInput,
  BudgetsSettings,
  RateTableSettings,
} from './rate-settings.js';
import { type ScopeRef, scopeName, type ThrottledScope } from './scope-ref.js';
import { ScopeTable } from './scope-table.js';

export interface RateCoordinatorOptions extends BudgetsInput, Partial<RateTableSettings> {
  /** Of providers, by their names. */
  readonly breakers?: BreakersInput;
  readonly clock?: Clock;
  /** Of the breakers' jitter; by chance if left out. */
  readonly seed?: number;
  /** Is shown each step of the breakers' machines, as XState tells it. */
  readonly inspect?: CreateOptions['inspect'];
}

/**
 * All budgets of a process (providers, their endpoints, tenants), and the breakers of its providers. Owns the shared memory; every
 * thread opens `handle()` and spends by itself, whether this thread is busy or not. What declares,
 * changes and removes belongs to the thread that made it; `cooldown`, `observeUsed` and `status` are
 * the same from any thread's client.
 *
 * @example
 * const rates = new RateCoordinator({
 *   providers: { ibkr: { permits: 50, per: '1s', endpoints: { history: { permits: 60, per: '10m', algorithm: 'rolling' } } } },
 *   tenants: { research: { permits: 10, per: '1s', weight: 1 } },
 * });
 * const history = rates.limiter({ tenant: 'research', provider: 'ibkr', endpoint: 'history' });
 * await history.acquire({ timeoutMs: 30_000 });
 */
export class RateCoordinator {
  readonly #memory: RateMemory;
  readonly #table: ScopeTable;
  readonly #client: RateClient;
  readonly #waitersMax: number;
  readonly #breakers = new Map<string, Breaker>();

  /**
   * @throws {InvalidOptionsError} naming every refused setting.
   * @throws {RateTableFullError} when the budgets need more room than the table was given.
   */
  constructor(options: RateCoordinatorOptions = {}) {
    const { clock = systemClock, seed, inspect, providers, tenants, breakers = {}, ...table } = options;
    const budgets = parseOptions('budgets', BudgetsSettings, {
      ...(providers !== undefined && { providers }),
      ...(tenants !== undefined && { tenants }),
    });
    const { scopesMax, threadsMax, rollingPermitsMax, waitersMax } = parseOptions(
      'rate',
      RateTableSettings,
      table,
    );
    parseOptions('breakers', BreakersSettings, breakers);
    this.#memory = RateMemory.create({ scopesMax, threadsMax, arenaWords: rollingPermitsMax });
    this.#table = new ScopeTable(this.#memory, clock);
    this.#waitersMax = waitersMax;
    this.#client = new RateClient(this.#memory, {
      clock,
      waitersMax,
      breakerNames: Object.keys(breakers),
      openBreaker: (provider) => this.#breakers.get(provider)!,
    });
    for (const [provider, own] of Object.entries(breakers)) {
      const onThrottled = ({ retryAfterMs }: ThrottledCall) => this.throttled({ provider }, retryAfterMs);
      const more = { clock, onThrottled, ...(seed !== undefined && { seed }), ...(inspect && { inspect }) };
      this.#breakers.set(provider, createBreaker({ ...own, name: provider }, more));
    }
    for (const [provider, { budget, endpoints }] of Object.entries(budgets.providers)) {
      this.#table.set(nameOf({ provider }), budget);
      for (const [endpoint, own] of Object.entries(endpoints)) {
        this.#table.set(nameOf({ provider, endpoint }), own);
      }
    }
    for (const [tenant, budget] of Object.entries(budgets.tenants)) {
      this.#table.set(nameOf({ tenant }), budget);
    }
  }

  /** For another thread: plain data, to be opened there with `openRates`. */
  handle(): RateHandle {
    const breakers = Object.fromEntries(
      [...this.#breakers].map(([provider, breaker]) => [provider, breaker.handle]),
    );
    return { kind: 'tickloom.rate', memory: this.#memory.buffer, waitersMax: this.#waitersMax, breakers };
  }

  /** @throws {ScopeUnknownError} */
  limiter(ref: ScopeRef): Limiter {
    return this.#client.limiter(ref);
  }

  /**
   * The breaker of a provider, with all that its owner can do. A call that it finds throttled (status
   * 429) starts a cooldown of the provider's budget.
   *
   * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a provider without one.
   */
  breaker(provider: string): Breaker {
    const breaker = this.#breakers.get(provider);
    if (breaker === undefined) throw new BreakerUnknownError(provider, [...this.#breakers.keys()]);
    return breaker;
  }

  /**
   * Declares a budget, or changes it under the calls that spend from it. What was spent stays spent.
   *
   * @throws {InvalidOptionsError}
   * @throws {RateTableFullError}
   */
  set(ref: ScopeRef, budget: BudgetInput): void {
    const name = nameOf(ref);
    this.#table.set(name, parseOptions(name, BudgetOptions, budget));
  }

  /** @returns Whether it was there. Calls that wait for it are refused. */
  remove(ref: ScopeRef): boolean {
    return this.#table.remove(nameOf(ref));
  }

  /** @see RateClient.cooldown */
  cooldown(ref: ScopeRef, ms: number): void {
    this.#client.cooldown(ref, ms);
  }

  /** @see RateClient.throttled */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    this.#client.throttled(ref, retryAfterMs);
  }

  /** @see RateClient.observeUsed */
  observeUsed(ref: ScopeRef, used: { readonly used: number; readonly limit?: number }): void {
    this.#client.observeUsed(ref, used);
  }

  /** What was granted, refused, waited and is left of one budget, over all threads. */
  status(ref: ScopeRef): ScopeStatus {
    return this.#client.status(ref);
  }

  /** The same of all budgets, by name (`provider:ibkr`, `endpoint:ibkr/history`, `tenant:research`). */
  statuses(): Readonly<Record<string, ScopeStatus>> {
    return this.#client.statuses();
  }

  /** Sees to it that what a worker holds is taken back when it ends. */
  attach(worker: Worker): void {
    const { threadId } = worker; // −1 once it has ended
    worker.once('exit', () => this.reclaim(threadId));
  }

  /**
   * Takes back what a thread that has ended held: its places in lines and in flight, its probes. Permits that it
   * spent stay spent: too few is safe, too many is not.
   */
  reclaim(threadId: number): void {
    reclaimThread(this.#memory, threadId);
    for (const breaker of this.#breakers.values()) breaker.reclaim(threadId);
  }

  /**
   * Refuses those who wait in this thread, and ends the breakers' machines. Other threads go on
   * spending from the budgets that they opened.
   */
  close(): void {
    this.#client.close();
    for (const breaker of this.#breakers.values()) breaker.close();
  }
}

function nameOf(ref: ScopeRef): string {
  const name = scopeName(ref);
  for (const part of [ref.provider, ref.endpoint, ref.tenant]) {
    if (part !== undefined) parseOptions('budget', BudgetName, part);
  }
  return name;
}
