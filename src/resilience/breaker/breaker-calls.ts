import type { BreakerRefusal } from '../../core/errors.js';

/** A breaker as one thread uses it. It works the same way wherever it was opened. */
export interface Breaker {
  readonly name: string;
  /**
   * Calls the function if the breaker lets it through, and counts the outcome.
   *
   * @throws {BreakerOpenError} when the breaker refuses the call; otherwise whatever the function throws.
   */
  execute<T>(call: BreakerCall<T>, options?: ExecuteOptions): Promise<T>;
  /**
   * Lets through a call that does not fit into one function. The caller reports the outcome.
   *
   * @throws {BreakerOpenError} when the breaker refuses the call.
   */
  permit(): CallPermit;
  /** Why a call would be refused now; `undefined` if it would be let through. Takes no probe. */
  refusal(): BreakerRefusal | undefined;
  /** Resolves once a call would be let through, or when the signal aborts (it does not reject). */
  whenCallable(signal?: AbortSignal): Promise<void>;
}

/** A call that a breaker is around. */
export type BreakerCall<T> = (signal: AbortSignal | undefined) => T | PromiseLike<T>;

/** How a call is made. */
export interface ExecuteOptions {
  /** Passed to the function. Once it is aborted, a failure of the call is ignored. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A call that was let through. The first call of `succeed`, `fail` or `ignore` counts; later ones do
 * nothing.
 */
export interface CallPermit {
  /** Counts as a success. */
  succeed(): void;
  /** Counts as a failure. */
  fail(): void;
  /** The outcome says nothing about the provider: it counts nowhere, and a probe is returned. */
  ignore(): void;
}

/** A call that the provider answered with a demand for fewer calls. */
export interface ThrottledCall {
  /** The wait that the provider asked for; `undefined` if it did not say. */
  readonly retryAfterMs: number | undefined;
  readonly error: unknown;
}
