import type { Clock, TimerHandle } from '../core/clock.js';
import { InvalidOptionsError } from '../core/errors.js';
import { NANOS_PER_MILLI } from '../core/units.js';

/**
 * The deadline that a job is under as it starts or drains. The job's machine says when it is, on the wall
 * clock, so that it outlives a restart; this keeps the timer for it.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #onPassed: () => void;
  #armed: { readonly atMs: number; readonly timer: TimerHandle } | undefined;

  constructor(clock: Clock, onPassed: () => void) {
    this.#clock = clock;
    this.#onPassed = onPassed;
  }

  /** The instant that is so many ms from now, in ms on the wall clock. */
  in(delayMs: number): number {
    return Number(this.#clock.wall() / NANOS_PER_MILLI) + delayMs;
  }

  /** @param atMs - On the wall clock; `undefined`: there is no deadline any more. */
  arm(atMs: number | undefined): void {
    if (this.#armed?.atMs === atMs) return;
    if (this.#armed) this.#clock.clearTimeout(this.#armed.timer);
    this.#armed = undefined;
    if (atMs === undefined) return;
    const timer = this.#clock.setTimeout(
      () => {
        this.#armed = undefined;
        this.#onPassed();
      },
      Math.max(0, atMs - this.in(0)),
    );
    this.#armed = { atMs, timer };
  }
}

/**
 * Ms that a drain may take: what it was asked to, or what the settings say.
 *
 * @throws {InvalidOptionsError}
 */
export function drainDeadlineMs(
  { deadlineMs }: { readonly deadlineMs?: number },
  settings: { readonly drainDeadlineMs: number },
): number {
  const ms = deadlineMs ?? settings.drainDeadlineMs;
  if (typeof ms === 'number' && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return ms;
  throw new InvalidOptionsError('drain', [`deadlineMs: expected 0 or more milliseconds, was ${ms}`]);
}
