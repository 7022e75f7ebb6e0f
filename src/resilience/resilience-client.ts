import { assertMapping } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import type { Breaker, OpenedBreaker } from './breaker/breaker-calls.js';
import type { BreakerHandle } from './breaker/breaker-handle.js';
import { openBreaker } from './breaker/open-breaker.js';
import { BreakerUnknownError } from './breaker-unknown-error.js';
import type { Limiter } from './rate/limiter.js';
import { type ObservedUsage, type OpenRatesOptions, openRates, type RateClient } from './rate/rate-client.js';
import type { ScopeRef, ThrottledScope } from './rate/scope-ref.js';
import { checkResilienceHandle, type ResilienceHandle } from './resilience-handle.js';

/** Budgets and breakers that specs may name: a `ResilienceCoordinator` or the result of `openResilience`. */
export interface Resilience {
  /** @throws {ScopeUnknownError} `SCOPE_UNKNOWN` for a budget that was not declared. */
  limiter(ref: ScopeRef): Limiter;
  /** @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a provider without one. */
  breaker(provider: string): Breaker;
  /** Reports that a call was throttled: cools its budget down for all threads, if there is one. */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void;
  /** Applies the usage that a provider reports: see `RateClient.observeUsed`. */
  observeUsed(ref: ScopeRef, usage: ObservedUsage): void;
}

/**
 * Opens budgets and breakers in this thread.
 *
 * @param options - The `now` of its `clock` must have one origin for all threads, as `process.hrtime` has.
 * @throws {InvalidHandleError} `HANDLE_INVALID`
 * @throws {RateTableFullError} `RATE_TABLE_FULL` when too many threads have opened the handle.
 */
export function openResilience(handle: ResilienceHandle, options: OpenRatesOptions = {}): ResilienceClient {
  assertMapping('openResilience', options);
  const { clock = systemClock } = options;
  const { rates, breakers } = checkResilienceHandle(handle);
  return new ResilienceClient(openRates(rates, { clock }), breakers, clock);
}

/** Budgets and breakers as one thread uses them. Belongs to the thread that opened it. */
export class ResilienceClient implements Resilience {
  readonly rates: RateClient;
  readonly #handles: Readonly<Record<string, BreakerHandle>>;
  readonly #clock: Clock;
  readonly #breakers = new Map<string, OpenedBreaker>();

  constructor(rates: RateClient, handles: Readonly<Record<string, BreakerHandle>>, clock: Clock) {
    this.rates = rates;
    this.#handles = handles;
    this.#clock = clock;
  }

  limiter(ref: ScopeRef): Limiter {
    return this.rates.limiter(ref);
  }

  /**
   * The breaker of a provider. A call that is throttled (status 429) starts a cooldown of the provider's
   * budget, for as long as the provider asks, or for one second if it does not say.
   *
   * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a provider without one.
   */
  breaker(provider: string): Breaker {
    const known = this.#breakers.get(provider);
    if (known !== undefined) return known;
    if (!Object.hasOwn(this.#handles, provider)) {
      throw new BreakerUnknownError(provider, Object.keys(this.#handles));
    }
    const breaker = openBreaker(this.#handles[provider]!, {
      clock: this.#clock,
      onThrottled: ({ retryAfterMs }) => this.throttled({ provider }, retryAfterMs),
    });
    this.#breakers.set(provider, breaker);
    return breaker;
  }

  /** @see RateClient.throttled */
  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    this.rates.throttled(ref, retryAfterMs);
  }

  /** @see RateClient.observeUsed */
  observeUsed(ref: ScopeRef, usage: ObservedUsage): void {
    this.rates.observeUsed(ref, usage);
  }

  /**
   * Refuses all calls that wait, frees those in flight, and leaves the shared table. The breakers get
   * back what this thread counted with.
   */
  close(): void {
    this.rates.close();
    for (const breaker of this.#breakers.values()) breaker.close();
  }
}
