import { DAY_MS, dateText, parseDay } from '../../../calendars/civil-date.js';
import type { TradingCalendar } from '../../../calendars/trading-calendar.js';
import { readInt64 } from '../../../columns/int64.js';
import { invariant } from '../../../core/invariant.js';
import { NANOS_PER_MILLI, nanos } from '../../../core/units.js';
import { type DayWindows, windowsOfDay } from './day-windows.js';
import type { RowPlace, Windows } from './windows.js';

/** Numbers for the windows of a trade date: as many as a fortnight has seconds, and more. */
const NUMBERS = 2 ** 21;
/** The shortest windows for which the numbers suffice. */
export const SESSION_WINDOW_NS_MIN = 1_000_000_000;
/** Days after its trade date on which a session may still be open. */
const DAYS_AFTER_MAX = 10;
/** Above all instants. */
const INT64_END = 2n ** 63n;
const DAYS_KEPT_MAX = 256;
const DAY_NS = BigInt(DAY_MS) * NANOS_PER_MILLI;

/**
 * Windows in the sessions of a calendar: one a session, or some of one length that begin with the hours and are cut
 * where these end. The index is made of the trade date and the number of the window in it, so a checkpoint stays
 * right if dates are added to the calendar.
 */
export class SessionWindows implements Windows {
  readonly #everyNs: bigint | undefined;
  readonly #holdNs: bigint;
  #opened: TradingCalendar | undefined;
  #firstDay = 0;
  #lastDay = 0;
  /** By day of the trade date; `null`: no session, or none that is known. */
  readonly #days = new Map<number, DayWindows | null>();
  /** The last window that was looked for, and the times for which it is the answer. */
  #found = { from: 0n, to: 0n, index: 0 };

  /**
   * @param every - Length of a window in ns, or the whole session.
   * @param holdNs - How far the watermark must be past the end of a window to close it.
   */
  constructor(every: number | 'session', holdNs: number) {
    this.#everyNs = every === 'session' ? undefined : BigInt(every);
    this.#holdNs = BigInt(holdNs);
  }

  /** Called once, before the first row. */
  open(calendar: TradingCalendar): void {
    this.#opened = calendar;
    this.#firstDay = parseDay(calendar.from)!;
    this.#lastDay = parseDay(calendar.to)!;
  }

  at(timeNs: bigint): number {
    const { from, to, index } = this.#found;
    if (timeNs >= from && timeNs < to) return index;
    const found = this.#firstEndingAfter(timeNs);
    const until = found < this.#end ? this.endOf(found) : INT64_END;
    this.#found = { from: timeNs, to: until, index: found };
    return found;
  }

  lastAt(timeNs: bigint): number {
    const index = this.at(timeNs);
    return index < this.#end && this.startOf(index) <= timeNs ? index : this.#before(index);
  }

  /** Whether the calendar has no session that ends after an instant. */
  isOver(timeNs: bigint): boolean {
    return this.at(timeNs) >= this.#end;
  }

