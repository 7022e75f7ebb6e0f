import { type Clock, sleep } from '../core/clock.js';
import { describeValue } from '../core/shown-text.js';
import { millis, type Nanos } from '../core/units.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import type { BudgetPort, BudgetShare, ShareRequest } from './budget-port.js';
import { checkLeasesParts } from './check-leases.js';
import type { RateCoordinator } from './rate/rate-coordinator.js';
import { type ScopeRef, scopeName } from './rate/scope-ref.js';
import { ToldCooldowns } from './told-cooldowns.js';

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
/** No share is longer: 10 years. */
const TTL_MS_MAX = 315_576_000_000;
const NOTHING = { budget: { permits: 0 }, endNs: 1n } as const;
const NO_ANSWER = Symbol('no answer');

/**
 * Keeps the shares of this process renewed: asks at a third of their time, and again until an answer comes. One request
 * at a time for each budget, so that an answer to an earlier one never takes effect after that to a later one.
 */
export class BudgetLeases {
  readonly #parts: BudgetLeasesParts;
  readonly #stopping = new AbortController();
  readonly #idle: Clock;

  /**
   * If the budgets are shared, nothing is granted from them any more, until `start` has brought the first shares.
   *
   * @throws {InvalidOptionsError} if a part is missing, or is none.
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` if one of them was not declared; then nothing has changed.
   */
  constructor(parts: BudgetLeasesParts) {
    checkLeasesParts(parts);
    this.#parts = parts;
    this.#idle = idleClock(parts.clock);
    const { port, rates, budgets } = parts;
    for (const { ref } of budgets) rates.status(ref);
    if (port.isShared) for (const { ref } of budgets) rates.share(ref, NOTHING);
  }

  /**
   * Begins to ask. Resolves once it was closed, or if no share has an end. Never rejects. Its timers do not keep a
   * process alive that has nothing else to do.
   */
  async start(): Promise<void> {
    await Promise.all(this.#parts.budgets.map((budget) => this.#keep(budget)));
  }

  /** Asks no more: the shares run out. */
  close(): void {
    this.#stopping.abort();
  }

  async #keep(budget: LeasedBudget): Promise<void> {
    const { clock, rates } = this.#parts;
    const { signal } = this.#stopping;
    const cooldowns = new ToldCooldowns(budget.ref, rates, clock);
    let holds = 0;
    let ttlMs = ANSWER_MS_MAX;
    for (let request = 1; !signal.aborted; request++) {
      const sentAt = clock.now();
      const asked = () => this.#request(budget, { request, holds, cooldownMs: cooldowns.ownLeftMs() });
      const share = await this.#ask(budget, asked, Math.min(ANSWER_MS_MAX, ttlMs / 3));
      if (signal.aborted) return;
      if (share && this.#apply(budget, share, sentAt, cooldowns)) {
        holds = request;
        ttlMs = share.ttlMs;
        if (ttlMs === 0) return;
      }
      const againMs = share ? ttlMs / 3 - Number(clock.now() - sentAt) / 1e6 : ttlMs / 10;
      await this.#sleep(Math.max(AGAIN_MS_MIN, againMs), signal);
    }
  }

  #request(
    { ref, breaker }: LeasedBudget,
    rest: Pick<ShareRequest, 'request' | 'holds' | 'cooldownMs'>,
  ): ShareRequest {
    const { rates, owner } = this.#parts;
    return {
      ...{ scope: scopeName(ref), owner, ...rest },
      inFlight: rates.status(ref).inFlight ?? 0,
      ...(breaker && { breaker: stateOf(breaker) }),
    };
  }

  /**
   * @param request - May throw: the budget may have been removed meanwhile.
   * @returns `undefined` if there was no answer in time: one that comes later is dropped.
   */
  async #ask(
    { ref }: LeasedBudget,
    request: () => ShareRequest,
    waitMs: number,
  ): Promise<BudgetShare | undefined> {
    const { port, onProblem } = this.#parts;
    const answered = new AbortController();
    try {
      const asked = request();
      const late = this.#sleep(waitMs, AbortSignal.any([answered.signal, this.#stopping.signal]));
      const share: unknown = await Promise.race([port.renew(asked), late.then(() => NO_ANSWER)]);
      if (this.#stopping.signal.aborted) return undefined;
      if (share === NO_ANSWER)
        throw new Error(`Expected an answer within ${Math.round(waitMs)} ms, found none`);
      if (typeof share !== 'object' || share === null) {
        throw new Error(`Expected a share, found ${describeValue(share)}`);
      }
      return share as BudgetShare;
    } catch (error) {
      onProblem({ scope: scopeName(ref), error });
      return undefined;
    } finally {
      answered.abort();
    }
  }

  /** @returns Whether it is the share of this process now. */
  #apply(
    { ref, breaker }: LeasedBudget,
    share: BudgetShare,
    sentAt: Nanos,
    cooldowns: ToldCooldowns,
  ): boolean {
    const { rates, clock, onProblem } = this.#parts;
    let isApplied = false;
    try {
      const { budget, ttlMs, cooldownMs } = share;
      if (!(ttlMs >= 0 && ttlMs <= TTL_MS_MAX)) {
        throw new Error(
          `Expected a share with a "ttlMs" of 0 to ${TTL_MS_MAX} milliseconds, found ${describeValue(ttlMs)}`,
        );
      }
      const endNs = ttlMs === 0 ? 0n : sentAt + BigInt(Math.floor(ttlMs * 1e6));
      if (endNs !== 0n && endNs <= clock.now())
        throw new Error('Expected a share that has not ended, found one that has');
      rates.share(ref, { budget, endNs });
      isApplied = true;
      cooldowns.tell(cooldownMs, sentAt);
      if (share.breaker) breaker?.told(share.breaker);
    } catch (error) {
      onProblem({ scope: scopeName(ref), error });
    }
    return isApplied;
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#idle, millis(ms), signal);
  }
}

/** A clock whose timers keep no process alive. */
function idleClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimeout(callback, delayMs) {
      const handle = clock.setTimeout(callback, delayMs);
      clock.unref?.(handle);
      return handle;
    },
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

function stateOf(breaker: CircuitBreaker): NonNullable<ShareRequest['breaker']> {
  const { state, openLeftMs } = breaker.status();
  return { state, version: breaker.toldVersion, ...(openLeftMs !== undefined && { openLeftMs }) };
}
