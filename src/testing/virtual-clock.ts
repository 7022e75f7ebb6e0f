import type { Clock, TimerHandle } from '../core/clock.js';
import type { Nanos } from '../core/units.js';

/** Where a virtual clock begins. */
export interface VirtualClockStart {
  /** Monotonic time in ns. Default: 0. */
  readonly now?: bigint;
  /** Ns since 1970 UTC. Default: 2023-11-14T22:13:20Z. */
  readonly wall?: bigint;
}

interface Timer {
  readonly at: bigint;
  readonly callback: () => void;
}

/** Timers that may fire one after another while no time passes. More: they set one another for ever. */
const TIMERS_AT_ONCE_MAX = 100_000;

/**
 * A clock for tests: its time stands still until a test lets it pass. Timers fire in order, at their instant.
 *
 * @example
 * const clock = new VirtualClock();
 * const pipeline = createPipeline(spec, { clock });
 * await pipeline.build(); // loads code, while time stands still
 * const running = pipeline.run();
 * await clock.advance(60_000);
 */
export class VirtualClock implements Clock {
  #now: bigint;
  readonly #wallAtZero: bigint;
  readonly #timers = new Set<Timer>();

  /** @param start - `now` and `wall` at the beginning, in ns. */
  constructor({ now = 0n, wall = 1_700_000_000_000_000_000n }: VirtualClockStart = {}) {
    this.#now = now;
    this.#wallAtZero = wall - now;
  }

  /** Number of timers that have not fired: 0 once everything is closed, or something leaks. */
  get timersPending(): number {
    return this.#timers.size;
  }

  now(): Nanos {
    return this.#now as Nanos;
  }

  wall(): Nanos {
    return (this.#wallAtZero + this.#now) as Nanos;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const timer = { at: this.#now + BigInt(Math.round(Math.max(0, delayMs) * 1e6)), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as Timer);
  }

  /** Lets `ms` pass at once, while the thread sleeps: timers that are due fire late. */
  leap(ms: number): void {
    this.#now += BigInt(Math.round(ms * 1e6));
  }

  /**
   * Lets `ms` pass; after each timer, and at the end, whatever waits for it has its turn, timers
   * that it sets included.
   *
   * @throws {Error} if 100,000 timers fire in a row at one instant: they would set one another for ever.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#now + BigInt(Math.round(ms * 1e6));
    let atOnce = 0;
    await settled();
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= until).sort(byInstant)[0];
      if (!next) break;
      this.#timers.delete(next);
      if (next.at > this.#now) {
        this.#now = next.at;
        atOnce = 0;
      }
      if (++atOnce > TIMERS_AT_ONCE_MAX) throw new Error(`VirtualClock: expected time to pass, ${FOR_EVER}`);
      next.callback();
      await settled();
    }
    this.#now = until;
    await settled();
  }
}

const FOR_EVER = `found ${TIMERS_AT_ONCE_MAX} timers in a row at one instant: does one set another with a delay of 0?`;

const byInstant = (a: Timer, b: Timer): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);

/** All promises that can settle without the passing of time have settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
