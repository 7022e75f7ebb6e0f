import type { Nanos } from '../../core/units.js';
import { BREAKER_REASONS, type BreakerReason } from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import { CountWindow } from './count-window.js';
import { FailureRun } from './failure-run.js';
import type { WindowGauge } from './rate-limits.js';
import type { CallSettings } from './shared-settings.js';
import { TimeWindow, type WindowPart } from './time-window.js';

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

/** Outcomes that the conditions go by, as plain data. Ages are durations: a clock ends with its process. */
export interface CountedOutcomes {
  readonly failuresInRow?: number | undefined;
  /** Of the count window, oldest first: `s` succeeded, `f` failed, `S` was slow, `F` was slow and failed. */
  readonly countWindow?: string | undefined;
  readonly timeWindow?: readonly WindowPart[] | undefined;
}

/** What each condition of a closed breaker has counted. */
export interface BreakerGauges {
  readonly failuresInRow?: number;
  readonly countWindow?: WindowGauge;
  readonly timeWindow?: WindowGauge;
}

/** The conditions that open a closed breaker. */
export class TripConditions {
  readonly needsEnd: boolean;
  readonly #anyRun: FailureRun;
  /** The run, if it is a condition. */
  readonly #run: FailureRun | undefined;
  readonly #count: CountWindow | undefined;
  readonly #time: TimeWindow | undefined;
  /** The run, if it is the only condition. */
  readonly #quietRun: FailureRun | undefined;

  constructor(cells: BreakerCells, settings: CallSettings) {
    const { failuresInRow, countWindow, timeWindow } = settings;
    this.#anyRun = new FailureRun(cells.words, failuresInRow ?? Number.POSITIVE_INFINITY);
    this.#run = failuresInRow === undefined ? undefined : this.#anyRun;
    this.#count = countWindow && new CountWindow(cells, countWindow);
    this.#time = timeWindow && new TimeWindow(cells.longs, timeWindow);
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

  /**
   * Prepares an epoch that continues with these outcomes, none by default. Called before it begins, and
   * decides nothing: the next outcome does.
   */
  begin(
    epoch: number,
    now: Nanos,
    { failuresInRow = 0, countWindow, timeWindow }: CountedOutcomes = {},
  ): void {
    // Also where the run is no condition: calls of an earlier epoch must see that theirs is over.
    this.#anyRun.begin(epoch, failuresInRow);
    this.#count?.forget();
    this.#time?.forget();
    if (countWindow) this.#count?.restore(epoch, countWindow);
    if (timeWindow) this.#time?.restore(epoch, timeWindow, now);
  }

  /** What is counted in an epoch, to continue with it later. */
  outcomes(epoch: number, now: Nanos): CountedOutcomes {
    return {
      failuresInRow: this.#run?.count(epoch),
      countWindow: this.#count?.outcomes(epoch),
      timeWindow: this.#time?.outcomes(epoch, now),
    };
  }

  gauges(epoch: number, now: Nanos): BreakerGauges {
    return {
      ...(this.#run && { failuresInRow: this.#run.count(epoch) }),
      ...(this.#count && { countWindow: this.#count.gauge(epoch) }),
      ...(this.#time && { timeWindow: this.#time.gauge(epoch, now) }),
    };
  }
}
