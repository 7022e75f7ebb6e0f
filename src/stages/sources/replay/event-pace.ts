import { readEpochMillis, readNanos, readSubMillis } from '../../../columns/int64.js';
import type { Clock } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';

const LATEST_NS = 2n ** 63n - 2n;

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
  #anchorNs = 0n;
  #anchorMs = 0;
  #anchorSubNanos = 0;
  #furthestNs = 0;
  #wakeAt = 0n as Nanos;

  /** @param speed - Event time per time on the clock. */
  constructor(clock: Clock, speed: number) {
    this.#clock = clock;
    this.#speed = speed;
  }

  /** After `dueUntil` has found a row that is not due: when it will be, on the clock's `now()`. */
  get wakeAt(): Nanos {
    return this.#wakeAt;
  }

  /** Starts a schedule of its own for a file that begins before the last one ended. */
  beginFile(times: Int32Array, row: number): void {
    if (this.#anchored && this.#sinceAnchor(times, row) < this.#furthestNs) this.#anchored = false;
  }

  /** Event time up to which rows are due now; `undefined` when this row, the next one, is not. */
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
    if (dueUntil <= rowNs) return rowNs; // it is due, however its instant was rounded
    return dueUntil > LATEST_NS ? LATEST_NS : dueUntil;
  }

  /** Event time that has passed by now. Known once `dueUntil` was asked. */
  get reachedNs(): bigint {
    const passedNs = Number(this.#clock.now() - this.#anchorAt);
    return this.#anchorNs + BigInt(Math.floor(passedNs * this.#speed));
  }

  /** Rows were given. */
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
