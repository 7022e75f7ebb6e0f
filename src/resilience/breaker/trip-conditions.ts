import type { Nanos } from '../../core/units.js';
import {
  BREAKER_REASONS,
  type BreakerReason,
  epochOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import { glance } from '../../shared-memory/glance.js';
import type { BreakerCells } from './breaker-cells.js';
import { CountWindow } from './count-window.js';
import { FailureRun } from './failure-run.js';
import type { WindowGauge } from './rate-limits.js';
import type { CallSettings } from './shared-settings.js';
import { TimeWindow, type WindowGuard, type WindowPart } from './time-window.js';

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
  readonly #words: Int32Array;

  /** @param guard - Left out by who only reads. */
  constructor(cells: BreakerCells, settings: CallSettings, guard?: WindowGuard) {
    const { failuresInRow, countWindow, timeWindow } = settings;
    this.#anyRun = new FailureRun(cells.words, failuresInRow ?? Number.POSITIVE_INFINITY);
    this.#run = failuresInRow === undefined ? undefined : this.#anyRun;
    this.#count = countWindow && new CountWindow(cells, countWindow);
    this.#time = timeWindow && new TimeWindow(cells, timeWindow, guard);
    this.#words = cells.words;
    this.needsEnd = timeWindow !== undefined;
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
   * Counts a success that cannot open the breaker, by glances and at most one atomic operation.
   *
   * @param word - The control word with which the call was let through: closed.
   * @returns `false` if it is not counted, since it may be late or has to be judged.
   */
  succeedQuietly(word: number): boolean {
    const epoch = epochOf(word);
    const time = this.#time;
    const count = this.#count;
    // The run is at nought in this epoch only while the breaker is closed in it.
    if (this.#run !== undefined && !this.#run.isQuiet(epoch)) return false;
    if (count === undefined && time === undefined) return this.#run !== undefined;
    if (glance(this.#words, WORD_CELL) !== word) return false;
    if (time !== undefined && !time.isQuiet(epoch)) return false;
    if (count !== undefined && !count.succeedQuietly(epoch)) return false;
    time?.succeedQuietly();
    return true;
  }

  /** Ends what a thread does between its calls. Outcomes may still be recorded. */
  close(): void {
    this.#time?.close();
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
    this.#count?.begin(epoch, countWindow ?? '');
    this.#time?.begin(epoch, timeWindow ?? [], now);
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
