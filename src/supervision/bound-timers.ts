import type { Clock, TimerHandle } from '../core/clock.js';
import { Deadline } from './drain-deadline.js';
import type { BoundInstants } from './job-bounds.js';

/** How often the wall clock is looked at: it may be set, and a machine may sleep. */
const LOOK_EVERY_MS = 30_000;

/** The timers for the instants at which a job is ended. The job's machine holds the instants. */
export class BoundTimers {
  readonly #clock: Clock;
  readonly #onReached: (bound: 'duration' | 'until') => void;
  /** Once armed, it goes by the time that passes: to set the wall clock changes no duration. */
  readonly #duration: Deadline;
  #durationAtMs: number | undefined;
  /** Told once. */
  #toldDurationAtMs: number | undefined;
  #until: { readonly atMs: number; timer: TimerHandle } | undefined;

  constructor(clock: Clock, onReached: (bound: 'duration' | 'until') => void) {
    this.#clock = clock;
    this.#onReached = onReached;
    this.#duration = new Deadline(clock, () => {
      this.#toldDurationAtMs = this.#durationAtMs;
      onReached('duration');
    });
  }

  /** @param instants - Without those, nothing is waited for. */
  arm({ durationAtMs, untilMs }: BoundInstants = {}): void {
    this.#durationAtMs = durationAtMs;
    this.#duration.arm(durationAtMs === this.#toldDurationAtMs ? undefined : durationAtMs);
    if (this.#until?.atMs === untilMs) return;
    if (this.#until) this.#clock.clearTimeout(this.#until.timer);
    this.#until = undefined;
    if (untilMs !== undefined) this.#lookAgain(untilMs);
  }

  #lookAgain(atMs: number): void {
    const leftMs = Math.max(0, atMs - this.#duration.in(0));
    const timer = this.#clock.setTimeout(() => this.#look(atMs), Math.min(leftMs, LOOK_EVERY_MS));
    this.#until = { atMs, timer };
  }

  #look(atMs: number): void {
    if (this.#duration.in(0) < atMs) this.#lookAgain(atMs);
    else this.#onReached('until'); // still armed for this instant, so that it is told once
  }
}
