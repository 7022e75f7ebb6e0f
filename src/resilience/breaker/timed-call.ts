import type { CallSignal, CallSignals } from '../../core/call-signals.js';
import type { Clock } from '../../core/clock.js';
import { CallTimeoutError } from '../../core/errors.js';
import type { BreakerCall } from './breaker-calls.js';

/** What limits a call. */
export interface CallLimits {
  readonly breaker: string;
  readonly timeoutMs: number;
  /** The signal of the caller. */
  readonly outer: AbortSignal | undefined;
}

/** A call with a limited time, and a signal that the limit and the caller abort. */
export class TimedCall {
  readonly signal: AbortSignal;
  readonly #own: CallSignal;
  readonly #limits: CallLimits;
  readonly #signals: CallSignals;
  readonly #clock: Clock;

  constructor(limits: CallLimits, signals: CallSignals, clock: Clock) {
    this.#limits = limits;
    this.#signals = signals;
    this.#clock = clock;
    this.#own = signals.open(limits.outer);
    this.signal = this.#own.signal;
  }

  /** @throws {CallTimeoutError} after the limit, even if the call ignores its signal; else what it throws. */
  async run<T>(call: BreakerCall<T>): Promise<T> {
    const { breaker, timeoutMs } = this.#limits;
    let giveUp: (error: CallTimeoutError) => void;
    const timedOut = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const timer = this.#clock.setTimeout(() => {
      const error = new CallTimeoutError(breaker, timeoutMs);
      giveUp(error);
      this.#own.abort(error);
    }, Math.ceil(timeoutMs));
    try {
      return await Promise.race([call(this.signal), timedOut]);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#signals.close(this.#own);
    }
  }
}
