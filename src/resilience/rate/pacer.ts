import type { Worker } from 'node:worker_threads';
import { assertMapping } from '../../core/assert-argument.js';
import type { Clock } from '../../core/clock.js';
import type { BudgetInput } from './budget-options.js';
import type { AcquireOptions, Limiter, Reservation, ReserveOptions } from './limiter.js';
import type { Permit } from './permit.js';
import { type OpenRatesOptions, openRates, type RateClient, type ScopeStatus } from './rate-client.js';
import { RateCoordinator } from './rate-coordinator.js';
import type { RateHandle } from './rate-handle.js';
import type { WaitNs } from './verdict.js';

const REF = { provider: 'default' } as const;

/** How large the shared memory of a pacer is. */
export interface PacerOptions {
  readonly clock?: Clock | undefined;
  /** Threads that may have it open at the same time; 32 by default. */
  readonly threadsMax?: number | undefined;
  /**
   * Room for rolling windows, in permits. A window that is changed live needs twice its size. 65,536 by
   * default.
   */
  readonly rollingPermitsMax?: number | undefined;
  /** Calls of one thread that may wait at the same time; 100,000 by default. */
  readonly waitersMax?: number | undefined;
}

/** What a thread does with a pacer: its side of the budgets. */
type Client = Pick<RateClient, 'limiter' | 'cooldown' | 'status' | 'close'>;

/** A pacer as one thread spends from it. Belongs to the thread that opened it. */
export class OpenedPacer {
  readonly #client: Client;
  readonly #limiter: Limiter;

  /** @internal `openPacer` makes them. */
  constructor(client: Client) {
    this.#client = client;
    this.#limiter = client.limiter(REF);
  }

  /**
   * As {@link Limiter.tryAcquire}.
   *
   * @param cost - Number of permits, a whole number of at least 1 (the default).
   * @returns 0 when the permits were taken; else ns after which to try again.
   */
  tryAcquire(cost?: number): WaitNs {
    return this.#limiter.tryAcquire(cost);
  }

  /** As {@link Limiter.acquire}. */
  acquire(options?: AcquireOptions): Promise<Permit> {
    return this.#limiter.acquire(options);
  }

  /** As {@link Limiter.reserve}. */
  reserve(options?: ReserveOptions): Reservation | WaitNs {
    return this.#limiter.reserve(options);
  }

  /** As {@link Limiter.run}. */
  run<T>(fn: () => Promise<T> | T, options?: AcquireOptions): Promise<T> {
    return this.#limiter.run(fn, options);
  }

  /** As {@link Limiter.release}. */
  release(): void {
    this.#limiter.release();
  }

  /** As {@link Limiter.releaseAll}. */
  releaseAll(): void {
    this.#limiter.releaseAll();
  }

  /** Permits that could be taken now; `Infinity` if nothing limits the rate. */
  left(): number {
    return this.#limiter.left();
  }

  /** As {@link RateClient.cooldown}, for all threads. */
  cooldown(ms: number): void {
    this.#client.cooldown(REF, ms);
  }

  /** What was spent and waited for, over all threads. */
  status(): ScopeStatus {
    return this.#client.status(REF);
  }

  /**
   * Refuses those who wait in this thread, and frees its calls in flight and its place among the threads. Other
   * threads go on spending from what they opened.
   */
  close(): void {
    this.#client.close();
  }
}

/**
 * One unnamed budget: the simple form of `RateCoordinator`, with the same memory and rules. Belongs to the
 * thread that creates it; other threads open its `handle()` with `openPacer`.
 *
 * @example
 * const pacer = new Pacer({ permits: 50, per: '1s', burst: 10 });
 * await pacer.acquire();
 */
export class Pacer extends OpenedPacer {
  readonly #coordinator: RateCoordinator;

  /**
   * @throws {InvalidOptionsError} naming what is wrong with the options.
   * @throws {RateTableFullError} when a rolling window needs more room than there is.
   */
  constructor(budget: BudgetInput, options: PacerOptions = {}) {
    assertMapping('Pacer', options);
    const coordinator = new RateCoordinator({ threadsMax: 32, ...options, scopesMax: 1 });
    coordinator.set(REF, budget);
    super(coordinator);
    this.#coordinator = coordinator;
  }

  /** Changes the budget while calls spend from it. What was spent stays spent. */
  set(budget: BudgetInput): void {
    this.#coordinator.set(REF, budget);
  }

  /** For another thread, which opens it with `openPacer`. */
  handle(): RateHandle {
    return this.#coordinator.handle();
  }

  /** As {@link RateCoordinator.attach}. */
  attach(worker: Worker): void {
    this.#coordinator.attach(worker);
  }

  /** As {@link RateCoordinator.reclaim}. */
  reclaim(threadId: number): void {
    this.#coordinator.reclaim(threadId);
  }
}

/**
 * Opens a pacer in another thread. What it opened counts as one of `threadsMax` until it is closed, or its
 * thread ends.
 *
 * @throws as `openRates` does; `ScopeUnknownError` (`SCOPE_UNKNOWN`) for a handle that is none of a pacer.
 */
export function openPacer(handle: RateHandle, options?: OpenRatesOptions): OpenedPacer {
  const client = openRates(handle, options);
  try {
    return new OpenedPacer(client);
  } catch (error) {
    client.close(); // it has a place in the table already
    throw error;
  }
}
