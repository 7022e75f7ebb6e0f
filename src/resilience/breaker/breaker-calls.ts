import type { BreakerRefusal } from '../../core/errors.js';

/** A breaker as one thread uses it. The same wherever it was opened. */
export interface Breaker {
  readonly name: string;
  /**
   * Calls the function, if the breaker lets it through, and counts what came of it.
   *
   * @throws {BreakerOpenError} when it does not; else what the function throws.
   */
  execute<T>(call: BreakerCall<T>, options?: ExecuteOptions): Promise<T>;
  /**
   * For a call that does not fit into one function.
   *
   * @throws {BreakerOpenError}
   */
  permit(): CallPermit;
  /** Whether a call would be refused now, and why. Takes no probe. `undefined`: it would be let through. */
  refusal(): BreakerRefusal | undefined;
  /** Resolves once a call would be let through, or the signal aborts (it does not reject). */
  whenCallable(signal?: AbortSignal): Promise<void>;
}

export type BreakerCall<T> = (signal: AbortSignal | undefined) => T | PromiseLike<T>;

export interface ExecuteOptions {
  /** Handed to the function. Once it is aborted, a failure of the call is ignored. */
  readonly signal?: AbortSignal | undefined;
}

/** A call that was let through. The first of the three counts; any further does nothing. */
export interface CallPermit {
  succeed(): void;
  fail(): void;
  /** Says nothing of the provider: counts nowhere, and gives a probe back. */
  ignore(): void;
}

export interface ThrottledCall {
  /** What the provider asked for; `undefined` if it did not say. */
  readonly retryAfterMs: number | undefined;
  readonly error: unknown;
}
