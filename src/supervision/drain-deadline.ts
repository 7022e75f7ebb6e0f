import { assertMapping } from '../core/assert-argument.js';
import type { Clock, TimerHandle } from '../core/clock.js';
import { InvalidOptionsError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import { NANOS_PER_MILLI } from '../core/units.js';

/**
 * The timer for the deadline of a job that starts or drains. The job's machine holds the deadline itself
 * as an instant on the wall clock, so that it survives a restart.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #onPassed: () => void;
  #armed: { readonly atMs: number; readonly timer: TimerHandle } | undefined;

  constructor(clock: Clock, onPassed: () => void) {
    this.#clock = clock;
    this.#onPassed = onPassed;
  }

  /** The instant this many ms from now, in ms on the wall clock. */
  in(delayMs: number): number {
    return Number(this.#clock.wall() / NANOS_PER_MILLI) + delayMs;
  }

  /** @param atMs - Instant in ms on the wall clock; `undefined` clears the deadline. */
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
 * Ms that a drain may take: the given deadline, or the one from the settings.
 *
 * @throws {InvalidOptionsError}
 */
export function drainDeadlineMs(
  options: { readonly deadlineMs?: number | undefined },
  settings: { readonly drainDeadlineMs: number },
): number {
  assertMapping('drain', options);
  const ms = options.deadlineMs ?? settings.drainDeadlineMs;
  if (typeof ms === 'number' && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return ms;
  throw new InvalidOptionsError('drain', [
    `deadlineMs: expected 0 or more milliseconds, was ${describeValue(ms)}`,
  ]);
}
