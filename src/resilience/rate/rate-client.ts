import { threadId } from 'node:worker_threads';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { cooldownMs } from '../../core/retry-after.js';
import { RateMemory } from '../../shared-memory/rate-memory.js';
import { InvalidHandleError } from '../invalid-handle-error.js';
import { checkNumbers } from './check-numbers.js';
import { coolDown } from './cooldown.js';
import { Limiter } from './limiter.js';
import { RateClosedError, RateTableFullError, ScopeRemovedError } from './rate-errors.js';
import type { RateHandle } from './rate-handle.js';
import { leaveAll } from './reclaim-thread.js';
import { ScopeDirectory } from './scope-directory.js';
import {
  endpointScope,
  type ScopeRef,
  scopeName,
  scopeNames,
  type ThrottledScope,
  tenantScope,
} from './scope-ref.js';
import { readCounters, type ScopeCounters } from './scope-statistics.js';
import { ScopeView } from './scope-view.js';
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

/**
 * Opens budgets in this thread.
 *
 * @param clock - Its `now` must have the same origin in all threads, as `process.hrtime` has.
 * @throws {InvalidHandleError} `HANDLE_INVALID`
 * @throws {RateTableFullError} `RATE_TABLE_FULL` when too many threads have opened the handle.
 */
export function openRates(handle: RateHandle, { clock = systemClock }: { clock?: Clock } = {}): RateClient {
  const memory = isHandle(handle) ? RateMemory.open(handle.memory) : undefined;
  if (memory === undefined) throw new InvalidHandleError('budgets');
  return new RateClient(memory, { clock, waitersMax: handle.waitersMax });
}

function isHandle(handle: Partial<RateHandle> | undefined | null): boolean {
  const { kind, memory, waitersMax } = handle ?? {};
  return kind === 'tickloom.rate' && memory instanceof SharedArrayBuffer && Number.isInteger(waitersMax);
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
  #directoryVersion = 0;
  #isClosed = false;

  constructor(memory: RateMemory, { clock, waitersMax }: RateClientOptions) {
    this.#memory = memory;
    this.#clock = clock;
    this.#directory = new ScopeDirectory(memory);
    this.#member = joinMembers(memory);
    this.#room = new WaitingRoom({ clock, member: this.#member, waitersMax });
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
    this.#forgetRemoved();
    const names = scopeNames(ref);
    const key = names.join('\n');
    const known = this.#limiters.get(key);
    if (known !== undefined) return known;
    const views = names.map((name) => this.#view(name));
    const limiter = new Limiter({
      memory: this.#memory,
      views,
      tenant: views.length > 1 && ref.tenant !== undefined ? this.#view(tenantScope(ref.tenant)) : undefined,
      member: this.#member,
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
   */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    const { provider, endpoint } = ref;
    const own = endpoint === undefined ? undefined : this.#directory.find(endpointScope(provider, endpoint));
    const cooled = own === undefined ? { provider } : { provider, endpoint };
    if (this.#directory.find(scopeName(cooled)) === undefined) return;
    this.cooldown(cooled, cooldownMs(retryAfterMs));
  }

  /**
   * Starts a cooldown: no thread is granted anything from the budget for this time. After it, permits
   * come at the steady rate, without a burst. Never shortens a cooldown in progress. After a 429, use
   * `throttled`, which does this with the wait that the provider asks for.
   *
   * @param ref - One provider, one endpoint of a provider, or one tenant.
   * @param ms - At most 30 days.
   * @throws {InvalidOptionsError} for `NaN`.
   */
  cooldown(ref: ScopeRef, ms: number): void {
    checkNumbers('cooldown', { ms });
    const forNs = BigInt(Math.ceil(Math.max(0, Math.min(ms, COOLDOWN_MS_MAX)) * 1e6));
    coolDown(this.#memory, this.#current(scopeName(ref)), this.#clock.now() + forNs);
  }

  /**
   * Applies the usage that a provider reports for the key, whoever used it: a used-weight header. Only
   * raises the count, since the provider cannot know about calls that are still on their way.
   *
   * @param limit - Which of the budget's limits the report is about; the first by default.
   * @throws {InvalidOptionsError} for `NaN`, and for a limit that the budget does not have.
   */
  observeUsed(ref: ScopeRef, { used, limit = 0 }: { used: number; limit?: number }): void {
    checkNumbers('observeUsed', { used });
    const { limits, scope } = this.#current(scopeName(ref));
    const observed = limits[limit];
    if (observed === undefined) {
      const most = limits.length === 0 ? 'none: the budget has no limit' : `0 to ${limits.length - 1}`;
      throw new InvalidOptionsError('observeUsed', [`limit: expected ${most}, found ${limit}`]);
    }
    const permits = Math.max(0, Math.min(Math.floor(used), observed.permits));
    Atomics.add(this.#memory.i32, this.#memory.toldAt(scope), 1);
    observed.raiseUsed(this.#clock.now(), permits);
  }

  /** The state of one budget, summed over all threads. */
  status(ref: ScopeRef): ScopeStatus {
    return this.#status(scopeName(ref));
  }

  /** Of all budgets, by their names. */
  statuses(): Readonly<Record<string, ScopeStatus>> {
    return Object.fromEntries(this.#directory.names().map((name) => [name, this.#status(name)]));
  }

  #status(name: string): ScopeStatus {
    const view = this.#current(name);
    const now = this.#clock.now();
    const blocked = view.blockedUntil() - now;
    return {
      ...readCounters(this.#memory, view.scope),
      left: view.left(now) ?? null,
      inFlight: view.gate?.inFlight() ?? null,
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
    leaveAll(this.#memory, this.#member);
  }

  #view(name: string): ScopeView {
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const view = new ScopeView(this.#memory, this.#directory.get(name), name);
    this.#views.set(name, view);
    return view;
  }

  #current(name: string): ScopeView {
    this.#forgetRemoved();
    const view = this.#view(name);
    if (!view.isCurrent()) view.refresh();
    return view;
  }

  /** Drops views and limiters of removed scopes, since tenants come and go. */
  #forgetRemoved(): void {
    const version = Atomics.load(this.#memory.i32, this.#memory.directoryVersionAt);
    if (version === this.#directoryVersion) return;
    this.#directoryVersion = version;
    const gone = new Set<ScopeView>();
    for (const [name, view] of this.#views) {
      try {
        view.refresh();
      } catch (error) {
        if (!(error instanceof ScopeRemovedError)) throw error;
        gone.add(view);
        this.#views.delete(name);
      }
    }
    if (gone.size === 0) return;
    for (const [key, limiter] of this.#limiters) {
      if (!limiter.path.views.some((view) => gone.has(view))) continue;
      this.#limiters.delete(key);
      this.#forgotten.add(limiter);
    }
    for (const limiter of this.#forgotten) if (!limiter.isHolding) this.#forgotten.delete(limiter);
  }
}

function joinMembers(memory: RateMemory): number {
  for (let member = 0; member < memory.sizes.threadsMax; member++) {
    if (Atomics.compareExchange(memory.i32, memory.memberAt(member), 0, threadId + 1) === 0) return member;
  }
  throw new RateTableFullError('another thread', 'threadsMax', memory.sizes.threadsMax);
}
