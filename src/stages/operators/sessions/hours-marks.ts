import type { TradingCalendar } from '../../../calendars/trading-calendar.js';
import { readNanos } from '../../../columns/int64.js';
import type { Nanos } from '../../../core/units.js';

export interface HoursMarksSettings {
  /** The rows that get a mark. */
  readonly keep: 'open' | 'closed';
  /** What rows get at times that the calendar does not know. */
  readonly unknown: 'stop' | 'keep' | 'drop';
  /** Called for the first such row, if that stops. */
  refuse(at: Nanos): never;
}

/**
 * Marks rows by the hours that they are in. The stretch of time of the last row is kept, with its ends in words: a
 * row in it costs two comparisons, and the calendar is asked once a stretch where rows are in order.
 */
export class HoursMarks {
  readonly #calendar: TradingCalendar;
  readonly #settings: HoursMarksSettings;
  #fromHigh = 0;
  #fromLow = 0;
  #toHigh = 0;
  #toLow = 0;
  /** Mark of rows in it. */
  #mark: 0 | 1 = 0;
  /** Rows at times that the calendar does not know. */
  rowsUnknown = 0;

  constructor(calendar: TradingCalendar, settings: HoursMarksSettings) {
    this.#calendar = calendar;
    this.#settings = settings;
  }

  /**
   * @param times - Instants in words, low before high.
   * @param marks - Gets 1 for each row to keep, 0 for others.
   * @returns Whether all rows are kept.
   */
  mark(times: Int32Array, length: number, marks: Uint8Array): boolean {
    let all = 1;
    for (let row = 0; row < length; row++) {
      const high = times[2 * row + 1]!;
      const low = times[2 * row]! >>> 0;
      const isBefore = high < this.#fromHigh || (high === this.#fromHigh && low < this.#fromLow);
      const isWithin = !isBefore && (high < this.#toHigh || (high === this.#toHigh && low < this.#toLow));
      if (!isWithin) this.#ask(readNanos(times, row));
      marks[row] = this.#mark;
      all &= this.#mark;
    }
    return all === 1;
  }

  #ask(at: Nanos): void {
    const { keep, unknown, refuse } = this.#settings;
    const state = this.#calendar.at(at);
    switch (state.state) {
      case 'open':
        this.#hold(state.since, state.until, keep === 'open');
        return;
      case 'closed':
        // What comes before the row may be another stretch; what comes until the next opening is this one.
        this.#hold(at, state.nextOpen ?? at + 1n, keep === 'closed');
        return;
      case 'unknown':
        if (unknown === 'stop') refuse(at);
        this.rowsUnknown++;
        this.#hold(at, at, unknown === 'keep'); // none: the next row is asked for, and counted, too
    }
  }

  #hold(from: bigint, to: bigint, isKept: boolean): void {
    this.#fromHigh = Number(from >> 32n);
    this.#fromLow = Number(from & 0xffff_ffffn);
    this.#toHigh = Number(to >> 32n);
    this.#toLow = Number(to & 0xffff_ffffn);
    this.#mark = isKept ? 1 : 0;
  }
}
