import { type Clock, systemClock, type TimerHandle } from '../../core/clock.js';
import type { BudgetPort, BudgetShare, ShareRequest } from '../budget-port.js';
import type { RateCoordinator, RateDealer } from '../rate/rate-coordinator.js';
import { ScopeUnknownError } from '../rate/rate-errors.js';
import { scopeOfName } from '../rate/scope-ref.js';
import { ScopeDealer } from './scope-dealer.js';
import type { DealtRates } from './scope-dealer-parts.js';

/** What `BudgetDealer` is made of. */
export interface BudgetDealerParts {
  /** The budgets that are dealt. Threads of this process may spend from them meanwhile. */
  readonly rates: RateCoordinator;
  /** That of the budgets. */
  readonly clock?: Clock | undefined;
  /** How long a share holds, in milliseconds; 2000 by default. What a process has that dies is lost for so long. */
  readonly ttlMs?: number | undefined;
}

/** The budgets as one other process asks for its shares. */
export interface OwnerPort extends BudgetPort {
  renew(request: ShareRequest): Promise<BudgetShare>;
  onNudge(nudged: (scope: string) => void): () => void;
  /** The process has ended, or asks no more. What it has ends with its time. */
  close(): void;
}

const TTL_MS = 2_000;
/** How often it is looked what threads of this process need, and what has ended. */
const LOOK_MS = 100;

/** Why a budget is not dealt as it should be. */
export interface DealingProblem {
  readonly scope: string;
  readonly error: unknown;
}

/**
 * Deals the budgets of this process out to others: child processes, which share no memory with it. Over any window, its
 * own threads and all of them are granted no more than the budgets, whatever becomes of messages and of processes.
 * There is one for each coordinator, since two would deal the same permits twice.
 */
export class BudgetDealer implements RateDealer {
  readonly #rates: RateCoordinator;
  readonly #dealt: DealtRates;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #scopes = new Map<string, ScopeDealer>();
  /** By owner: who is told which budgets to ask for now. */
  readonly #nudges = new Map<string, Set<(scope: string) => void>>();
  readonly #problems = new Set<(problem: DealingProblem) => void>();
  /** By scope: what was told last, and is still so. */
  readonly #told = new Map<string, string>();
  #owners = 0;
  #timer: TimerHandle | undefined;

  /** @throws {InvalidOptionsError} if the budgets are dealt by another one. */
  constructor({ rates, clock = systemClock, ttlMs = TTL_MS }: BudgetDealerParts) {
    this.#rates = rates;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#dealt = rates.dealBy(this);
    rates.onSet((name) => {
      const scope = this.#scopes.get(name);
      if (scope) this.#guard(name, () => scope.look());
    });
  }

  /** That of the budgets, which is made if there is none. */
  static of(rates: RateCoordinator, clock: Clock): BudgetDealer {
    return rates.dealer instanceof BudgetDealer ? rates.dealer : new BudgetDealer({ rates, clock });
  }

  /** A text that no other process has. */
  newOwner(): string {
    return `process-${++this.#owners}`;
  }

  /** @param owner - Another text for each start of a process. Its requests say the same. */
  portOf(owner: string): OwnerPort {
    const nudges = new Set<(scope: string) => void>();
    this.#nudges.set(owner, nudges);
    return {
      isShared: true,
      renew: async (request) => this.#renew({ ...request, owner }),
      onNudge(nudged) {
        nudges.add(nudged);
        return () => void nudges.delete(nudged);
      },
      close: () => {
        this.#nudges.delete(owner);
        for (const [name, scope] of this.#scopes) this.#guard(name, () => scope.leave(owner));
      },
    };
  }

  isDealing(name: string): boolean {
    return this.#scopes.get(name)?.isDealing ?? false;
  }

  /**
   * @param told - Told why a budget is not dealt as it should be: once, until that is over. Must not throw.
   * @returns A function that ends that.
   */
  onProblem(told: (problem: DealingProblem) => void): () => void {
    this.#problems.add(told);
    return () => void this.#problems.delete(told);
  }

  /** @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that is not declared. */
  #renew(request: ShareRequest): BudgetShare {
    if (!this.#nudges.has(request.owner)) {
      throw new Error(
        `Expected a request for shares of a process that is there, found one of "${request.owner}"`,
      );
    }
    const share = this.#scopeOf(request.scope).renew(request);
    this.#timer ??= this.#arm();
    return share;
  }

  #scopeOf(name: string): ScopeDealer {
    const known = this.#scopes.get(name);
    if (known) return known;
    const ref = scopeOfName(name);
    if (!ref || !this.#rates.declared(name)) throw new ScopeUnknownError(name, []);
    const scope = new ScopeDealer({
      name,
      ref,
      rates: this.#dealt,
      clock: this.#clock,
      ttlMs: this.#ttlMs,
      onNudge: (owner) => {
        for (const nudged of this.#nudges.get(owner) ?? []) nudged(name);
      },
    });
    this.#scopes.set(name, scope);
    return scope;
  }

  /** A timer while something is dealt. It keeps no process alive. */
  #arm(): TimerHandle {
    const timer = this.#clock.setTimeout(() => {
      for (const [name, scope] of this.#scopes) this.#guard(name, () => scope.look());
      const isDealing = [...this.#scopes.values()].some((scope) => scope.isDealing);
      this.#timer = isDealing ? this.#arm() : undefined;
    }, LOOK_MS);
    this.#clock.unref?.(timer);
    return timer;
  }

  /** One budget that cannot be dealt, since there is no room in the table, say, harms no other. */
  #guard(scope: string, look: () => void): void {
    try {
      look();
      this.#told.delete(scope);
    } catch (error) {
      const text = String(error);
      if (this.#told.get(scope) === text) return;
      this.#told.set(scope, text);
      for (const told of this.#problems) told({ scope, error });
    }
  }
}
