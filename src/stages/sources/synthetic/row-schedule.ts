import { type Clock, sleepUntil } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';

export interface RowScheduleSettings {
  readonly rowsPerSecond: number;
  /** Rows between two silences; `Infinity`: none. */
  readonly silenceEvery: number;
  readonly silenceNs: number;
}

/** Rows that come sooner than this after the last ones wait for more, so that batches are worth their cost. */
const BREATH_NS = 1_000_000;

/**
 * When rows are due on the clock. The schedule is fixed by the first look: a reader that falls
 * behind catches up.
 */
export class RowSchedule {
  readonly #clock: Clock;
  readonly #settings: RowScheduleSettings;
  /** On the clock, when row 0 was due. */
  #origin: number | undefined;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, settings: RowScheduleSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /**
   * How many rows are due from `row` on; 0 as long as there is reason to wait.
   *
   * @param enough - As many need not wait for more.
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
   * Settles when at least one row from `row` on is due, after `atMostNs`, or once `signal` aborts.
   * @returns How many are due: 0 when it did not wait for that.
   */
  async waitFor(row: number, signal: AbortSignal, atMostNs: number): Promise<number> {
    const dueAt = Math.max((this.#origin ?? 0) + this.#dueAfter(row), this.#last + BREATH_NS);
    const until = Math.min(dueAt, Number(this.#clock.now()) + atMostNs);
    await sleepUntil(this.#clock, BigInt(Math.ceil(until)) as Nanos, signal);
    if (signal.aborted || until < dueAt) return 0;
    this.#last = Number(this.#clock.now());
    return Math.max(1, this.#countDue(row, this.#last)); // the instant was rounded, the row is due
  }

  /** How long it is until a row is due, in ns; 0 or less: it is. */
  untilDue(row: number): number {
    return (this.#origin ?? 0) + this.#dueAfter(row) - Number(this.#clock.now());
  }

  /** ns from the origin to when a row is due. */
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
