import { assertMapping, assertText } from '../core/assert-argument.js';
import { parseOptions } from '../settings/parse-options.js';
import type { BreakerState } from '../shared-memory/breaker-memory.js';
import type { ToldState } from './breaker/told-state.js';
import { type BudgetInput, BudgetOptions } from './rate/budget-options.js';
import { ScopeUnknownError } from './rate/rate-errors.js';

/** What a host asks for, and what it knows of the budget. Durations, since instants mean nothing in another process. */
export interface ShareRequest {
  /** The budget: `provider:ibkr`, `endpoint:ibkr/history`, `tenant:research`. */
  readonly scope: string;
  /** Who asks: another text for each start of a process. */
  readonly owner: string;
  /** Number of the request: 1 and up, for this scope and owner. One may come twice, late, or never. */
  readonly request: number;
  /**
   * Number of the request whose share the owner has now; 0: none yet. It never goes back to that of an earlier one, and
   * may still take that of a later one.
   */
  readonly holds: number;
  /** What is left of a cooldown that began here, so that the other hosts keep to it; 0: there is none. */
  readonly cooldownMs: number;
  /** What those who spend here need, so that the one who deals gives more to those who use it. */
  readonly demand?: {
    /** Permits granted here since the budget was declared. */
    readonly permits: number;
    /** Whether calls wait, or were refused since the last request. */
    readonly isShort: boolean;
    /** Permits of the largest call that the share was too small for since then; 0: none. A share that covers it is due some time. */
    readonly wanted: number;
  };
  /** Calls in flight here, which hold places also when the share has fewer; 0 without a cap. */
  readonly inFlight: number;
  /** The breaker of the provider, if there is one: as it is here, and the last version that it was told. */
  readonly breaker?: { readonly state: BreakerState; readonly version: number; readonly openLeftMs?: number };
}

/** What a host may spend until the share ends. */
export interface BudgetShare {
  /**
   * Rate, burst and places in flight of the share, written as a budget is, with its limits in the order in which they
   * were declared. `{ permits: 0 }`: nothing for now. Without `inFlight`, the cap is the one that was declared; the
   * weight of a tenant is always that.
   */
  readonly budget: BudgetInput;
  /** The budget as it is declared now, over all processes. Missing: as it is declared here. */
  readonly declared?: BudgetInput;
  /** Counted from when the request was sent. 0: there is no end. */
  readonly ttlMs: number;
  /** Milliseconds after which to ask again. Missing: at a third of `ttlMs`. */
  readonly againMs?: number;
  /** What is left of a cooldown anywhere, counted from when the request was sent; 0: there is none. */
  readonly cooldownMs: number;
  /** What the breaker of the provider is, over all hosts. */
  readonly breaker?: ToldState;
}

/**
 * Deals a budget out to the hosts that spend from it. Whoever implements it keeps the law: the shares that owners hold
 * or may still take, until their ends, never come to more than the budget, in rate and in burst. A share that an owner
 * has is given up once it asks with a later `holds`, or has ended. Its places in flight are given up only once it asks
 * with no more than the later share has in `inFlight`, or has ended for as long as its calls may take.
 */
export interface BudgetPort {
  /** Whether other processes spend from the same budgets. If so, nothing is granted before the first share is here. */
  readonly isShared: boolean;
  /**
   * Asks for the share of the next while. A rejection, of whatever kind, counts as no answer: it is asked again, and
   * the share that is here holds to its end.
   */
  renew(request: ShareRequest): Promise<BudgetShare>;
  /**
   * Calls back with the names of budgets whose share is to be asked for now, and not only when it is due: others need
   * some of it, or there is a cooldown.
   *
   * @returns A function that ends that.
   */
  onNudge?(nudged: (scope: string) => void): () => void;
}

/** The whole budget for this process, for ever: nobody else spends from it. */
export class EmbeddedBudgetPort implements BudgetPort {
  readonly isShared = false;
  readonly #budgets: ReadonlyMap<string, BudgetInput>;

  /**
   * @param budgets - By scope, as they are declared.
   * @throws {InvalidOptionsError} if one of them is no budget.
   */
  constructor(budgets: Readonly<Record<string, BudgetInput>>) {
    assertMapping('EmbeddedBudgetPort', budgets);
    for (const [scope, budget] of Object.entries(budgets)) parseOptions(scope, BudgetOptions, budget);
    this.#budgets = new Map(Object.entries(budgets));
  }

  /** @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that was not declared. */
  async renew(request: ShareRequest): Promise<BudgetShare> {
    assertMapping('EmbeddedBudgetPort', request);
    const { scope, cooldownMs } = request;
    assertText('EmbeddedBudgetPort', scope);
    const budget = this.#budgets.get(scope);
    if (!budget) throw new ScopeUnknownError(scope, [...this.#budgets.keys()]);
    return { budget, ttlMs: 0, cooldownMs };
  }
}
