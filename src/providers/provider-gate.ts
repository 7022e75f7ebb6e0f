import { assertFunction, assertMapping, assertSignal } from '../core/assert-argument.js';
import { CallSignals } from '../core/call-signals.js';
import { type Clock, sleep } from '../core/clock.js';
import { BreakerOpenError, RuntimeError } from '../core/errors.js';
import { messageOf } from '../core/provider-error.js';
import { isTimeout } from '../core/provider-error-kind.js';
import { cooldownMs } from '../core/retry-after.js';
import { sharedAbort } from '../core/shared-abort.js';
import { millis, type Nanos } from '../core/units.js';
import type { CallGate, CallOptions, GatedCall, UsedPermits } from '../engine/call-gate.js';
import type { Breaker, CallPermit } from '../resilience/breaker/breaker-calls.js';
import { checkGivenNumbers } from '../resilience/rate/check-numbers.js';
import type { Limiter } from '../resilience/rate/limiter.js';
import type { Permit } from '../resilience/rate/permit.js';
import { BudgetRefusedError } from '../resilience/rate/rate-errors.js';
import { FAR_NS } from '../shared-memory/scope-record.js';
import type { Logger } from '../telemetry/logger.js';
import type { StageStatistics } from '../wire/pipeline-report.js';
import { GateWaits } from './gate-waits.js';
import { judgeFailure } from './judge-failure.js';

/** A budget that each call spends from. */
export interface CallBudget {
  readonly limiter: Limiter;
  /** Permits for a call that sets no cost of its own. */
  readonly cost: number;
}

export interface ProviderGateOptions {
  /** Used in messages. */
  readonly provider: string;
  readonly budget?: CallBudget | undefined;
  readonly breaker?: Breaker | undefined;
  /** Reports that a call was throttled: cools the provider's budget down for all threads, if it has one. */
  throttled(retryAfterMs: number): void;
  /** Applies what the provider reports as used. Default: nothing, without a budget. */
  observed?(usage: UsedPermits): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Wait before the first retry; doubled for each further retry in a row. */
const BACK_OFF_MS = 10;
const BACK_OFF_MS_MAX = 1_000;
/** 50 years, as with a budget's timeout. */
const DEADLINE_MS_MAX = Number(FAR_NS) / 1e6;

/** Conditions of a call that does not succeed at once. */
interface Terms {
  readonly cost: number;
  readonly signal: AbortSignal;
  /** No attempt begins after this instant. */
  readonly until: Nanos | undefined;
}

/** Progress of a call that did not succeed at once. */
interface Attempts {
  /** Failures so far. */
  failed: number;
  lastError?: unknown;
  /** Why the call waits for the budget, if not for its normal pace. */
  cooledBy?: string | undefined;
}

/**
 * Stands between one source and its provider. Every call first takes a permit from the breaker and
 * permits from the budget. While the breaker is open or the budget is spent, no call is made. The table
 * of provider errors decides what an error does. An outage counts for the breaker and is retried when the
 * breaker allows it. A throttled call cools the budget down for all threads and is retried afterwards. An
 * error by which the provider refuses the request counts for nothing and is reported at once.
 * Cancellation is not a failure.
 *
 * Without a breaker, nothing tells when an outage is over, so only throttled calls are retried.
 */
export class ProviderGate implements CallGate {
  readonly #provider: string;
  readonly #budget: CallBudget | undefined;
  readonly #breaker: Breaker | undefined;
  readonly #throttled: (retryAfterMs: number) => void;
  readonly #observed: ((usage: UsedPermits) => void) | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopping = sharedAbort();
  readonly #signals = new CallSignals();
  readonly #readTerms: Terms;
  readonly #waits = new GateWaits();

  constructor({ provider, budget, breaker, throttled, observed, clock, log }: ProviderGateOptions) {
    this.#provider = provider;
    this.#budget = budget;
    this.#breaker = breaker;
    this.#throttled = throttled;
    this.#observed = observed;
    this.#clock = clock;
    this.#log = log;
    this.#readTerms = { cost: budget?.cost ?? 1, signal: this.#stopping.signal, until: undefined };
  }

