import { assertFunction, assertMapping, assertSignal } from '../../core/assert-argument.js';
import type { Clock } from '../../core/clock.js';
import { NANOS_PER_MILLI, type Nanos } from '../../core/units.js';
import { FAR_NS } from '../../shared-memory/scope-record.js';
import { checkGivenNumbers } from './check-numbers.js';
import { GcraLimit } from './gcra-permit-swap.js';
import { IndexedHeap } from './indexed-heap.js';
import { Leases } from './leases.js';
import type { Limit } from './limit.js';
import { Permit } from './permit.js';
import { PermitPath } from './permit-path.js';
import { BudgetRefusedError, InvalidCostError, RateClosedError } from './rate-errors.js';
import type { ScopeStatistics } from './scope-statistics.js';
import type { ScopeView } from './scope-view.js';
import { type StartTag, TenantShares } from './tenant-shares.js';
import { BLOCKED, GRANTED, NEVER, STALE, type WaitNs } from './verdict.js';
import type { WaitedFor, Waiter } from './waiter.js';
import type { WaitingRoom } from './waiting-room.js';
import { BEHIND_ALL, type WaitingThreads } from './waiting-threads.js';

/** How a call waits for its permits. */
export interface AcquireOptions {
  /** Number of permits, a whole number of at least 1 (the default). */
  readonly cost?: number | undefined;
  /** Gives up after this time, or at once if the wait is already known to be longer. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * A whole number, 0 by default. A waiter is served before those of a lower priority, unless they have
   * waited longer: each step of priority is worth one second of the provider's rate.
   */
  readonly priority?: number | undefined;
}

/** What to reserve. */
export interface ReserveOptions {
  /** Number of permits, a whole number of at least 1 (the default). */
  readonly cost?: number | undefined;
  /** Longest wait to accept; 50 years by default, which is also the maximum. */
  readonly maxWaitMs?: number | undefined;
}

/** Permits that were taken as of an instant in the future. */
export interface Reservation {
  /** Permits that were taken. */
  readonly cost: number;
  /** Instant (`Clock.now`) from which it may be used. */
  readonly atNs: Nanos;
  /** Ns from the call to that instant. */
  readonly waitNs: number;
  /**
   * Cancels the reservation; it must not be used afterwards, whatever this returns. Each of its limits
   * gets its permits back exactly or not at all: if something was taken after the reservation, its
   * permits stay spent. From `atNs` on, the reservation counts as used, and nothing is given back.
   *
   * @returns Whether all permits were given back.
   */
  cancel(): boolean;
}

/** Places in flight of a limiter. */
interface LeasesHeld {
  /** Of calls that `acquire` granted. */
  readonly calls: Set<Leases>;
  /** Of calls that `tryAcquire` granted, oldest first. */
  readonly tries: Set<Leases>;
}

/** How far a clock reading may lag behind a later reading in another thread. */
const CLOCK_SKEW_NS = 10_000;
/** No reservation may be further away, and a longer timeout means none. */
const WAIT_NS_MAX = Number(FAR_NS);
/** Ns of virtual time that one step of priority is worth. */
const PRIORITY_NS = 1_000_000_000n;
const PRIORITY_MAX = 1_000_000;
/** How many races a reservation may lose before it gives up for now. */
const RESERVE_TRIES_MAX = 1_000;

/**
 * Spends from one budget, or from several together (tenant, endpoint, provider), in one thread. All
 * limiters of the same scopes, in all threads, spend from the same memory.
 *
 * `tryAcquire` never waits, and never overtakes calls that do.
 */
export class Limiter implements WaitedFor {
  /** @internal */
  readonly path: PermitPath;
  /** @internal */
  readonly order: TenantShares;
  /** @internal Waiting calls, sorted by place. */
  readonly waiters = new IndexedHeap<Waiter, 'orderIndex'>('orderIndex', isBefore);
  /** @internal */
  readonly setAside = new Set<Waiter>();
  /** @internal */
  readonly statistics: readonly ScopeStatistics[];
  /** @internal */
  turnIndex = -1;
  #arrivals = 0;
  /** The latest place in virtual time among the waiters here. */
  #newestStart = 0n;
  readonly #clock: Clock;
  readonly #room: WaitingRoom;
  readonly #leases: LeasesHeld = { calls: new Set(), tries: new Set() };
  /** The fast path: one scope with a single rate and no cap, which is the usual case. */
  #sole: GcraLimit | undefined;
  #soleOf: readonly Limit[] | undefined;
  #isClosed = false;
  readonly #soleView: ScopeView;
  readonly #soleStatistics: ScopeStatistics;
  readonly #soleWaiting: WaitingThreads;

