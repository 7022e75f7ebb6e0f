import type { Clock } from './clock.js';

const MINUTE_NS = 60_000_000_000n;

/** Limits a message to once a minute. */
export class OnceAMinute {
  readonly #clock: Clock;
  #last: bigint | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the message is due now. If so, it counts as given. */
  isDue(): boolean {
    const now = this.#clock.now();
    if (this.#last !== undefined && now - this.#last < MINUTE_NS) return false;
    this.#last = now;
    return true;
  }

  /** The condition is over: the next message is due at once. */
  reset(): void {
    this.#last = undefined;
  }
}
