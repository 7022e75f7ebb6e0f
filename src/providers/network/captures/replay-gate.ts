import { assertFunction, assertMapping, assertSignal } from '../../../core/assert-argument.js';
import { type Clock, sleep } from '../../../core/clock.js';
import { asProviderError, ProviderError } from '../../../core/provider-error.js';
import { cooldownMs } from '../../../core/retry-after.js';
import { sharedAbort } from '../../../core/shared-abort.js';
import { millis } from '../../../core/units.js';
import type { CallGate, CallOptions, GatedCall } from '../../../engine/call-gate.js';

/**
 * The gate of a replay: nobody is called, so nothing is spent. A call that was throttled is made again after the pause
 * that was asked for, on the clock of the capture, as it was when it was recorded.
 */
export class ReplayGate implements CallGate {
  readonly #provider: string;
  readonly #clock: Clock;
  readonly #stopping = sharedAbort();

  constructor(provider: string, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  async call<T>(call: GatedCall<T>, options: CallOptions = {}): Promise<T> {
    assertFunction('call', call);
    assertMapping('call', options);
    assertSignal('call', options.signal);
    const { signal = this.#stopping.signal, deadlineMs = Number.POSITIVE_INFINITY } = options;
    const sinceNs = this.#clock.now();
    for (;;) {
      signal.throwIfAborted();
      this.#stopping.signal.throwIfAborted();
      try {
        return await call(signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const nowMs = Number(this.#clock.wall()) / 1e6;
        const error = asProviderError(thrown, `Provider "${this.#provider}"`, nowMs);
        if (!(error instanceof ProviderError) || error.kind !== 'throttled') throw error;
        const pauseMs = cooldownMs(error.retryAfterMs);
        const waitedMs = Number(this.#clock.now() - sinceNs) / 1e6;
        if (waitedMs + pauseMs > deadlineMs) throw error;
        await sleep(this.#clock, millis(pauseMs), signal);
      }
    }
  }

  /** Ends all calls. */
  stop(): void {
    this.#stopping.abort();
  }
}
