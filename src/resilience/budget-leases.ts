import type { Clock, TimerHandle } from '../core/clock.js';
import { describeValue } from '../core/shown-text.js';
import type { Nanos } from '../core/units.js';
import { WakeableSleep } from '../core/wakeable-sleep.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import type { BudgetPort, BudgetShare, ShareRequest } from './budget-port.js';
import { checkLeasesParts } from './check-leases.js';
import type { RateCoordinator } from './rate/rate-coordinator.js';
import { type ScopeRef, scopeName } from './rate/scope-ref.js';
import { ShareNeeds } from './share-needs.js';
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
  readonly rates: Pick<RateCoordinator, 'set' | 'share' | 'cooldown' | 'status' | 'need'>;
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
const AGAIN_MS_MIN = 10;
/** How often it is looked whether there is something to be told at once. */
const LOOK_NS = 50_000_000n;

/** No share is longer: 10 years. */
const TTL_MS_MAX = 315_576_000_000;
const NOTHING = { budget: { permits: 0 }, endNs: 1n } as const;
const NO_ANSWER = Symbol('no answer');

/** What is to be told of a budget, and what was told. */
interface News {
  readonly cooldowns: ToldCooldowns;
  readonly needs: ShareNeeds;
  /** Whether it was asked to ask. */
  isNudged: boolean;
  /** As it was declared last where it is dealt. */
  declared: string | undefined;
}

/**
 * Keeps the shares of this process renewed: asks at a third of their time, and again until an answer comes. One request
 * at a time for each budget, so that an answer to an earlier one never takes effect after that to a later one.
 */
export class BudgetLeases {
  readonly #parts: BudgetLeasesParts;
  readonly #stopping = new AbortController();
  readonly #idle: Clock;
  readonly #sleepers = new Set<WakeableSleep>();

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
    for (const sleeper of this.#sleepers) sleeper.end();
  }

  async #keep(budget: LeasedBudget): Promise<void> {
    const { clock, rates, port } = this.#parts;
    const { signal } = this.#stopping;
    const name = scopeName(budget.ref);
    const news: News = {
      cooldowns: new ToldCooldowns(budget.ref, rates, clock),
      needs: new ShareNeeds(budget.ref, rates),
      isNudged: false,
      declared: undefined,
    };
    let wake = () => {};
    const endNudges = port.onNudge?.((scope) => {
      if (scope !== name) return;
      news.isNudged = true;
      wake();
    });
    let holds = 0;
    let ttlMs = ANSWER_MS_MAX;
    for (let request = 1; !signal.aborted; request++) {
      const sentAt = clock.now();
      news.isNudged = false;
      const asked = () => this.#request(budget, { request, holds }, news);
      const share = await this.#ask(budget, asked, Math.min(ANSWER_MS_MAX, ttlMs / 3));
      if (signal.aborted) break;
      if (share && this.#apply(budget, share, sentAt, news)) {
        holds = request;
        ttlMs = share.ttlMs;
        if (ttlMs === 0) break;
      }
      const dueMs = share ? Math.min(share.againMs ?? ttlMs / 3, ttlMs / 3) : ttlMs / 10;
      const tookMs = share ? Number(clock.now() - sentAt) / 1e6 : 0;
      await this.#pause(Math.max(AGAIN_MS_MIN, dueMs - tookMs), news, (awake) => {
        wake = awake;
      });
    }
    endNudges?.();
  }

  /** Sleeps until it is time to ask again, or there is something to tell, or to be asked for, now. */
  async #pause(forMs: number, news: News, onWake: (wake: () => void) => void): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    const until = clock.now() + BigInt(Math.ceil(forMs * 1e6));
    const sleeper = new WakeableSleep(this.#idle);
    this.#sleepers.add(sleeper);
    onWake(() => sleeper.end());
    for (let now = clock.now(); now < until && !news.isNudged && !signal.aborted; now = clock.now()) {
      const next = now + LOOK_NS;
      await sleeper.until((next < until ? next : until) as Nanos);
      if (this.#hasNews(news)) break;
    }
    this.#sleepers.delete(sleeper);
  }

  /** A budget that was removed meanwhile has none. */
  #hasNews({ cooldowns, needs }: News): boolean {
    try {
      return needs.look() || cooldowns.isUntold();
    } catch {
      return false;
    }
  }

  #request(
    { ref, breaker }: LeasedBudget,
    rest: Pick<ShareRequest, 'request' | 'holds'>,
    { cooldowns, needs }: News,
  ): ShareRequest {
    const { rates, owner } = this.#parts;
    return {
      ...{ scope: scopeName(ref), owner, ...rest },
      cooldownMs: cooldowns.tellOwn(),
      inFlight: rates.status(ref).inFlight ?? 0,
      demand: needs.tell(),
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
    const { signal } = this.#stopping;
    let timer: TimerHandle;
    let stop = () => {};
    try {
      const asked = request();
      const late = new Promise<typeof NO_ANSWER>((resolve) => {
        stop = () => resolve(NO_ANSWER);
        timer = this.#idle.setTimeout(stop, waitMs);
        signal.addEventListener('abort', stop);
      });
      const share: unknown = await Promise.race([port.renew(asked), late]);
      if (signal.aborted) return undefined;
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
      this.#idle.clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /** @returns Whether it is the share of this process now. */
  #apply({ ref, breaker }: LeasedBudget, share: BudgetShare, sentAt: Nanos, news: News): boolean {
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
      this.#declare(ref, share, news);
      rates.share(ref, { budget, endNs });
      isApplied = true;
      news.cooldowns.tell(cooldownMs, sentAt);
      if (share.breaker) breaker?.told(share.breaker);
    } catch (error) {
      onProblem({ scope: scopeName(ref), error });
    }
    return isApplied;
  }

  /** Takes in a budget that was changed where it is dealt. */
  #declare(ref: ScopeRef, { declared }: BudgetShare, news: News): void {
    if (declared === undefined) return;
    const text = JSON.stringify(declared);
    if (text !== news.declared) this.#parts.rates.set(ref, declared);
    news.declared = text;
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
