import { readEpochMillis, readNanos, readSubMillis } from '../../../columns/int64.js';
import type { Clock } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';

const LATEST_NS = 2n ** 63n - 2n;

/**
 * Maps event time to the clock: tells which rows are due, and when the next one is. The first row is due
 * at once. A row with an earlier time than rows before it is also due at once, and changes nothing else.
 * If the pipeline is late, the rows that became due come together.
 */
export class EventPace {
  readonly #clock: Clock;
  readonly #speed: number;
  #anchored = false;
  #anchorAt = 0n as Nanos;
  #anchorNs = 0n;
  #anchorMs = 0;
  #anchorSubNanos = 0;
  #furthestNs = 0;
  #wakeAt = 0n as Nanos;

  /** @param speed - Event time per unit of clock time. */
  constructor(clock: Clock, speed: number) {
    this.#clock = clock;
    this.#speed = speed;
  }

  /** When the next row is due, on the clock's `now()`. Valid after `dueUntil` returned `undefined`. */
  get wakeAt(): Nanos {
    return this.#wakeAt;
  }

  /** Starts a new schedule for a file that begins before the last one ended. */
  beginFile(times: Int32Array, row: number): void {
    if (this.#anchored && this.#sinceAnchor(times, row) < this.#furthestNs) this.#anchored = false;
  }

  /** Event time up to which rows are due now; `undefined` if the next row, given here, is not due yet. */
  dueUntil(times: Int32Array, row: number): bigint | undefined {
    const now = this.#clock.now();
    if (!this.#anchored) {
      this.#anchored = true;
      this.#anchorAt = now;
      this.#anchorNs = readNanos(times, row);
      this.#anchorMs = readEpochMillis(times, row);
      this.#anchorSubNanos = readSubMillis(times, row);
      this.#furthestNs = 0;
    }
    const passedNs = Number(now - this.#anchorAt);
    const dueNs = Math.ceil(this.#sinceAnchor(times, row) / this.#speed);
    if (dueNs > passedNs) {
      this.#wakeAt = (this.#anchorAt + BigInt(dueNs)) as Nanos;
      return undefined;
    }
    const rowNs = readNanos(times, row);
    const dueUntil = this.reachedNs;
    if (dueUntil <= rowNs) return rowNs; // due in any case, despite rounding
    return dueUntil > LATEST_NS ? LATEST_NS : dueUntil;
  }

  /** Event time reached by now. Valid once `dueUntil` was called. */
  get reachedNs(): bigint {
    const passedNs = Number(this.#clock.now() - this.#anchorAt);
    return this.#anchorNs + BigInt(Math.floor(passedNs * this.#speed));
  }

  /** Notes rows that were delivered. */
  passed(times: Int32Array, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const sinceNs = this.#sinceAnchor(times, row);
      if (sinceNs > this.#furthestNs) this.#furthestNs = sinceNs;
    }
  }

  #sinceAnchor(times: Int32Array, row: number): number {
    const ms = readEpochMillis(times, row) - this.#anchorMs;
    return ms * 1e6 + (readSubMillis(times, row) - this.#anchorSubNanos);
  }
}
