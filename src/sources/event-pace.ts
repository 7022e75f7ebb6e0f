import type { Clock } from '../core/clock.js';
import { readEpochMillis, readSubMillis } from '../core/int64.js';
import type { Nanos } from '../core/units.js';

/**
 * Lets event time pass on the clock: says which rows are due, and when the next one is. The first
 * row is due at once. A row whose time lies before that of earlier ones is due at once as well and
 * moves nothing; rows that the pipeline is late for come together.
 */
export class EventPace {
  readonly #clock: Clock;
  readonly #speed: number;
  #anchored = false;
  #anchorAt = 0n as Nanos;
  #anchorMs = 0;
  #anchorSubNanos = 0;
  #furthestNs = 0;
  #wakeAt = 0n as Nanos;

  /** @param speed - Event time per time on the clock. */
  constructor(clock: Clock, speed: number) {
    this.#clock = clock;
    this.#speed = speed;
  }

  /** After `dueEnd` has found a row that is not due: when it will be, on the clock's `now()`. */
  get wakeAt(): Nanos {
    return this.#wakeAt;
  }

  /** Starts a schedule of its own for a file that begins before the last one ended. */
  beginFile(times: Int32Array, row: number): void {
    if (this.#anchored && this.#sinceAnchor(times, row) < this.#furthestNs) this.#anchored = false;
  }

  /** End of the run of rows from `start` on that are due now; `start` when the first one is not. */
  dueEnd(times: Int32Array, start: number, end: number): number {
    const now = this.#clock.now();
    if (!this.#anchored) {
      this.#anchored = true;
      this.#anchorAt = now;
      this.#anchorMs = readEpochMillis(times, start);
      this.#anchorSubNanos = readSubMillis(times, start);
      this.#furthestNs = 0;
    }
    const passedNs = Number(now - this.#anchorAt);
    for (let row = start; row < end; row++) {
      const sinceNs = this.#sinceAnchor(times, row);
      const dueNs = Math.ceil(sinceNs / this.#speed);
      if (dueNs > passedNs) {
        this.#wakeAt = (this.#anchorAt + BigInt(dueNs)) as Nanos;
        return row;
      }
      if (sinceNs > this.#furthestNs) this.#furthestNs = sinceNs;
    }
    return end;
  }

  #sinceAnchor(times: Int32Array, row: number): number {
    const ms = readEpochMillis(times, row) - this.#anchorMs;
    return ms * 1e6 + (readSubMillis(times, row) - this.#anchorSubNanos);
  }
}
