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

/** The conditions that open a closed breaker. */
export class TripConditions {
  readonly needsEnd: boolean;
  readonly #run: FailureRun | undefined;
  readonly #count: CountWindow | undefined;
  readonly #time: TimeWindow | undefined;
  /** The run, if it is the only condition. */
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
   * @returns Code of the reason to open the breaker; 0 if there is none.
   */
  record(epoch: number, failed: boolean, slow: boolean, now: Nanos): number {
    let reason = NONE;
    if (this.#run?.record(epoch, failed)) reason = IN_ROW;
    // Every condition counts the call, even if an earlier one already opens the breaker.
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
   * Whether the breaker is still closed in this epoch and a success only needs to be counted: one atomic
   * load instead of two, if failures in a row are the only condition. `false` says nothing.
   */
  isQuiet(epoch: number): boolean {
    return this.#quietRun?.isQuiet(epoch) ?? false;
  }

  /** Prepares the conditions for an epoch. Called before it begins. */
  begin(epoch: number): void {
    this.#run?.forget(epoch);
  }

  /** Forgets all outcomes. Called before the breaker closes. */
  forget(): void {
    this.#count?.forget();
    this.#time?.forget();
  }
}
