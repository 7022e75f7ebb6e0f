import type { Worker } from 'node:worker_threads';
import { assertMapping, assertWorker } from '../../core/assert-argument.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { describeValue } from '../../core/shown-text.js';
import { parseOptions } from '../../settings/parse-options.js';
import { RateMemory } from '../../shared-memory/rate-memory.js';
import { type BudgetInput, BudgetName, BudgetOptions } from './budget-options.js';
import { checkNumbers } from './check-numbers.js';
import type { Limiter } from './limiter.js';
import { type ObservedUsage, RateClient, type ScopeStatus } from './rate-client.js';
import { handleOf, type RateHandle } from './rate-handle.js';
import {
  type BudgetsInput,
  BudgetsSettings,
  type RateTableInput,
  RateTableSettings,
  tableSizes,
  withRoomFor,
} from './rate-settings.js';
import { reclaimThread } from './reclaim-thread.js';
import type { ScopeNeed } from './scope-need.js';
import { type ScopeRef, scopeName, type ThrottledScope } from './scope-ref.js';
import { ScopeTable } from './scope-table.js';

/** Budgets and breakers to begin with, and how large their table is: see docs/rate.md. */
export interface RateCoordinatorOptions extends BudgetsInput, RateTableInput {
  readonly clock?: Clock | undefined;
}

/** Who deals budgets out to other processes. */
export interface RateDealer {
  /** Whether others have, or may still take, parts of a budget. */
  isDealing(name: string): boolean;
}

