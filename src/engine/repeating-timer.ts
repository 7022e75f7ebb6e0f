import { type Clock, type TimerHandle, turnOfTheLoop } from '../core/clock.js';
import { type Nanos, toMillisCeil } from '../core/units.js';

/**
 * Calls back at intervals. Each time it first yields to the event loop, so that what has already arrived
 * is handled first: in a thread that was busy, timers fire before sockets are read.
 */
export class RepeatingTimer {
  readonly #clock: Clock;
  readonly #everyNs: Nanos;
  readonly #firstNs: Nanos;
  readonly #onTime: (now: Nanos) => void;
  #handle: TimerHandle;
  #dueAt = 0n;

  /**
   * @param onTime - Receives the instant at which the timer fired.
   * @param firstNs - Time from the start to the first call.
   */
  constructor(clock: Clock, everyNs: bigint, onTime: (now: Nanos) => void, firstNs = everyNs) {
    this.#clock = clock;
    this.#everyNs = everyNs as Nanos;
    this.#firstNs = firstNs as Nanos;
    this.#onTime = onTime;
  }

  start(): void {
    if (this.#handle !== undefined) return;
    this.#armFor(this.#firstNs);
  }

  stop(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #armFor(delay: Nanos): void {
    this.#dueAt = this.#clock.now() + delay;
    this.#arm(delay);
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
    this.#armFor(this.#everyNs);
    this.#onTime(now);
  }
}
