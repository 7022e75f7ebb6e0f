import { type Clock, systemClock, type TimerHandle } from '../../core/clock.js';
import type { BudgetPort, BudgetShare, ShareRequest } from '../budget-port.js';
import type { RateCoordinator } from '../rate/rate-coordinator.js';
import { ScopeUnknownError } from '../rate/rate-errors.js';
import { scopeOfName } from '../rate/scope-ref.js';
import { ScopeDealer } from './scope-dealer.js';
import type { DealtRates } from './scope-dealer-parts.js';

/** What `BudgetDealer` is made of. */
export interface BudgetDealerParts {
  /** The budgets that are dealt. Threads of this process may spend from them meanwhile. */
  readonly rates: DealtRates & Pick<RateCoordinator, 'onSet'>;
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

/**
 * Deals the budgets of this process out to others: child processes, which share no memory with it. Over any window, its
 * own threads and all of them are granted no more than the budgets, whatever becomes of messages and of processes.
 */
export class BudgetDealer {
  readonly #rates: BudgetDealerParts['rates'];
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #scopes = new Map<string, ScopeDealer>();
  /** By owner: who is told which budgets to ask for now. */
  readonly #nudges = new Map<string, Set<(scope: string) => void>>();
  readonly #endWatch: () => void;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor({ rates, clock = systemClock, ttlMs = TTL_MS }: BudgetDealerParts) {
    this.#rates = rates;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#endWatch = rates.onSet((name) => this.#scopes.get(name)?.look());
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
        for (const scope of this.#scopes.values()) scope.leave(owner);
      },
    };
  }

  /** Deals no more. What was dealt holds to its end; the threads keep what they have. */
  close(): void {
    this.#isClosed = true;
    this.#endWatch();
    this.#clock.clearTimeout(this.#timer);
  }

  /** @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that is not declared. */
  #renew(request: ShareRequest): BudgetShare {
    if (this.#isClosed || !this.#nudges.has(request.owner)) {
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
      rates: this.#rates,
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
      for (const scope of this.#scopes.values()) scope.look();
      const isDealing = [...this.#scopes.values()].some((scope) => scope.isDealing);
      this.#timer = isDealing && !this.#isClosed ? this.#arm() : undefined;
    }, LOOK_MS);
    this.#clock.unref?.(timer);
    return timer;
  }
}
