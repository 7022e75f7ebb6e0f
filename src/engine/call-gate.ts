/** What every call to a provider passes, as a source sees it. */
export interface CallGate {
  /**
   * Makes a call to the provider once it may, and again after an error that passes: a page of history,
   * a snapshot, a login. While a `read` of the same source is under way it may wait for that: a source
   * whose reads call the gate says so (`gatesItsCalls`).
   *
   * @throws {ProviderError} where another try would not help, or there is no time for one.
   * @throws {BreakerOpenError} `BREAKER_OPEN` and
   * @throws {BudgetRefusedError} `ACQUIRE_TIMED_OUT` when the deadline comes before the call may be made.
   * @throws the reason of `signal` when it aborts, and an `AbortError` when the source is stopped.
   */
  call<T>(call: GatedCall<T>, options?: CallOptions): Promise<T>;
}

/**
 * One attempt of a call to the provider.
 *
 * @param signal - Aborts when the caller gives up or the source is stopped.
 */
export type GatedCall<T> = (signal: AbortSignal) => Promise<T> | T;

/** How a call passes the gate. */
export interface CallOptions {
  /** Permits that it takes; the cost of a read by default. */
  readonly cost?: number;
  readonly signal?: AbortSignal;
  /**
   * From now until its last attempt may begin, waits included. An attempt that is under way is not cut
   * off: how long to wait for an answer is for the client to know.
   */
  readonly deadlineMs?: number;
}

/** Where a spec names no budget and no breaker: makes the call. */
export const openGate: CallGate = {
  async call(call, { signal = new AbortController().signal } = {}) {
    signal.throwIfAborted();
    return call(signal);
  },
};