  ofRow(times: Int32Array, row: number): RowPlace {
    const time = nanos(readInt64(times, row));
    const closes = this.at(time - this.#holdNs);
    const index = this.at(time);
    const state = this.#calendar.at(time);
    switch (state.state) {
      case 'closed': {
        const to = Number((state.nextOpen ?? time + 1n) - time);
        return { kind: 'outside', index, closes, isStart: false, from: 0, to };
      }
      case 'open': {
        const window = index < this.#end ? this.#windowAt(index) : undefined;
        // Trades of a day whose trade date lies beyond the range have no window.
        if (!window || time < window.from) break;
        const length = Number(window.to - window.from);
        const from = Math.max(0, Number(state.since - window.from));
        const to = Math.min(length, Number(state.until - window.from));
        return { kind: 'in', index, closes, isStart: time === window.from, from, to };
      }
    }
    return { kind: 'unknown', index, closes, isStart: false, from: 0, to: 1 };
  }

  from(index: number): number {
    if (index >= this.#end || !Number.isFinite(index)) return index;
    let day = Math.floor(index / NUMBERS);
    if (this.#day(day)?.has(index - day * NUMBERS)) return index;
    for (day = Math.max(day + 1, this.#firstDay); day <= this.#lastDay; day++) {
      if (this.#day(day)) return day * NUMBERS;
    }
    return this.#end;
  }

  count(from: number, to: number): number {
    let count = 0;
    const last = Math.min(to, this.#end);
    for (let index = this.from(from); index < last; ) {
      const day = Math.floor(index / NUMBERS);
      const first = day * NUMBERS;
      const end = Math.min(last, first + this.#day(day)!.count);
      count += end - index;
      index = this.from(end);
    }
    return count;
  }

  startOf(index: number): bigint {
    const found = this.from(index);
    return found < this.#end ? this.#windowAt(found).from : this.#endOfAll;
  }

  endOf(index: number): bigint {
    const found = this.from(index);
    return found < this.#end ? this.#windowAt(found).to : this.#endOfAll;
  }

  isClosed(from: bigint, to: bigint): boolean {
    return this.#calendar.openBetween(nanos(from), nanos(to)) === 0n;
  }

  isUncertain(index: number): boolean {
    const day = Math.floor(index / NUMBERS);
    return this.#day(day)?.isUncertain(index - day * NUMBERS) ?? false;
  }

  closesAt(index: number, closedTo: number): number {
    return Number(this.endOf(closedTo) + this.#holdNs - this.startOf(index));
  }

  heldTo(index: number, reachedNs: bigint | undefined): bigint {
    if (reachedNs !== undefined && this.from(index) >= this.#end) return reachedNs; // no window can follow
    const start = this.startOf(index);
    const before = this.#before(index);
    const ended = before < 0 ? undefined : this.#windowAt(before).to;
    const reached = reachedNs ?? ended ?? start;
    if (ended !== undefined && reached < ended) return ended;
    const isWithin = reached > start; // the window is open
    return isWithin ? start : reached;
  }

  spanOf(index: number): readonly [string, string] {
    return [String(this.startOf(index)), String(this.endOf(index))];
  }

  get #calendar(): TradingCalendar {
    invariant(this.#opened !== undefined, 'bars by sessions have a calendar once they are open');
    return this.#opened;
  }

  /** Above all windows. */
  get #end(): number {
    return (this.#lastDay + 1) * NUMBERS;
  }

  get #endOfAll(): bigint {
    const last = this.#before(this.#end);
    return last < 0 ? 0n : this.#windowAt(last).to;
  }

  #firstEndingAfter(timeNs: bigint): number {
    const near = Number(timeNs / DAY_NS) - DAYS_AFTER_MAX;
    for (let day = Math.max(this.#firstDay, near); day <= this.#lastDay; day++) {
      const number = this.#day(day)?.firstEndingAfter(timeNs);
      if (number !== undefined) return day * NUMBERS + number;
    }
    return this.#end;
  }

  /** The window before an index; −1 if there is none. */
  #before(index: number): number {
    let day = Math.min(this.#lastDay, Math.floor(index / NUMBERS));
    const number = index - day * NUMBERS;
    const count = this.#day(day)?.count ?? 0;
    if (number > 0 && count > 0) return day * NUMBERS + Math.min(number, count) - 1;
    for (day--; day >= this.#firstDay; day--) {
      const windows = this.#day(day);
      if (windows) return day * NUMBERS + windows.count - 1;
    }
    return -1;
  }

  #windowAt(index: number) {
    const day = Math.floor(index / NUMBERS);
    return this.#day(day)!.window(index - day * NUMBERS);
  }

  #day(day: number): DayWindows | null {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    const isKnown = day >= this.#firstDay && day <= this.#lastDay;
    const session = isKnown ? this.#calendar.session(dateText(day)) : undefined;
    const windows = session && session.parts.length > 0 ? windowsOfDay(session, this.#everyNs) : null;
    if (this.#days.size >= DAYS_KEPT_MAX) this.#days.clear();
    this.#days.set(day, windows);
    return windows;
  }
}
