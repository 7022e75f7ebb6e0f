import type { Clock } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';
import { WakeableSleep } from '../../../core/wakeable-sleep.js';

export interface RowScheduleSettings {
  readonly rowsPerSecond: number;
  /** Rows between two silences; `Infinity` if there are none. */
  readonly silenceEvery: number;
  readonly silenceNs: number;
}

/**
 * Minimum time between deliveries: rows that are due sooner wait for more, so that batches are worth
 * their cost.
 */
const BREATH_NS = 1_000_000;

/**
 * When rows are due on the clock. The first call fixes the schedule: a reader that falls behind catches
 * up.
 */
export class RowSchedule {
  readonly #clock: Clock;
  readonly #settings: RowScheduleSettings;
  readonly #sleep: WakeableSleep;
  #isEnded = false;
  /** When row 0 was due, on the clock. */
  #origin: number | undefined;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, settings: RowScheduleSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.#sleep = new WakeableSleep(clock);
  }

  /**
   * How many rows are due from `row` on; 0 while it is worth waiting.
   *
   * @param enough - This many rows need not wait for more.
   */
  rowsDue(row: number, enough: number): number {
    const now = Number(this.#clock.now());
    this.#origin ??= now - this.#dueAfter(row);
    const due = this.#countDue(row, now);
    if (due < enough && now < this.#last + BREATH_NS) return 0;
    if (due > 0) this.#last = now;
    return due;
  }

  /**
   * Waits until at least one row from `row` on is due, `atMostNs` have passed, or `end` was called.
   *
   * @returns How many rows are due; 0 if it returned for another reason.
   */
  async waitFor(row: number, atMostNs: number): Promise<number> {
    const dueAt = Math.max((this.#origin ?? 0) + this.#dueAfter(row), this.#last + BREATH_NS);
    const until = Math.min(dueAt, Number(this.#clock.now()) + atMostNs);
    await this.#sleep.until(BigInt(Math.ceil(until)) as Nanos);
    if (this.#isEnded || until < dueAt) return 0;
    this.#last = Number(this.#clock.now());
    return Math.max(1, this.#countDue(row, this.#last)); // the row is due; the instant was rounded
  }

  /** Ends the wait in progress, and all later ones. */
  end(): void {
    this.#isEnded = true;
    this.#sleep.end();
  }

  /** Ns until a row is due; 0 or less if it is. */
  untilDue(row: number): number {
    return (this.#origin ?? 0) + this.#dueAfter(row) - Number(this.#clock.now());
  }

  /** Ns from the origin until a row is due. */
  #dueAfter(row: number): number {
    const { rowsPerSecond, silenceEvery, silenceNs } = this.#settings;
    return (row / rowsPerSecond) * 1e9 + Math.floor(row / silenceEvery) * silenceNs;
  }

  #countDue(row: number, now: number): number {
    const { rowsPerSecond, silenceEvery, silenceNs } = this.#settings;
    const silences = Math.floor(row / silenceEvery);
    const talkingNs = now - (this.#origin ?? now) - silences * silenceNs;
    const dueEnd = Math.floor((talkingNs * rowsPerSecond) / 1e9) + 1;
    return Math.max(0, Math.min(dueEnd, (silences + 1) * silenceEvery) - row);
  }
}
