import type { Worker } from 'node:worker_threads';
import { assertMapping } from '../../core/assert-argument.js';
import type { Clock } from '../../core/clock.js';
import type { BudgetInput } from './budget-options.js';
import type { AcquireOptions, Limiter, Reservation, ReserveOptions } from './limiter.js';
import type { Permit } from './permit.js';
import { type OpenRatesOptions, openRates, type ScopeStatus } from './rate-client.js';
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

/**
 * One unnamed budget: the simple form of `RateCoordinator`, with the same memory and rules.
 *
 * @example
 * const pacer = new Pacer({ permits: 50, per: '1s', burst: 10 });
 * await pacer.acquire();
 */
export class Pacer {
  readonly #coordinator: RateCoordinator;
  readonly #limiter: Limiter;

  /**
   * @throws {InvalidOptionsError} naming every refused option.
   * @throws {RateTableFullError} when a rolling window needs more room than there is.
   */
  constructor(budget: BudgetInput, options: PacerOptions = {}) {
    assertMapping('Pacer', options);
    this.#coordinator = new RateCoordinator({ threadsMax: 32, ...options, scopesMax: 1 });
    this.#coordinator.set(REF, budget);
    this.#limiter = this.#coordinator.limiter(REF);
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

  /** Changes the budget while calls spend from it. What was spent stays spent. */
  set(budget: BudgetInput): void {
    this.#coordinator.set(REF, budget);
  }

  /** As {@link RateClient.cooldown}. */
  cooldown(ms: number): void {
    this.#coordinator.cooldown(REF, ms);
  }

  /** What was spent and waited for, over all threads. */
  status(): ScopeStatus {
    return this.#coordinator.status(REF);
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

  /** Refuses those who wait in this thread; other threads go on spending from what they opened. */
  close(): void {
    this.#coordinator.close();
  }
}

/**
 * Opens a pacer's budget in another thread.
 *
 * @throws as `openRates` does.
 */
export function openPacer(handle: RateHandle, options?: OpenRatesOptions): Limiter {
  return openRates(handle, options).limiter(REF);
}
