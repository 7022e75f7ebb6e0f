import { assertFunction, assertMapping, assertSignal } from '../core/assert-argument.js';
import { NEVER_ABORTED } from '../core/never-aborted.js';

/** The gate that every call to a provider passes, as a source sees it. */
export interface CallGate {
  /**
   * Makes a call to the provider (a page of history, a snapshot, a login) once the budget and the
   * breaker allow it, and retries it after a transient error. It may wait for a `read` of the same source
   * that is in progress; so a source whose reads call the gate must set `gatesItsCalls`.
   *
   * @throws {ProviderError} if a retry would not help, or if there is no time for one.
   * @throws {BreakerOpenError} `BREAKER_OPEN`, if the deadline passes before the breaker allows the call,
   *   or if it will allow none any more.
   * @throws {BudgetRefusedError} `ACQUIRE_TIMED_OUT`, if it passes before the budget does.
   * @throws {InvalidOptionsError} if `call` is not a function or `options` are not an object.
   * @throws the reason of `signal` if it aborts, and an `AbortError` if the source is stopped.
   */
  call<T>(call: GatedCall<T>, options?: CallOptions): Promise<T>;
  /**
   * Tells how much of its limit the provider counts as used, by this process and others: a used-weight header. It
   * applies to the budget of the provider, not to that of an endpoint, and only ever raises the count. Without a budget,
   * it does nothing. Gates of other releases may not have it.
   *
   * @throws {InvalidOptionsError} if a count is not a number, or the budget does not have the limit.
   */
  observeUsed?(usage: UsedPermits): void;
}

/** What a provider reports as used. */
export interface UsedPermits {
  /** Permits. */
  readonly used: number;
  /** Index of the limit that it is about, among those of the budget. Default: 0. */
  readonly limit?: number | undefined;
}

/**
 * One attempt of a call to the provider.
 *
 * @param signal - Aborts when the caller gives up or the source is stopped.
 */
export type GatedCall<T> = (signal: AbortSignal) => Promise<T> | T;

/** How a call passes the gate. */
export interface CallOptions {
  /** Permits that the call costs. Default: the cost of a read. */
  readonly cost?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Time within which the last attempt must begin, waits included. An attempt in progress is not
   * cancelled: a timeout for the answer is up to the client.
   */
  readonly deadlineMs?: number | undefined;
}

/** The gate of sources in code without a budget and a breaker, and of other stages: makes the call at once. */
export const unlimitedGate: CallGate = {
  async call(call, options = {}) {
    assertFunction('call', call);
    assertMapping('call', options);
    assertSignal('call', options.signal);
    const signal = options.signal ?? NEVER_ABORTED;
    signal.throwIfAborted();
    return call(signal);
  },
};
