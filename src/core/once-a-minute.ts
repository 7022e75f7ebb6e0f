import type { Clock } from './clock.js';

const MINUTE_NS = 60_000_000_000n;

/** For what is to be said, and not again and again. */
export class OnceAMinute {
  readonly #clock: Clock;
  #last: bigint | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it is to be said now; if so, it counts as said. */
  isDue(): boolean {
    const now = this.#clock.now();
    if (this.#last !== undefined && now - this.#last < MINUTE_NS) return false;
    this.#last = now;
    return true;
  }

  /** It is over: the next time is the first again. */
  reset(): void {
    this.#last = undefined;
  }
}
