import type { BreakerRefusal } from '../../core/errors.js';

/** A breaker as one thread uses it. It works the same way wherever it was opened. */
export interface Breaker {
  readonly name: string;
  /**
   * Calls the function if the breaker lets it through, and counts the outcome.
   *
   * @throws {BreakerOpenError} when the breaker refuses the call.
   * @throws {CallTimeoutError} after `timeoutMs`; otherwise whatever the function throws.
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
  /**
   * Resolves once a call would be let through, or when the signal aborts.
   *
   * @throws {BreakerOpenError} if no call will be let through any more, since the owner has closed the
   *   breaker or its machine has failed.
   */
  whenCallable(signal?: AbortSignal): Promise<void>;
}

/** A breaker that was opened from its handle. */
export interface OpenedBreaker extends Breaker {
  /**
   * Gives back what this thread counts with, for other threads. Close a breaker that is opened for each
   * job of a thread. Calls in flight still count.
   */
  close(): void;
}

/**
 * A call that a breaker is around.
 *
 * @param signal - Aborts when the caller gives up or the time of the call is over.
 */
export type BreakerCall<T> = (signal: AbortSignal) => T | PromiseLike<T>;

/** How a call is made. */
export interface ExecuteOptions {
  /**
   * Aborts the signal of the call. A failure of the call is ignored from then on, unless the reason is a
   * time-out (its name is `TimeoutError`, as that of `AbortSignal.timeout`): then it counts, whatever the
   * error.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call is given up and counts as a failure. Default: that of the breaker. */
  readonly timeoutMs?: number | undefined;
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
