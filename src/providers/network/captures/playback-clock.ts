import type { Clock, TimerHandle } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';

interface Timer {
  readonly atNs: bigint;
  readonly order: number;
  readonly callback: () => void;
}

/** The clock of a capture: it stands still until its playback moves it, to the next line or the next timer. */
export class PlaybackClock implements Clock {
  #wallNs = 0n;
  #startNs = 0n;
  #orders = 0;
  readonly #timers = new Set<Timer>();

  /** @param wallNs - Ns since 1970 at which the capture begins. */
  begin(wallNs: bigint): void {
    this.#wallNs = wallNs;
    this.#startNs = wallNs;
  }

  now(): Nanos {
    return (this.#wallNs - this.#startNs) as Nanos;
  }

  wall(): Nanos {
    return this.#wallNs as Nanos;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const atNs = this.#wallNs + BigInt(Math.round(Math.max(0, delayMs) * 1e6));
    const timer = { atNs, order: this.#orders++, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as Timer);
  }

  /** When the next timer is due, in ns since 1970. */
  get nextNs(): bigint | undefined {
    return this.#next()?.atNs;
  }

  /** Calls back for the next timer, at its instant. */
  fire(): void {
    const timer = this.#next();
    if (!timer) return;
    this.#timers.delete(timer);
    this.moveTo(timer.atNs);
    timer.callback();
  }

  /** Lets time pass. It never goes back. */
  moveTo(wallNs: bigint): void {
    if (wallNs > this.#wallNs) this.#wallNs = wallNs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      const isSooner =
        !next || timer.atNs < next.atNs || (timer.atNs === next.atNs && timer.order < next.order);
      if (isSooner) next = timer;
    }
    return next;
  }
}
