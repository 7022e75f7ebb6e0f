import { type Clock, sleep } from '../core/clock.js';
import { millis, type Nanos } from '../core/units.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import type { BudgetPort, BudgetShare, ShareRequest } from './budget-port.js';
import { checkLeasesParts } from './check-leases.js';
import type { RateCoordinator } from './rate/rate-coordinator.js';
import { type ScopeRef, scopeName } from './rate/scope-ref.js';

/** A budget of which this process has a share. */
export interface LeasedBudget {
  /** One that is declared, whole, at the coordinator. */
  readonly ref: ScopeRef;
  /** The breaker of its provider. */
  readonly breaker?: CircuitBreaker | undefined;
}

/** What `BudgetLeases` is made of. */
export interface BudgetLeasesParts {
  readonly port: BudgetPort;
  readonly rates: Pick<RateCoordinator, 'share' | 'cooldown' | 'status'>;
  readonly budgets: readonly LeasedBudget[];
  /** See `ShareRequest`. */
  readonly owner: string;
  /** That of the budgets. */
  readonly clock: Clock;
  /** Told why a share was not renewed. The share that is here holds to its end. Must not throw. */
  onProblem(problem: { readonly scope: string; readonly error: unknown }): void;
}

/** Before the first share, and for those that never end. */
const ANSWER_MS_MAX = 5_000;
const AGAIN_MS_MIN = 50;
const NOTHING = { budget: { permits: 0 }, endNs: 1n } as const;

/**
 * Keeps the shares of this process renewed: asks at a third of their time, and again until an answer comes. One request
 * at a time for each budget, so that an answer to an earlier one never takes effect after that to a later one.
 */
export class BudgetLeases {
  readonly #parts: BudgetLeasesParts;
  readonly #stopping = new AbortController();

  /**
   * If the budgets are shared, nothing is granted from them any more, until `start` has brought the first shares.
   *
   * @throws {InvalidOptionsError} if a part is missing, or is none.
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that was not declared.
   */
  constructor(parts: BudgetLeasesParts) {
    checkLeasesParts(parts);
    this.#parts = parts;
    if (!parts.port.isShared) return;
    for (const { ref } of parts.budgets) parts.rates.share(ref, NOTHING);
  }

  /** Begins to ask. Resolves once it was closed, or if no share has an end. Never rejects. */
  async start(): Promise<void> {
    await Promise.all(this.#parts.budgets.map((budget) => this.#keep(budget)));
  }

  /** Asks no more: the shares run out. */
  close(): void {
    this.#stopping.abort();
  }

  async #keep(budget: LeasedBudget): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    let holds = 0;
    let ttlMs = ANSWER_MS_MAX;
    for (let request = 1; !signal.aborted; request++) {
      const sentAt = clock.now();
      const share = await this.#ask(budget, request, holds, Math.min(ANSWER_MS_MAX, ttlMs / 3));
      if (signal.aborted) return;
      if (share && this.#apply(budget, share, sentAt)) {
        holds = request;
        ttlMs = share.ttlMs;
        if (ttlMs === 0) return;
      }
      const againMs = share ? ttlMs / 3 - Number(clock.now() - sentAt) / 1e6 : ttlMs / 10;
      await sleep(clock, millis(Math.max(AGAIN_MS_MIN, againMs)), signal);
    }
  }

  /** @returns `undefined` if there was no answer in time: one that comes later is dropped. */
  async #ask(
    { ref, breaker }: LeasedBudget,
    request: number,
    holds: number,
    waitMs: number,
  ): Promise<BudgetShare | undefined> {
    const { port, rates, owner, clock } = this.#parts;
    const scope = scopeName(ref);
    const asked: ShareRequest = {
      ...{ scope, owner, request, holds },
      cooldownMs: rates.status(ref).cooldownMs,
      ...(breaker && { breaker: stateOf(breaker) }),
    };
    const answered = new AbortController();
    const late = sleep(clock, millis(waitMs), AbortSignal.any([answered.signal, this.#stopping.signal]));
    try {
      const share = await Promise.race([port.renew(asked), late]);
      if (share === undefined && !this.#stopping.signal.aborted) {
        throw new Error(`Expected an answer within ${Math.round(waitMs)} ms, found none`);
      }
      return share ?? undefined;
    } catch (error) {
      this.#parts.onProblem({ scope, error });
      return undefined;
    } finally {
      answered.abort();
    }
  }

  /** @returns Whether it is the share of this process now. */
  #apply({ ref, breaker }: LeasedBudget, share: BudgetShare, sentAt: Nanos): boolean {
    const { rates, clock, onProblem } = this.#parts;
    let isApplied = false;
    try {
      const { budget, ttlMs, cooldownMs } = share;
      if (!(Number.isFinite(ttlMs) && ttlMs >= 0)) {
        throw new Error(`Expected a share with a "ttlMs" of 0 or more milliseconds, found ${String(ttlMs)}`);
      }
      const endNs = ttlMs === 0 ? 0n : sentAt + BigInt(Math.floor(ttlMs * 1e6));
      if (endNs !== 0n && endNs <= clock.now())
        throw new Error('Expected a share that has not ended, found one that has');
      rates.share(ref, { budget, endNs });
      isApplied = true;
      if (cooldownMs > rates.status(ref).cooldownMs) rates.cooldown(ref, cooldownMs);
      if (share.breaker) breaker?.told(share.breaker);
    } catch (error) {
      onProblem({ scope: scopeName(ref), error });
    }
    return isApplied;
  }
}

function stateOf(breaker: CircuitBreaker): NonNullable<ShareRequest['breaker']> {
  const { state, openLeftMs } = breaker.status();
  return { state, version: breaker.toldVersion, ...(openLeftMs !== undefined && { openLeftMs }) };
}
