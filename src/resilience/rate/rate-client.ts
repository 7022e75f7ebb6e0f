import { threadId } from 'node:worker_threads';
import { assertMapping } from '../../core/assert-argument.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { cooldownMs } from '../../core/retry-after.js';
import { describeValue } from '../../core/shown-text.js';
import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { checkNumbers } from './check-numbers.js';
import { Limiter } from './limiter.js';
import { RateClosedError, RateTableFullError, ScopeRemovedError } from './rate-errors.js';
import { memoryOf, type RateHandle } from './rate-handle.js';
import { leaveTable } from './reclaim-thread.js';
import { ScopeDirectory } from './scope-directory.js';
import { readNeed, type ScopeNeed } from './scope-need.js';
import {
  type ScopeRef,
  scopeName,
  scopeNames,
  type ThrottledScope,
  tenantScope,
  throttledScope,
} from './scope-ref.js';
import { readCounters, type ScopeCounters } from './scope-statistics.js';
import { ScopeView } from './scope-view.js';
import { coolDown, scopeToCool } from './throttled-cooldown.js';
import { WaitingRoom } from './waiting-room.js';

/** The state of one budget, over all threads. */
export interface ScopeStatus extends ScopeCounters {
  /** Permits that could be taken now; `null` if nothing limits the rate. */
  readonly left: number | null;
  /** Calls in flight; `null` without a cap. */
  readonly inFlight: number | null;
  /** Ms until the cooldown ends; 0 without one. */
  readonly cooldownMs: number;
}

/** Where the thread's own side of budgets differs. */
export interface OpenRatesOptions {
  /** Its `now` must have the same origin in all threads, as `process.hrtime` has. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens budgets in this thread.
 *
 * @throws {InvalidHandleError} `HANDLE_INVALID`
 * @throws {RateTableFullError} `RATE_TABLE_FULL` when too many threads have opened the handle.
 */
export function openRates(handle: RateHandle, options: OpenRatesOptions = {}): RateClient {
  assertMapping('openRates', options);
  const { clock = systemClock } = options;
  return new RateClient(memoryOf(handle), { clock, waitersMax: handle.waitersMax });
}

/** What a provider says was used. */
export interface ObservedUsage {
  /** Permits. */
  readonly used: number;
  /** Index of the limit that it is about, among those of the budget; 0 by default. */
  readonly limit?: number | undefined;
}

interface RateClientOptions {
  readonly clock: Clock;
  readonly waitersMax: number;
}

/** 30 days, for a cooldown that code asks for. It is capped because a cooldown cannot be cancelled. */
const COOLDOWN_MS_MAX = 2_592_000_000;

/** The budgets as one thread spends from them. Belongs to the thread that opened it. */
export class RateClient {
  readonly #memory: RateMemory;
  readonly #clock: Clock;
  readonly #directory: ScopeDirectory;
  readonly #member: number;
  readonly #room: WaitingRoom;
  readonly #views = new Map<string, ScopeView>();
  readonly #limiters = new Map<string, Limiter>();
  /** Limiters of removed scopes that may still have calls in flight at a provider. */
  readonly #forgotten = new Set<Limiter>();
  /** Version of the directory when what was removed was last swept out. */
  #sweptVersion = 0;
  #isClosed = false;

  constructor(memory: RateMemory, { clock, waitersMax }: RateClientOptions) {
    this.#memory = memory;
    this.#clock = clock;
    this.#directory = new ScopeDirectory(memory);
    this.#member = joinMembers(memory);
    this.#room = new WaitingRoom({ clock, waitersMax });
  }

  /** Calls that wait for permits in this thread. */
  get waiting(): number {
    return this.#room.size;
  }