  /** @internal `RateClient.limiter` makes them. */
  constructor(options: {
    readonly views: readonly ScopeView[];
    readonly tenant: ScopeView | undefined;
    readonly clock: Clock;
    readonly room: WaitingRoom;
  }) {
    const { views, tenant, clock, room } = options;
    this.statistics = views.map((view) => view.sit());
    this.path = new PermitPath(views);
    this.order = new TenantShares(views.at(-1)!, tenant);
    this.#clock = clock;
    this.#room = room;
    this.#soleView = views[0]!;
    this.#soleStatistics = this.statistics[0]!;
    this.#soleWaiting = this.path.waiting[0]!;
    this.#findSole();
  }

  /**
   * Takes the permits now or not at all. With an in-flight cap, call `release` when the call is over.
   *
   * @param cost - Number of permits, a whole number of at least 1.
   * @returns 0 if they were taken. Otherwise the ns after which to try again; `Infinity` if no wait is known to help:
   *   a rate of 0 is used up, a budget of nothing blocks, or a share has ended or is too small for now.
   * @throws {InvalidCostError} `COST_INVALID`
   * @throws {CostAboveBurstError} `COST_ABOVE_BURST`
   * @throws {ScopeRemovedError} `SCOPE_UNKNOWN`
   */
  tryAcquire(cost = 1): WaitNs {
    const sole = this.#sole;
    if (sole !== undefined && cost === 1 && this.#soleWaiting.isEmpty()) {
      // The cell of such a limit includes any cooldown, too.
      const wait = sole.takeOne(this.#clock.now());
      if (wait === GRANTED) {
        this.#soleStatistics.granted(1);
        return GRANTED;
      }
      if (wait !== STALE) {
        this.#soleStatistics.add('refused');
        return wait;
      }
    }
    return this.#tryAcquire(cost);
  }

  /**
   * Waits for the permits. At a budget of nothing, which blocks, it waits until that is changed; at a share that has
   * ended or is too small for the cost, until that is renewed or grows.
   *
   * @throws {BudgetRefusedError} `ACQUIRE_TIMED_OUT` when `timeoutMs` has passed or is known to be too
   *   short, `BUDGET_SPENT` when waiting will never help, `WAITERS_FULL`.
   * @throws the reason of `signal`, when it aborts.
   * @throws {InvalidOptionsError} if `options` is not an object, or a timeout or a priority is `NaN`.
   * @throws as `tryAcquire` does.
   */
  acquire(options: AcquireOptions = {}): Promise<Permit> {
    return new Promise((resolve, reject) => {
      assertMapping('acquire', options);
      const { cost = 1, timeoutMs, signal, priority = 0 } = options;
      checkGivenNumbers('acquire', { timeoutMs, priority });
      assertSignal('acquire', signal);
      signal?.throwIfAborted();
      this.#checkCost(cost);
      const since = this.#clock.now();
      if (this.waiters.size === 0 && this.#attempt(since, cost) === GRANTED) {
        resolve(this.grant(cost, since, 0));
        return;
      }
      const wait = this.path.peek(since, cost);
      if (wait === NEVER) throw this.path.refusalForGood(cost);
      const deadline = deadlineOf(since, timeoutMs);
      const isKnown = wait < BLOCKED;
      if (deadline !== undefined && isKnown && wait > Number(deadline - since)) {
        this.count('timedOut');
        throw BudgetRefusedError.timedOut(this.path.name, 0, wait / 1e6);
      }
      this.#room.checkRoom(this.path.name);
      const virtualPlace = this.#enterOrder(cost);
      const steps = BigInt(Math.round(Math.max(-PRIORITY_MAX, Math.min(PRIORITY_MAX, priority))));
      const waiter: Waiter = {
        limiter: this,
        cost,
        place: virtualPlace.start - steps * PRIORITY_NS,
        virtualPlace,
        arrival: this.#arrivals++,
        since,
        deadline,
        signal,
        resolve,
        reject,
        orderIndex: -1,
        deadlineIndex: -1,
      };
      this.#room.add(waiter);
    });
  }

  /**
   * Takes the permits as of the first instant at which they are free, and returns that instant. The
   * caller must not act before it. In-flight caps are not included. At a share, only what is free now.
   *
   * @returns The reservation. Or the wait in ns, if nothing was taken. This happens if the wait would be
   *   longer than `maxWaitMs`; if calls of `acquire` are waiting, since it does not overtake them; at a share,
   *   which may be another's by then; and if the wait is for a narrower budget (the tenant's), since the wider one would lie idle for everyone
   *   until then.
   * @throws {InvalidOptionsError} if `options` is not an object, or `maxWaitMs` is `NaN`.
   * @throws as `tryAcquire` does.
   */
  reserve(options: ReserveOptions = {}): Reservation | WaitNs {
    assertMapping('reserve', options);
    const { cost = 1, maxWaitMs = Number.POSITIVE_INFINITY } = options;
    checkGivenNumbers('reserve', { maxWaitMs });
    this.#checkCost(cost);
    const now = this.#clock.now();
    const waitMax = Math.min(maxWaitMs * 1e6, WAIT_NS_MAX);
    let wait = 0;
    for (let tries = 0; tries < RESERVE_TRIES_MAX; tries++) {
      const behind = this.#waitBehindOthers(now, cost);
      wait = Math.max(behind, this.path.peek(now, cost));
      const widest = Math.max(0, this.path.views.at(-1)!.peek(now, cost));
      if (behind > 0 || wait > waitMax || wait > widest) break;
      // What a share gives later may have been dealt to another process by then.
      if (wait > 0 && this.path.isShare) break;
      const at = (now + atLeast(widest)) as Nanos;
      const verdict = this.path.take(at, cost, false);
      if (verdict === BLOCKED) {
        wait = BLOCKED; // the share ends before that
        break;
      }
      if (verdict !== GRANTED) continue; // another thread was faster: try again
      for (const statistics of this.statistics) statistics.granted(cost);
      return this.#reservation(cost, at, Number(at - now));
    }
    this.count('refused');
    return asWait(wait);
  }

  /** Frees the in-flight lease of the oldest call that `tryAcquire` granted. */
  release(): void {
    for (const leases of this.#leases.tries) {
      leases.leave();
      return;
    }
  }

  /** Frees all in-flight leases of this limiter, for example when a connection is lost. */
  releaseAll(): void {
    for (const leases of [...this.#leases.calls, ...this.#leases.tries]) leases.leave();
  }

  /** Whether any of its calls are in flight. */
  get isHolding(): boolean {
    return this.#leases.calls.size + this.#leases.tries.size > 0;
  }

  /** Closes the limiter together with its client; another thread may take over the client's slot. */
  close(): void {
    this.#isClosed = true;
    this.#sole = undefined;
    this.releaseAll();
  }

  /** Waits for a permit, runs the function, and frees the in-flight lease however the function ends. */
  async run<T>(fn: () => Promise<T> | T, options?: AcquireOptions): Promise<T> {
    assertFunction('run', fn);
    const permit = await this.acquire(options);
    try {
      return await fn();
    } finally {
      permit.release();
    }
  }

  /** The largest cost that can ever be granted. */
  get permitsMax(): number {
    this.path.refresh();
    return this.path.permitsMax;
  }

  /** Permits that could be taken now; `Infinity` if nothing limits the rate. */
  left(): number {
    this.path.refresh();
    const now = this.#clock.now();
    return Math.min(...this.path.views.map((view) => view.left(now) ?? Number.POSITIVE_INFINITY));
  }

  /** @internal Turns a successful take into a permit. Also called by the waiting room. */
  grant(cost: number, at: Nanos, waitedNs: number): Permit {
    for (const statistics of this.statistics) statistics.granted(cost);
    return new Permit(cost, at, waitedNs, this.path.hasCaps ? this.#hold('calls') : undefined);
  }

  /** @internal For the waiting room. */
  count(counter: 'refused' | 'waited' | 'waitedUs' | 'timedOut' | 'aborted', amount = 1): void {
    for (const statistics of this.statistics) statistics.add(counter, amount);
  }

  #tryAcquire(cost: number): WaitNs {
    this.#checkCost(cost);
    let wait = this.#attempt(this.#clock.now(), cost);
    for (let tries = 0; wait > 0 && wait < CLOCK_SKEW_NS && tries < 3; tries++) {
      wait = this.#attempt(this.#clock.now(), cost);
    }
    if (wait === GRANTED) {
      for (const statistics of this.statistics) statistics.granted(cost);
      if (this.path.hasCaps) this.#hold('tries');
    } else {
      this.count('refused');
    }
    return asWait(wait);
  }

  #reservation(cost: number, atNs: Nanos, waitNs: number): Reservation {
    const undo = this.path.undoLater();
    // Who cancels at its instant or later may have used it.
    return { cost, atNs, waitNs, cancel: () => this.#clock.now() < atNs && undo() };
  }

  /** Takes at the instant, unless other calls are waiting. */
  #attempt(instant: Nanos, cost: number): number {
    const wait = this.#waitBehindOthers(instant, cost);
    return wait > 0 ? wait : this.path.take(instant, cost);
  }

  /** Ns until the calls that wait may have been served; 0 if none is waiting. */
  #waitBehindOthers(instant: Nanos, cost: number): number {
    const { waiting } = this.path;
    for (let i = 0; i < waiting.length; i++) {
      if (waiting[i]!.isEmpty()) continue;
      const wait = waiting[i]!.wait(BEHIND_ALL, cost, instant, false);
      if (wait > 0) return wait;
    }
    return 0;
  }

  /**
   * Takes a place, never before the waiters already here. The end of a lane moves back when waiters give
   * up, so it may lie before the places of waiters that came after them.
   */
  #enterOrder(cost: number): StartTag {
    const { start, length } = this.order.enter(cost);
    if (this.waiters.size === 0 || start > this.#newestStart) this.#newestStart = start;
    return { start: this.#newestStart, length };
  }

  #hold(by: keyof LeasesHeld): Leases {
    const { views, leases } = this.path;
    const held = this.#leases[by];
    const taken = new Leases({
      caps: views.map(({ cap }) => cap),
      leases: leases.slice(),
      member: views[0]!.member,
      onLeave: (left) => {
        held.delete(left);
        this.#room.wake();
      },
    });
    held.add(taken);
    return taken;
  }

  #checkCost(cost: number): void {
    if (!Number.isSafeInteger(cost) || cost < 1) throw new InvalidCostError(cost);
    if (this.#isClosed) throw new RateClosedError('The client of the budgets');
    this.path.refresh();
    if (this.#soleOf !== this.#soleView.limits) this.#findSole();
    if (cost > this.path.permitsMax) throw this.path.refusalForGood(cost);
  }

  #findSole(): void {
    const { views } = this.path;
    const { limits, cap } = this.#soleView;
    const [limit] = limits;
    const isSole = views.length === 1 && limits.length === 1 && cap === undefined && !this.#soleView.isShare;
    this.#sole = isSole && limit instanceof GcraLimit && !limit.isQuota ? limit : undefined;
    this.#soleOf = limits;
  }
}

/** Ns that are not less than a wait that was rounded to the nearest double: above 104 days, doubles have gaps. */
function atLeast(wait: number): bigint {
  return BigInt(Math.ceil(wait > Number.MAX_SAFE_INTEGER ? wait * (1 + Number.EPSILON) : wait));
}

/** As callers get it: for how long a budget will block, nobody knows. */
const asWait = (wait: number): WaitNs => (wait === BLOCKED ? NEVER : wait);

const isBefore = (a: Waiter, b: Waiter): boolean =>
  a.place < b.place || (a.place === b.place && a.arrival < b.arrival);

function deadlineOf(since: Nanos, timeoutMs = Number.POSITIVE_INFINITY): Nanos | undefined {
  const timeoutNs = Math.ceil(Math.max(0, timeoutMs) * Number(NANOS_PER_MILLI));
  return timeoutNs > WAIT_NS_MAX ? undefined : ((since + BigInt(timeoutNs)) as Nanos);
}