  async call<T>(call: GatedCall<T>, options: CallOptions = {}): Promise<T> {
    assertFunction('call', call);
    assertMapping('call', options);
    const { cost = this.#readTerms.cost, signal: outer, deadlineMs } = options;
    checkGivenNumbers('call', { deadlineMs });
    assertSignal('call', outer);
    outer?.throwIfAborted();
    this.#stopping.signal.throwIfAborted();
    const until = deadlineMs === undefined ? undefined : this.#inMs(deadlineMs);
    const own = this.#signals.open(outer);
    try {
      return await this.#untilDone(call, { cost, signal: own.signal, until }, { failed: 0 });
    } finally {
      this.#signals.close(own);
    }
  }

  /**
   * Makes a call for rows. Answers without a promise if nothing has to be waited for, and with `null` if
   * the gate was stopped first.
   */
  read<T>(read: () => Promise<T | null> | T | null): Promise<T | null> | T | null {
    const permit = this.#takeNow();
    if (permit === null) return this.#readLater(read, { failed: 0 });
    let batch: Promise<T | null> | T | null;
    try {
      batch = read();
    } catch (error) {
      return this.#readAgain(read, error, permit);
    }
    if (batch instanceof Promise) return this.#settleLater(read, batch, permit);
    permit?.succeed();
    this.#budget?.limiter.release();
    return batch;
  }

  observeUsed(usage: UsedPermits): void {
    this.#observed?.(usage);
  }

  /** Ends all waits, and aborts the signals of calls in progress. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#signals.abortAll(this.#stopping.signal.reason);
  }

  /**
   * For callers that waited for a call: returns `null` if it ended because the gate was stopped.
   *
   * @throws what was thrown, otherwise.
   */
  nullIfStopped(thrown: unknown): null {
    const { signal } = this.#stopping;
    if (signal.aborted && thrown === signal.reason) return null;
    throw thrown;
  }

  /** Why a call is waiting, beyond the normal pace of the budget. */
  get pausedBy(): string | undefined {
    return this.#waits.pausedBy;
  }

  /** Why a call is waiting for the breaker. */
  get heldByBreaker(): string | undefined {
    return this.#waits.heldByBreaker;
  }

  statistics(): StageStatistics {
    const { breakerPauses, breakerPausedNs, budgetWaits, budgetWaitedNs, retries } = this.#waits;
    return {
      ...(this.#breaker && { breakerPauses, breakerPausedMs: Number(breakerPausedNs) / 1e6 }),
      ...(this.#budget && { budgetWaits, budgetWaitedMs: Number(budgetWaitedNs) / 1e6 }),
      readsRetried: retries,
    };
  }

  /**
   * Takes all permits for a read without waiting.
   *
   * @returns The breaker's permit, if there is a breaker; `null` if nothing was taken.
   */
  #takeNow(): CallPermit | undefined | null {
    let permit: CallPermit | undefined;
    if (this.#breaker) {
      try {
        permit = this.#breaker.permit();
      } catch (error) {
        if (error instanceof BreakerOpenError) return null;
        throw error;
      }
    }
    const budget = this.#budget;
    if (!budget) return permit;
    let isTaken = false;
    try {
      isTaken = budget.limiter.tryAcquire(budget.cost) === 0;
      return isTaken ? permit : null;
    } finally {
      // If the budget was removed, this throws; the probe must not be lost then.
      if (!isTaken) permit?.ignore();
    }
  }

  async #settleLater<T>(
    read: () => Promise<T | null> | T | null,
    reading: Promise<T | null>,
    permit: CallPermit | undefined,
  ): Promise<T | null> {
    let batch: T | null;
    try {
      batch = await reading;
    } catch (error) {
      return this.#readAgain(read, error, permit);
    }
    permit?.succeed();
    this.#budget?.limiter.release();
    return batch;
  }

  async #readAgain<T>(
    read: () => Promise<T | null> | T | null,
    error: unknown,
    permit: CallPermit | undefined,
  ): Promise<T | null> {
    const attempts: Attempts = { failed: 0 };
    try {
      await this.#failed(error, permit, undefined, this.#readTerms, attempts);
    } catch (thrown) {
      return this.nullIfStopped(thrown);
    }
    return this.#readLater(read, attempts);
  }

  async #readLater<T>(read: () => Promise<T | null> | T | null, attempts: Attempts): Promise<T | null> {
    try {
      return await this.#untilDone(read, this.#readTerms, attempts);
    } catch (thrown) {
      return this.nullIfStopped(thrown);
    }
  }

