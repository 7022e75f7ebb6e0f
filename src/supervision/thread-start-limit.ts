import type { Clock } from '../core/clock.js';
import type { WireError } from '../core/errors.js';

const FAILURES_MAX = 5;
const HOLD_NS = 5_000_000_000n;

/**
 * Keeps a machine that cannot start threads from trying again and again. After five failures in a row,
 * only one start is allowed every five seconds, until a thread comes up.
 */
export class ThreadStartLimit {
  readonly #clock: Clock;
  #failures = 0;
  #last: { readonly error: WireError; readonly atNs: bigint } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why no thread may be started now; `undefined` if one may. */
  refusal(): WireError | undefined {
    if (this.#failures < FAILURES_MAX || !this.#last) return undefined;
    const now = this.#clock.now();
    if (now - this.#last.atNs >= HOLD_NS) {
      this.#last = { ...this.#last, atNs: now };
      return undefined;
    }
    const message =
      `The last ${this.#failures} threads failed to start, so no new thread is started for now; ` +
      `the last one: ${this.#last.error.message}`;
    return { code: 'THREAD_NOT_STARTED', message, retryable: true };
  }

  succeeded(): void {
    this.#failures = 0;
    this.#last = undefined;
  }

  failed(error: WireError): void {
    this.#failures++;
    this.#last = { error, atNs: this.#clock.now() };
  }
}
