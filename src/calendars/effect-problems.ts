import type { CalendarData, DateException, DayEffect } from './calendar-data.js';
import type { CalendarProblem } from './calendar-problem.js';
import { dateText } from './civil-date.js';
import type { DayPlan, TradingDays, WallSpan } from './trading-days.js';
import { parseWallTime, wallTimeText } from './wall-time.js';

const SETS_ALL = '"hours" sets all hours of a day';
const IS_CLOSED = 'without "open" and "close", the market is closed all day';

/** Finds exceptions that lie beyond the range of a calendar, where nothing asks for them. */
export function strayExceptions({ from, to, exceptions = [] }: CalendarData): CalendarProblem[] {
  return exceptions.flatMap(({ date, until = date }, i) => {
    if (until >= from && date <= to) return [];
    const message = `expected a date in the range of the calendar, ${from} to ${to}, found ${date}`;
    return [{ path: ['exceptions', i, 'date'], message }];
  });
}

/**
 * Compares what holidays and exceptions say with the usual hours of the days that they fall on: an earlier close
 * is before the usual one. It says of each one the first thing that is wrong.
 */
export class EffectCheck {
  readonly #data: CalendarData;
  readonly #days: TradingDays;
  readonly #problems = new Map<DayEffect, CalendarProblem>();
  /** Holidays and exceptions that change the hours of some day. */
  readonly #used = new Set<DayEffect>();

  constructor(data: CalendarData, days: TradingDays) {
    this.#data = data;
    this.#days = days;
  }

  /** Looks at one day of the range. */
  add({ day, parts, special }: DayPlan): void {
    if (!special || special.effect.hours || this.#problems.has(special.effect)) return;
    const { effect, name, isHoliday } = special;
    const usual = this.#days.usualSpan(day);
    if (!usual) return;
    this.#used.add(effect);
    if (effect.open === undefined && effect.close === undefined) return;
    const on = `on ${dateText(day)} ("${name}")`;
    const problem = timeProblem(effect, usual, isHoliday, on);
    if (problem) {
      this.#say(effect, [problem.key], problem.message);
    } else if (!parts.some(({ kind }) => kind === 'regular' || kind === 'unknown')) {
      const message = `expected hours between "open" and "close" ${on}, found none: the market would be closed all day`;
      this.#say(effect, [], message);
    }
  }

  /** What is wrong, after all days of the range. */
  problems(): CalendarProblem[] {
    for (const exception of this.#data.exceptions ?? []) {
      const key = changedKey(exception);
      if (key === undefined || this.#used.has(exception)) continue;
      this.#say(exception, [key], `expected a day with hours that it changes, found none; ${SETS_ALL}`);
    }
    return [...this.#problems.values()];
  }

  #say(effect: DayEffect, keys: CalendarProblem['path'], message: string): void {
    const { holidays = [], exceptions = [] } = this.#data;
    const holiday = (holidays as readonly DayEffect[]).indexOf(effect);
    const of =
      holiday >= 0
        ? ['holidays', holiday]
        : ['exceptions', (exceptions as readonly DayEffect[]).indexOf(effect)];
    this.#problems.set(effect, { path: [...of, ...keys], message });
  }
}

/** The key by which an exception changes usual hours, other than by taking all of them. */
const changedKey = ({ hours, ...effect }: DateException) =>
  hours ? undefined : (['close', 'open', 'tradeDate'] as const).find((key) => effect[key] !== undefined);

function timeProblem(effect: DayEffect, usual: WallSpan, isHoliday: boolean, on: string) {
  for (const key of ['open', 'close'] as const) {
    const text = effect[key];
    if (text === undefined) continue;
    const time = parseWallTime(text)!;
    const found = wallTimeText(time);
    const after = `expected a time after the usual open, ${wallTimeText(usual.from)} ${on}, found ${found}`;
    const before = `expected a time before the usual close, ${wallTimeText(usual.to)} ${on}, found ${found}`;
    // A yearly holiday may fall on a day that is that short each week.
    const isUsual = isHoliday && time === (key === 'open' ? usual.from : usual.to);
    if (time <= usual.from && !isUsual) {
      return { key, message: `${after}; ${key === 'open' ? SETS_ALL : IS_CLOSED}` };
    }
    if (time >= usual.to && !isUsual) {
      return { key, message: `${before}; ${key === 'close' ? SETS_ALL : IS_CLOSED}` };
    }
  }
  return undefined;
}
