import type { Clock } from '../core/clock.js';
import { millis } from '../core/units.js';

/** Waits for something to hold that changes with events. */
export class ChangeWaiters {
  readonly #clock: Clock;
  readonly #stopping: AbortSignal | undefined;
  readonly #waiting = new Set<() => void>();

  /** @param stopping - Ends all waits. */
  constructor(clock: Clock, stopping: AbortSignal | undefined) {
    this.#clock = clock;
    this.#stopping = stopping;
  }

  /** Called when something has changed. */
  changed(): void {
    for (const check of [...this.#waiting]) check();
  }

  /**
   * Resolves once something holds.
   *
   * @returns Whether it did by the deadline; `false` also after a stop.
   */
  until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    if (this.#stopping?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (held: boolean) => {
        this.#waiting.delete(check);
        this.#clock.clearTimeout(timer);
        this.#stopping?.removeEventListener('abort', stop);
        resolve(held);
      };
      const check = () => {
        if (holds()) end(true);
      };
      const stop = () => end(false);
      const timer = this.#clock.setTimeout(() => end(holds()), millis(deadlineMs));
      this.#stopping?.addEventListener('abort', stop);
      this.#waiting.add(check);
    });
  }
}
