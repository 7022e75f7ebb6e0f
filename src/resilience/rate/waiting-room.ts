import type { Clock, TimerHandle } from '../../core/clock.js';
import { NANOS_PER_MILLI, type Nanos, toMillisCeil } from '../../core/units.js';
import { AbortWatch } from './abort-watch.js';
import { IndexedHeap } from './indexed-heap.js';
import { BudgetRefusedError, RateClosedError } from './rate-errors.js';
import { BLOCKED, NEVER } from './verdict.js';
import type { WaitedFor, Waiter } from './waiter.js';
import type { WaitingThreads } from './waiting-threads.js';

/** Maximum sleep: those ahead may give up, and budgets may change, without a notification. */
const SLEEP_NS_MAX = 250_000_000;

/** A waiter of this thread that is to be published at a scope. Nobody behind it may go first. */
interface Claim {
  readonly waiting: WaitingThreads;
  readonly place: bigint;
  readonly cost: number;
  readonly wait: number;
}

/**
 * The calls of one thread that wait for permits. Each limiter has a queue ordered by place. The first
 * waiter of each queue is tried, in order of place, and those that must wait are published at the scope
 * that stops them. One timer serves all of them; there is none while nobody waits.
 */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #waitersMax: number;
  readonly #limiters = new Set<WaitedFor>();
  /** Of limiters with waiters that are set aside: the reading of the parameters by which they are. */
  readonly #setAsideAt = new Map<WaitedFor, number>();
  readonly #deadlines = new IndexedHeap<Waiter, 'deadlineIndex'>(
    'deadlineIndex',
    (a, b) => a.deadline! < b.deadline!,
  );
  readonly #signals = new AbortWatch((waiters, reason) => this.#abort(waiters, reason));
  /** By scope: where a waiter of this thread is published. */
  #waiting = new Map<number, WaitingThreads>();
  #timer: TimerHandle | undefined;
  #waiters = 0;
  #isServing = false;
  #isClosed = false;

  constructor({
    clock,
    waitersMax,
  }: {
    readonly clock: Clock;
    readonly waitersMax: number;
  }) {
    this.#clock = clock;
    this.#waitersMax = waitersMax;
  }

  get size(): number {
    return this.#waiters;
  }

  /** @throws {BudgetRefusedError} `WAITERS_FULL` */
  checkRoom(scopes: string): void {
    if (this.#isClosed) throw new RateClosedError('The client of the budgets');
    if (this.#waiters >= this.#waitersMax) throw BudgetRefusedError.queueFull(scopes, this.#waitersMax);
  }

  add(waiter: Waiter): void {
    const { limiter, deadline } = waiter;
    this.#waiters++;
    limiter.waiters.add(waiter);
    this.#limiters.add(limiter);
    if (deadline !== undefined) this.#deadlines.add(waiter);
    this.#signals.add(waiter);
    this.wake();
  }

  /** Serves waiters after something changed in this thread that may let one go. */
  wake(): void {
    if (this.#isClosed || this.#isServing) return;
    this.#isServing = true;
    try {
      this.#serve();
    } finally {
      this.#isServing = false;
    }
  }

  /** Refuses all waiting calls. */
  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#timer);
    for (const limiter of [...this.#limiters]) {
      this.#rejectAll(limiter, new RateClosedError('The client of the budgets'));
    }
    for (const waiting of this.#waiting.values()) waiting.withdraw();
    this.#waiting.clear();
  }

  #serve(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;

    let claims: Map<number, Claim>;
    let sleep: number;
    do {
      claims = new Map();
      sleep = this.#serveDue(claims);
      // Deadlines come after the permits that are available: a permit at the last instant is still in
      // time.
    } while (this.#giveUpLate());
    const now = this.#clock.now();
    const deadline = this.#deadlines.first?.deadline;
    if (deadline !== undefined) sleep = Math.min(sleep, Number(deadline - now));
    const delay = toMillisCeil(BigInt(Math.max(0, Math.ceil(sleep))) as Nanos);
    this.#publishFirst(claims, now + BigInt(delay) * NANOS_PER_MILLI);
    if (this.#waiters > 0) this.#timer = this.#clock.setTimeout(() => this.wake(), delay);
  }

  /**
   * Serves every waiter whose turn it is.
   *
   * @returns Ns until one of the remaining waiters may be served.
   */
  #serveDue(claims: Map<number, Claim>): number {
    let sleep = SLEEP_NS_MAX;
    const order = new IndexedHeap<WaitedFor, 'turnIndex'>('turnIndex', isFirstSooner);
    this.#takeBack();
    for (const limiter of this.#limiters) if (limiter.waiters.size > 0) order.add(limiter);
    for (let limiter = order.first; limiter !== undefined; limiter = order.first) {
      order.remove(limiter);
      const wait = this.#try(limiter.waiters.first!, claims);
      if (wait > 0) sleep = Math.min(sleep, wait);
      else if (limiter.waiters.size > 0) order.add(limiter);
    }
    return sleep;
  }

  /** Those that were set aside may fit, or never fit, once a budget has changed. */
  #takeBack(): void {
    for (const [limiter, reads] of this.#setAsideAt) {
      const { path, waiters, setAside } = limiter;
      try {
        path.refresh();
      } catch (error) {
        this.#rejectAll(limiter, error); // its budget was removed
        continue;
      }
      if (path.reads === reads) {
        for (const { cost } of setAside) path.want(cost);
        continue;
      }
      for (const waiter of setAside) waiters.add(waiter);
      setAside.clear();
      this.#setAsideAt.delete(limiter);
    }
  }

  /** Nobody waits behind a waiter that costs more than a share gives at once, until that changes. */
  #setAside(waiter: Waiter): void {
    const { limiter } = waiter;
    limiter.waiters.remove(waiter);
    limiter.setAside.add(waiter);
    if (!this.#setAsideAt.has(limiter)) this.#setAsideAt.set(limiter, limiter.path.reads);
  }

  /**
   * Tries to serve a waiter.
   *
   * @returns Ns to wait; 0 if the waiter is gone, served, refused or set aside.
   */
  #try(waiter: Waiter, claims: Map<number, Claim>): number {
    const { limiter, cost, place, virtualPlace } = waiter;
    const now = this.#clock.now();
    let wait: number;
    try {
      wait = this.#take(waiter, now, claims);
    } catch (error) {
      this.#rejectAll(limiter, error); // its budget was removed, perhaps by another thread meanwhile
      return 0;
    }
    if (wait === NEVER) return this.#refuseForGood(waiter);
    if (cost > limiter.path.permitsNow) {
      this.#setAside(waiter);
      return 0;
    }
    if (wait > 0) return wait;
    this.#remove(waiter);
    limiter.order.serve(place, virtualPlace);
    const waitedNs = Number(now - waiter.since);
    limiter.count('waited');
    limiter.count('waitedUs', Math.round(waitedNs / 1_000));
    waiter.resolve(limiter.grant(cost, now, waitedNs));
    return 0;
  }

  /**
   * Takes the permits of a waiter, or claims a place at the scope that stops it.
   *
   * @throws {ScopeRemovedError}
   */
  #take(waiter: Waiter, now: Nanos, claims: Map<number, Claim>): number {
    const { limiter, cost, place } = waiter;
    const { path } = limiter;
    path.refresh();
    if (cost > path.permitsMax) return NEVER;
    if (cost > path.permitsNow) {
      path.want(cost);
      return BLOCKED;
    }
    for (const [i, view] of path.views.entries()) {
      const waiting = path.waiting[i]!;
      const ahead = claims.get(view.scope);
      if (ahead !== undefined) return ahead.wait;
      const wait = Math.max(view.peek(now, cost), waiting.wait(place, cost, now));
      if (wait > 0 && wait !== NEVER) claims.set(view.scope, { waiting, place, cost, wait });
      if (wait > 0) return wait;
    }
    const wait = path.take(now, cost);
    if (wait > 0 && wait !== NEVER) {
      const { stoppedAt } = path;
      claims.set(path.views[stoppedAt]!.scope, { waiting: path.waiting[stoppedAt]!, place, cost, wait });
    }
    return wait;
  }

  #publishFirst(claims: ReadonlyMap<number, Claim>, dueAt: bigint): void {
    for (const [scope, waiting] of this.#waiting) if (!claims.has(scope)) waiting.withdraw();
    this.#waiting = new Map();
    for (const [scope, { waiting, place, cost }] of claims) {
      waiting.publish({ place, cost, dueAt });
      this.#waiting.set(scope, waiting);
    }
  }

  /**
   * Refuses the waiters whose deadline has passed.
   *
   * @returns Whether there were any.
   */
  #giveUpLate(): boolean {
    const now = this.#clock.now();
    let isOneLate = false;
    for (;;) {
      const waiter = this.#deadlines.first;
      if (waiter === undefined || waiter.deadline! > now) return isOneLate;
      isOneLate = true;
      this.#remove(waiter);
      waiter.limiter.count('timedOut');
      waiter.limiter.order.leave(waiter.virtualPlace);
      const waitedMs = Number(now - waiter.since) / 1e6;
      const { path } = waiter.limiter;
      const shortage = path.shortage(now, waiter.cost);
      waiter.reject(BudgetRefusedError.timedOut(path.name, waitedMs, undefined, shortage));
    }
  }

  #abort(waiters: readonly Waiter[], reason: unknown): void {
    for (const waiter of waiters) {
      this.#remove(waiter);
      waiter.limiter.count('aborted');
      waiter.limiter.order.leave(waiter.virtualPlace);
      waiter.reject(reason);
    }
    this.wake();
  }

  /** Refuses a waiter that can never be served, because the budget changed or its rate is 0. */
  #refuseForGood(waiter: Waiter): 0 {
    this.#remove(waiter);
    waiter.limiter.order.leave(waiter.virtualPlace);
    waiter.reject(waiter.limiter.path.refusalForGood(waiter.cost));
    return 0;
  }

  #rejectAll(limiter: WaitedFor, error: unknown): void {
    const reject = (waiter: Waiter) => {
      this.#remove(waiter);
      limiter.order.leave(waiter.virtualPlace);
      waiter.reject(error);
    };
    for (const waiter of limiter.setAside) reject(waiter);
    for (let waiter = limiter.waiters.first; waiter !== undefined; waiter = limiter.waiters.first)
      reject(waiter);
  }

  #remove(waiter: Waiter): void {
    const { limiter } = waiter;
    limiter.waiters.remove(waiter);
    this.#deadlines.remove(waiter);
    this.#signals.delete(waiter);
    this.#waiters--;
    limiter.setAside.delete(waiter);
    if (limiter.setAside.size === 0) this.#setAsideAt.delete(limiter);
    if (limiter.waiters.size === 0 && limiter.setAside.size === 0) this.#limiters.delete(limiter);
  }
}

const isFirstSooner = (a: WaitedFor, b: WaitedFor): boolean =>
  a.waiters.first!.place < b.waiters.first!.place;