/**
 * All budgets of a process: of providers, their endpoints, and tenants. Owns the shared memory. Every
 * thread opens `handle()` and spends by itself, even while this thread is busy. Only the thread that
 * created it can declare, change and remove budgets; `cooldown`, `observeUsed` and `status` work from any
 * thread's client. `ResilienceCoordinator` adds breakers.
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
  readonly #watchers = new Set<(name: string) => void>();
  #dealer: RateDealer | undefined;

  /**
   * @throws {InvalidOptionsError} naming the refused settings.
   * @throws {RateTableFullError} when the budgets need more room than the table was given.
   */
  constructor(options: RateCoordinatorOptions = {}) {
    assertMapping('RateCoordinator', options);
    const { clock = systemClock, providers, tenants, ...table } = options;
    const budgets = parseOptions('budgets', BudgetsSettings, {
      ...(providers !== undefined && { providers }),
      ...(tenants !== undefined && { tenants }),
    });
    const declared = [
      ...Object.values(budgets.providers).flatMap(({ budget, endpoints }) => [
        budget,
        ...Object.values(endpoints),
      ]),
      ...Object.values(budgets.tenants),
    ];
    const settings = withRoomFor(declared, parseOptions('rate', RateTableSettings, table), table);
    this.#memory = RateMemory.create(tableSizes(settings));
    this.#table = new ScopeTable(this.#memory, clock);
    this.#waitersMax = settings.waitersMax;
    this.#client = new RateClient(this.#memory, { clock, waitersMax: settings.waitersMax });
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

  /** Plain data for another thread, which opens it with `openRates`. */
  handle(): RateHandle {
    return handleOf(this.#memory, this.#waitersMax);
  }

  /** @throws {ScopeUnknownError} */
  limiter(ref: ScopeRef): Limiter {
    return this.#client.limiter(ref);
  }

  /**
   * Declares a budget, or changes it while calls spend from it. What was spent stays spent. What is a share stays the
   * share that it is, of another budget.
   *
   * @throws {InvalidOptionsError}
   * @throws {RateTableFullError}
   */
  set(ref: ScopeRef, budget: BudgetInput): void {
    const name = nameOf(ref);
    this.#table.set(name, parseOptions(name, BudgetOptions, budget));
    for (const changed of this.#watchers) changed(name);
  }

  /** @internal A budget as it was declared last; `undefined` if it was not, or was removed. */
  declared(name: string): BudgetOptions | undefined {
    return this.#table.declared(name);
  }

  /** @internal All budgets, by their names. */
  allDeclared(): IterableIterator<[string, BudgetOptions]> {
    return this.#table.allDeclared();
  }

  /** @internal What whoever deals shares of a budget has to know of those who spend here. */
  need(ref: ScopeRef): ScopeNeed {
    return this.#client.need(ref);
  }

  /**
   * @internal Calls back, before `set` returns, with the name of each budget that was declared or changed. Must not
   * throw.
   *
   * @returns A function that ends that.
   */
  onSet(changed: (name: string) => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /**
   * Makes a declared budget a share of what it was declared as, or changes the share: what another process deals out
   * for a time. Each take checks the end of it; then calls wait, until it is renewed. A share that grows, begins, or
   * comes back after its end has nothing saved up. Costs are judged by the budget as it was declared: one that fits it
   * and not the share waits until the share grows. A tenant keeps its weight. `unshare` makes it a whole budget again.
   *
   * Not for a budget that is dealt to other processes: its share is that of the threads of this one.
   *
   * @param share.budget - Its limits in the order in which they were declared; `{ permits: 0 }`: nothing for now.
   * @param share.endNs - Instant (`Clock.now`) from which on nothing is granted; 0n: there is no end.
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` if it was not declared.
   * @throws {InvalidOptionsError}
   * @throws {RateTableFullError}
   */
  share(ref: ScopeRef, share: { readonly budget: BudgetInput; readonly endNs: bigint }): void {
    this.#expectNotDealt(nameOf(ref));
    this.#share(ref, share);
  }

  #share(ref: ScopeRef, share: { readonly budget: BudgetInput; readonly endNs: bigint }): void {
    const name = nameOf(ref);
    const { endNs } = share;
    if (typeof endNs !== 'bigint' || endNs < 0n || endNs > END_NS_MAX) {
      const found = typeof endNs === 'bigint' ? `${endNs}n` : describeValue(endNs);
      throw new InvalidOptionsError(name, [
        `endNs: expected a bigint of 0n to ${END_NS_MAX}n, found ${found}`,
      ]);
    }
    this.#table.share(name, parseOptions(name, BudgetOptions, share.budget), endNs);
  }

  /**
   * Makes a share the whole budget again, as it was declared last: no other process spends from it any more. Nothing is
   * saved up by that.
   *
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` if it was not declared.
   * @throws {InvalidOptionsError} if it is dealt to other processes.
   * @throws {RateTableFullError}
   */
  unshare(ref: ScopeRef): void {
    const name = nameOf(ref);
    this.#expectNotDealt(name);
    this.#table.unshare(name);
  }

  /** @internal Whoever deals its budgets out; `undefined`: nobody so far. */
  get dealer(): RateDealer | undefined {
    return this.#dealer;
  }

  /**
   * @internal Lets one deal its budgets out, for good.
   *
   * @returns What it needs for that. It is the only one to change the share of a budget while it deals it.
   * @throws {InvalidOptionsError} if there is one: two would deal the same permits twice.
   */
  dealBy(
    dealer: RateDealer,
  ): Pick<RateCoordinator, 'share' | 'unshare' | 'declared' | 'need' | 'cooldown' | 'status'> {
    if (this.#dealer) {
      throw new InvalidOptionsError('budgets', ['expected nobody who deals them, found a dealer of them']);
    }
    this.#dealer = dealer;
    return {
      share: (ref, share) => {
        const name = nameOf(ref);
        if (!dealer.isDealing(name) && this.#table.isShare(name)) {
          throw new InvalidOptionsError(name, [
            'expected a whole budget to deal to other processes, found a share of one',
          ]);
        }
        this.#share(ref, share);
      },
      unshare: (ref) => this.#table.unshare(nameOf(ref)),
      declared: (name) => this.declared(name),
      need: (ref) => this.need(ref),
      cooldown: (ref, ms) => this.cooldown(ref, ms),
      status: (ref) => this.status(ref),
    };
  }

  /** @throws {InvalidOptionsError} */
  #expectNotDealt(name: string): void {
    if (!this.#dealer?.isDealing(name)) return;
    throw new InvalidOptionsError(name, [
      'expected a budget that this process does not deal to others, found one that it deals: its share is given by that',
    ]);
  }

  /**
   * Removes a budget. Calls that wait for it are refused. One that is a share, and is declared again, grants nothing
   * before its next share, or `unshare`.
   *
   * @returns Whether it existed.
   */
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
  observeUsed(ref: ScopeRef, used: ObservedUsage): void {
    this.#client.observeUsed(ref, used);
  }

  /** What was granted, refused and waited for, and what is left of one budget, over all threads. */
  status(ref: ScopeRef): ScopeStatus {
    return this.#client.status(ref);
  }

  /** The status of every budget, by name (`provider:ibkr`, `endpoint:ibkr/history`, `tenant:research`). */
  statuses(): Readonly<Record<string, ScopeStatus>> {
    return this.#client.statuses();
  }

  /** Makes sure that whatever a worker holds is reclaimed when it ends. */
  attach(worker: Worker): void {
    assertWorker('attach', worker);
    const { threadId } = worker; // −1 once it has ended
    worker.once('exit', () => this.reclaim(threadId));
  }

  /**
   * Reclaims what a thread that has ended still held: its places among the waiting threads and in flight. Permits
   * that it spent stay spent: granting too few is safe, granting too many is not.
   */
  reclaim(threadId: number): void {
    checkNumbers('reclaim', { threadId });
    reclaimThread(this.#memory, threadId);
  }

  /**
   * Refuses the calls that wait in this thread. Other threads can still spend from the budgets that they
   * opened.
   */
  close(): void {
    this.#client.close();
  }
}

/** The last instant that a signed 62-bit word holds: no clock comes near. */
const END_NS_MAX = 2n ** 61n - 1n;

function nameOf(ref: ScopeRef): string {
  const name = scopeName(ref);
  for (const part of [ref.provider, ref.endpoint, ref.tenant]) {
    if (part !== undefined) parseOptions('budget', BudgetName, part);
  }
  return name;
}
