import type { Nanos } from '../../core/units.js';
import { BREAKER_REASONS, type BreakerReason } from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import type { BreakerSettings } from './breaker-options.js';
import { CountWindow } from './count-window.js';
import { FailureRun } from './failure-run.js';
import { TimeWindow } from './time-window.js';

const code = (reason: BreakerReason): number => BREAKER_REASONS.indexOf(reason);
const NONE = code('none');
const IN_ROW = code('failuresInRow');
const OF_COUNT = {
  none: NONE,
  failureRate: code('failureRateOfCount'),
  slowCallRate: code('slowCallRateOfCount'),
};
const OF_TIME = {
  none: NONE,
  failureRate: code('failureRateOfTime'),
  slowCallRate: code('slowCallRateOfTime'),
};

/** What opens a closed breaker. */
export class TripConditions {
  readonly needsEnd: boolean;
  readonly #run: FailureRun | undefined;
  readonly #count: CountWindow | undefined;
  readonly #time: TimeWindow | undefined;
  /** The run, where it is the only condition. */
  readonly #quietRun: FailureRun | undefined;

  constructor({ words, longs }: BreakerCells, settings: BreakerSettings) {
    const { failuresInRow, countWindow, timeWindow } = settings;
    this.#run = failuresInRow === undefined ? undefined : new FailureRun(words, failuresInRow);
    this.#count = countWindow && new CountWindow(words, countWindow);
    this.#time = timeWindow && new TimeWindow(longs, timeWindow);
    this.needsEnd = timeWindow !== undefined;
    this.#quietRun = countWindow || timeWindow ? undefined : this.#run;
  }

  /**
   * Counts a call that was let through in this epoch.
   *
   * @param now - Read only by a time window.
   * @returns Code of the reason for which the breaker is to be opened; 0: none.
   */
  record(epoch: number, failed: boolean, slow: boolean, now: Nanos): number {
    let reason = NONE;
    if (this.#run?.record(epoch, failed)) reason = IN_ROW;
    // All of them count it, whichever is the first to open.
    if (this.#count) {
      const verdict = this.#count.record(epoch, failed, slow);
      reason ||= OF_COUNT[verdict];
    }
    if (this.#time) {
      const verdict = this.#time.record(epoch, failed, slow, now);
      reason ||= OF_TIME[verdict];
    }
    return reason;
  }

  /**
   * Whether the breaker is still closed in this epoch and a success needs no more than to be counted:
   * one look in place of two, where failures in a row are the only condition. `false` says nothing.
   */
  isQuiet(epoch: number): boolean {
    return this.#quietRun?.isQuiet(epoch) ?? false;
  }

  /** Before this epoch begins. */
  begin(epoch: number): void {
    this.#run?.forget(epoch);
  }

  /** Before the breaker closes: whatever was before is forgotten. */
  forget(): void {
    this.#count?.forget();
    this.#time?.forget();
  }
}