  /** Makes the call once it may, and retries it after an error that may pass. */
  async #untilDone<T>(call: GatedCall<T>, terms: Terms, attempts: Attempts): Promise<T> {
    for (;;) {
      await this.#untilCallable(terms, attempts);
      const ratePermit = await this.#takeBudget(terms, attempts);
      let permit: CallPermit | undefined;
      try {
        permit = this.#breaker?.permit();
      } catch (error) {
        // Other calls took the probes first: the permits from the budget are spent, and the wait starts
        // again.
        ratePermit?.release();
        if (error instanceof BreakerOpenError) continue;
        throw error;
      }
      let value: T;
      try {
        value = await call(terms.signal);
      } catch (error) {
        await this.#failed(error, permit, ratePermit, terms, attempts);
        continue;
      }
      permit?.succeed();
      ratePermit?.release();
      return value;
    }
  }

  async #untilCallable({ signal, until }: Terms, { lastError }: Attempts): Promise<void> {
    signal.throwIfAborted();
    const breaker = this.#breaker;
    const refusal = breaker?.refusal();
    if (!breaker || !refusal) return;
    const { breaker: name, state, retryAfterMs = 0 } = refusal;
    if (this.#isBeyond(until, retryAfterMs)) throw lastError ?? new BreakerOpenError(refusal);
    const since = this.#clock.now();
    this.#waits.breakerPauses++;
    this.#log.warn({ breaker: name, state }, 'intake paused by the breaker');
    await this.#waits.pause(
      `the breaker "${name}" is ${state}`,
      () => this.#whenCallable(breaker, signal, until),
      true,
    );
    const paused = this.#clock.now() - since;
    this.#waits.breakerPausedNs += paused;
    signal.throwIfAborted();
    const still = until !== undefined && this.#clock.now() >= until ? breaker.refusal() : undefined;
    if (still) throw lastError ?? new BreakerOpenError(still);
    this.#log.info({ breaker: name, pausedMs: Number(paused) / 1e6 }, 'intake resumed');
  }

  /** Resolves once the breaker lets a call through, and also at the deadline or an abort. */
  async #whenCallable(breaker: Breaker, signal: AbortSignal, until: Nanos | undefined): Promise<void> {
    if (until === undefined) return breaker.whenCallable(signal);
    const own = this.#signals.open(signal);
    const timer = this.#clock.setTimeout(() => own.abort(undefined), this.#leftMs(until));
    try {
      await breaker.whenCallable(own.signal);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#signals.close(own);
    }
  }

  async #takeBudget({ cost, signal, until }: Terms, attempts: Attempts): Promise<Permit | undefined> {
    signal.throwIfAborted(); // a stop came while the breaker was asked
    if (!this.#budget) return undefined;
    const { limiter } = this.#budget;
    const since = this.#clock.now();
    const acquire = () =>
      limiter.acquire({ cost, signal, ...(until !== undefined && { timeoutMs: this.#leftMs(until) }) });
    const { cooledBy } = attempts;
    attempts.cooledBy = undefined;
    let permit: Permit;
    try {
      permit = await (cooledBy === undefined ? acquire() : this.#waits.pause(cooledBy, acquire));
    } catch (error) {
      signal.throwIfAborted();
      // The error that the call itself met says more than the timeout of the next attempt.
      const isTooLate = error instanceof BudgetRefusedError && error.code === 'ACQUIRE_TIMED_OUT';
      throw isTooLate ? (attempts.lastError ?? error) : error;
    }
    if (permit.waitedNs > 0) {
      this.#waits.budgetWaits++;
      this.#waits.budgetWaitedNs += this.#clock.now() - since;
    }
    return permit;
  }

  /**
   * Counts a failure, and waits until the call may be retried.
   *
   * @param ratePermit - Permit of a call that waited for the budget; other calls took from it without
   *   one.
   * @throws the error for the caller, if a retry is no use; the reason of the signal, if it aborted.
   */
  async #failed(
    thrown: unknown,
    permit: CallPermit | undefined,
    ratePermit: Permit | undefined,
    { signal, until }: Terms,
    attempts: Attempts,
  ): Promise<void> {
    const nowMs = Number(this.#clock.wall()) / 1e6;
    const { outcome, mayCallAgain, retryAfterMs, error } = judgeFailure(thrown, this.#provider, nowMs);
    // A cancelled call says nothing about the provider, whatever error ended it; one that got no answer in
    // time does.
    const isFailure = signal.aborted ? isTimeout(signal.reason) : outcome === 'failure';
    if (isFailure) permit?.fail();
    else permit?.ignore();
    if (ratePermit) ratePermit.release();
    else this.#budget?.limiter.release();
    // A cancelled call may well end with an error: report the cancellation instead.
    if (signal.aborted && (outcome !== 'failure' || mayCallAgain)) throw signal.reason;
    attempts.lastError = error;
    const isThrottled = outcome === 'throttled';
    const backOffMs = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** attempts.failed++);
    const pauseMs = millis(Math.max(isThrottled ? cooldownMs(retryAfterMs) : (retryAfterMs ?? 0), backOffMs));
    if (isThrottled) {
      this.#log.warn({ provider: this.#provider, cooldownMs: pauseMs }, 'the provider asks for a pause');
      this.#throttled(pauseMs);
    } else if (!this.#breaker || !mayCallAgain) {
      throw error;
    }
    const isAsked = isThrottled || retryAfterMs !== undefined;
    // Without a pause, failures would follow each other until the breaker opens, or without end if it is
    // disabled.
    if (!isAsked && this.#breaker?.refusal()) {
      this.#tellRetry(error);
      return;
    }
    if (this.#isBeyond(until, pauseMs)) throw error;
    this.#tellRetry(error);
    const reason = isAsked ? `the provider asked for ${pauseMs} ms` : 'the last call failed';
    if (isThrottled && this.#budget)
      attempts.cooledBy = reason; // ends when the budget grants a permit again
    else await this.#waits.pause(reason, () => sleep(this.#clock, pauseMs, signal));
  }

  #tellRetry(error: unknown): void {
    this.#waits.retries++;
    const code = error instanceof RuntimeError ? { code: error.code } : {};
    this.#log.warn(
      { provider: this.#provider, ...code, error: messageOf(error) },
      'call failed, will be retried',
    );
  }

  #isBeyond(until: Nanos | undefined, ms: number): boolean {
    return until !== undefined && this.#inMs(ms) > until;
  }

  #inMs(ms: number): Nanos {
    return (this.#clock.now() + BigInt(Math.ceil(Math.min(ms, DEADLINE_MS_MAX) * 1e6))) as Nanos;
  }

  #leftMs(until: Nanos): number {
    return Math.max(0, Number(until - this.#clock.now()) / 1e6);
  }
}