  /**
   * A limiter that spends from all the named budgets together: a provider, one of its endpoints, a
   * tenant. The same names give the same limiter.
   *
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that was not declared.
   * @throws {RateClosedError} `RATE_CLOSED` once the client is closed.
   */
  limiter(ref: ScopeRef): Limiter {
    if (this.#isClosed) throw new RateClosedError('The client of the budgets');
    this.#sweep();
    const names = scopeNames(ref);
    const key = names.join('\n');
    const known = this.#limiters.get(key);
    if (known?.path.views.every(isThere)) return known;
    if (known !== undefined) this.#forget(key, known);
    const views = names.map((name) => this.#open(name));
    const limiter = new Limiter({
      views,
      tenant: views.length > 1 && ref.tenant !== undefined ? this.#open(tenantScope(ref.tenant)) : undefined,
      clock: this.#clock,
      room: this.#room,
    });
    this.#limiters.set(key, limiter);
    return limiter;
  }

  /**
   * Reports that a call was throttled (status 429). Starts a cooldown for all threads: of the endpoint's
   * budget if it has its own, otherwise of the provider's. Does nothing if there is neither.
   *
   * @param retryAfterMs - The wait that the provider asked for: at most a day; a second if it did not
   *   say.
   * @throws {InvalidScopeError} `SCOPE_INVALID` for what names no provider.
   */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    const name = scopeToCool(this.#directory, throttledScope(ref));
    if (name !== undefined) this.#coolDown(name, cooldownMs(retryAfterMs));
  }

  /**
   * Starts a cooldown: no thread is granted anything from the budget for this time. After it, permits
   * come at the steady rate, without a burst. Never shortens a cooldown in progress. After a 429, use
   * `throttled`, which does this with the wait that the provider asks for.
   *
   * @param ref - One provider, one endpoint of a provider, or one tenant.
   * @param ms - At most 30 days.
   * @throws {InvalidOptionsError} if `ms` is not a number.
   */
  cooldown(ref: ScopeRef, ms: number): void {
    checkNumbers('cooldown', { ms });
    this.#coolDown(scopeName(ref), ms);
  }

  /**
   * Applies the usage that a provider reports for the key, whoever used it: a used-weight header. Only
   * raises the count, since the provider cannot know about calls that are still on their way.
   *
   * @throws {InvalidOptionsError} if `usage` is not an object, a count is not a number, or the budget does not
   *   have the limit.
   */
  observeUsed(ref: ScopeRef, usage: ObservedUsage): void {
    assertMapping('observeUsed', usage);
    const { used, limit = 0 } = usage;
    checkNumbers('observeUsed', { used });
    const { limits, scope } = this.#current(scopeName(ref));
    const observed = limits[limit];
    if (observed === undefined) {
      const most = limits.length === 0 ? 'none: the budget has no limit' : `0 to ${limits.length - 1}`;
      throw new InvalidOptionsError('observeUsed', [
        `limit: expected ${most}, found ${describeValue(limit)}`,
      ]);
    }
    // Of a share, it is the part that the share is of the whole, rounded up.
    const whole = Math.max(observed.permitsOfWhole, observed.permits);
    const own = whole === observed.permits ? Math.floor(used) : Math.ceil((used * observed.permits) / whole);
    const permits = Math.max(0, Math.min(own, observed.permits));
    Atomics.add(this.#memory.i32, this.#memory.toldAt(scope), 1);
    observed.raiseUsed(this.#clock.now(), permits);
  }

  /** The state of one budget, summed over all threads. */
  status(ref: ScopeRef): ScopeStatus {
    return this.#status(scopeName(ref));
  }

  /** @internal */
  need(ref: ScopeRef): ScopeNeed {
    return readNeed(this.#memory, this.#current(scopeName(ref)), this.#clock.now());
  }

  /** Of all budgets, by their names. */
  statuses(): Readonly<Record<string, ScopeStatus>> {
    return Object.fromEntries([...this.#directory.names()].map((name) => [name, this.#status(name)]));
  }

  #coolDown(name: string, ms: number): void {
    const forNs = BigInt(Math.ceil(Math.max(0, Math.min(ms, COOLDOWN_MS_MAX)) * 1e6));
    coolDown(this.#memory, this.#current(name), this.#clock.now() + forNs);
  }

  #status(name: string): ScopeStatus {
    const view = this.#current(name);
    const now = this.#clock.now();
    const blocked = view.blockedUntil() - now;
    return {
      ...readCounters(this.#memory, view.scope),
      left: view.left(now) ?? null,
      inFlight: view.cap?.inFlight() ?? null,
      cooldownMs: blocked > 0n ? Number(blocked) / 1e6 : 0,
    };
  }

  /**
   * Refuses all calls that wait, frees those in flight, and leaves the table. Its limiters cannot be used
   * afterwards.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#room.close();
    for (const limiter of [...this.#limiters.values(), ...this.#forgotten]) limiter.close();
    leaveTable(this.#memory, this.#member);
  }

  /** The view of a scope that this thread spends from. */
  #open(name: string): ScopeView {
    const known = this.#views.get(name);
    if (known !== undefined && isThere(known)) return known;
    const view = new ScopeView(this.#memory, this.#directory.get(name), name, this.#member);
    this.#views.set(name, view);
    known?.leave();
    return view;
  }

  /** A view of a scope, to look at it. It is kept only if this thread spends from the scope. */
  #current(name: string): ScopeView {
    const known = this.#views.get(name);
    if (known !== undefined && isThere(known)) return known;
    return new ScopeView(this.#memory, this.#directory.get(name), name, this.#member);
  }

  /**
   * Drops views and limiters of removed scopes, since tenants come and go. This takes as long as there are
   * views, so it waits until as many scopes have come or gone.
   */
  #sweep(): void {
    const { version } = this.#directory;
    const changes = (version - this.#sweptVersion) | 0; // the version wraps
    if (changes < Math.max(SWEEP_MIN, this.#views.size)) return;
    this.#sweptVersion = version;
    for (const [key, limiter] of this.#limiters) {
      if (!limiter.path.views.every(isThere)) this.#forget(key, limiter);
    }
    for (const [name, view] of this.#views) {
      if (isThere(view)) continue;
      this.#views.delete(name);
      view.leave();
    }
    for (const limiter of this.#forgotten) if (!limiter.isHolding) this.#forgotten.delete(limiter);
  }

  #forget(key: string, limiter: Limiter): void {
    // Those that wait are refused, and counted while the seat is there.
    if (limiter.waiters.size + limiter.setAside.size > 0) this.#room.wake();
    this.#limiters.delete(key);
    if (limiter.isHolding) this.#forgotten.add(limiter);
  }
}

/** Scopes that must have come or gone before it is worth to look for views of those that are gone. */
const SWEEP_MIN = 16;

/** Whether the scope of a view still exists; refreshes the view if it was changed. */
function isThere(view: ScopeView): boolean {
  if (view.isCurrent()) return true;
  try {
    view.refresh();
    return true;
  } catch (error) {
    if (error instanceof ScopeRemovedError) return false;
    throw error;
  }
}

function joinMembers(memory: RateMemory): number {
  const { i32, sizes, membersUsedAt } = memory;
  for (let member = 0; member < sizes.threadsMax; member++) {
    if (Atomics.compareExchange(i32, memory.memberAt(member), 0, threadId + 1) !== 0) continue;
    for (let used = Atomics.load(i32, membersUsedAt); used <= member; ) {
      const found = Atomics.compareExchange(i32, membersUsedAt, used, member + 1);
      if (found === used) break;
      used = found;
    }
    return member;
  }
  throw new RateTableFullError('another thread', 'threadsMax', sizes.threadsMax);
}
