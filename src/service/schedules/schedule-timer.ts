import type { Clock, TimerHandle } from '../../core/clock.js';
import { NANOS_PER_MILLI } from '../../core/units.js';
import type { ScheduleInstants } from './schedule-instants.js';
import { advance, nextDue, progressFrom, type ScheduleProgress } from './schedule-progress.js';

/** How long a timer is at most: a wall clock that is set is noticed after this time. */
const LOOK_MS = 30_000;

/** Calls back at the instants of a schedule, by the wall clock. */
export class ScheduleTimer {
  readonly #clock: Clock;
  readonly #instants: ScheduleInstants;
  readonly #onDue: (instantMs: number) => void;
  #progress: ScheduleProgress;
  #timer: TimerHandle;
  #isStopped = false;

  /**
   * @param onDue - Called with the instant that is due, after `progress` has it: an instant that was told is told no
   *   second time, whatever happens in between. Must not throw.
   * @param progress - Where it goes on. Without it, at the wall clock of now.
   */
  constructor(
    clock: Clock,
    instants: ScheduleInstants,
    onDue: (instantMs: number) => void,
    progress?: ScheduleProgress,
  ) {
    this.#clock = clock;
    this.#instants = instants;
    this.#onDue = onDue;
    this.#progress = progress ?? progressFrom(this.#nowMs());
  }

  get progress(): ScheduleProgress {
    return this.#progress;
  }

  /** In ms since 1970; `undefined` if there is none any more. */
  get nextMs(): number | undefined {
    return nextDue(this.#progress, this.#instants);
  }

  /** Begins, with the latest instant that was missed, if one was. */
  start(): void {
    this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #look(): void {
    const nowMs = this.#nowMs();
    const { progress, due } = advance(this.#progress, this.#instants, nowMs);
    this.#progress = progress;
    if (due !== undefined) this.#onDue(due);
    if (this.#isStopped) return;
    const next = this.#instants.next(progress.seenMs) ?? Number.POSITIVE_INFINITY;
    this.#timer = this.#clock.setTimeout(() => this.#look(), Math.min(LOOK_MS, next - nowMs));
  }

  #nowMs(): number {
    return Number(this.#clock.wall() / NANOS_PER_MILLI);
  }
}
