import { type Clock, type TimerHandle, turnOfTheLoop } from '../core/clock.js';
import { type Nanos, toMillisCeil } from '../core/units.js';

/**
 * Calls back again and again, each time only after whatever has arrived by then has had its turn: of
 * a thread that was busy, timers come before sockets.
 */
export class RepeatingTimer {
  readonly #clock: Clock;
  readonly #everyNs: Nanos;
  readonly #onTime: (now: Nanos) => void;
  #handle: TimerHandle;
  #dueAt = 0n;

  /** @param onTime - Is given the instant at which the timer fired. */
  constructor(clock: Clock, everyNs: bigint, onTime: (now: Nanos) => void) {
    this.#clock = clock;
    this.#everyNs = everyNs as Nanos;
    this.#onTime = onTime;
  }

  start(): void {
    if (this.#handle !== undefined) return;
    this.#dueAt = this.#clock.now() + this.#everyNs;
    this.#arm(this.#everyNs);
  }

  stop(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #arm(delay: Nanos): void {
    this.#handle = this.#clock.setTimeout(() => void this.#fire(), toMillisCeil(delay));
  }

  async #fire(): Promise<void> {
    const fired = this.#handle;
    const now = this.#clock.now();
    if (now < this.#dueAt) {
      this.#arm((this.#dueAt - now) as Nanos); // a timer may fire a little early
      return;
    }
    await turnOfTheLoop();
    if (this.#handle !== fired) return; // it was stopped meanwhile
    this.#handle = undefined;
    this.start();
    this.#onTime(now);
  }
}
