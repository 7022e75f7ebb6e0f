import type { Clock, TimerHandle } from './clock.js';
import { type Nanos, toMillisCeil } from './units.js';

/**
 * Sleeps of one sleeper, one after another, until a call ends them all. For those who sleep thousands of
 * times a second: adding a listener to an `AbortSignal` and removing it costs more than the timer.
 */
export class WakeableSleep {
  readonly #clock: Clock;
  #isOver = false;
  /** Ends the sleep in progress. */
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves once `until` has come, or `end` was called. Re-checks the clock: a timer may fire early. */
  until(until: Nanos): Promise<void> {
    return new Promise((resolve) => {
      let timer: TimerHandle;
      const check = () => {
        const left = (until - this.#clock.now()) as Nanos;
        if (left > 0n && !this.#isOver) {
          timer = this.#clock.setTimeout(check, toMillisCeil(left));
          return;
        }
        this.#wake = undefined;
        resolve();
      };
      this.#wake = () => {
        this.#clock.clearTimeout(timer);
        check();
      };
      check();
    });
  }

  /** Ends the sleep in progress, and all later ones at once. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}
