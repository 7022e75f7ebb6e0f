import type { CalendarData, DayEffect } from './calendar-data.js';
import type { CalendarProblem } from './calendar-problem.js';
import { dateText, parseDay } from './civil-date.js';
import { EffectCheck, strayExceptions } from './effect-problems.js';
import { JOIN_DAYS_MAX, TradingDays } from './trading-days.js';
import { ZoneClock } from './zone-clock.js';

/** The whole range is gone through, day by day. */
const YEARS_MAX = 150;
/** After as many overlaps, one has seen what is wrong. */
const OVERLAPS_MAX = 5;

/**
 * Finds what is wrong with a calendar whose single values are right: its range, the order of its hours, overlaps,
 * trade dates that are not whole, and days that holidays and exceptions do not change as they say.
 */
export async function calendarProblems(data: CalendarData): Promise<CalendarProblem[]> {
  const problems = [...rangeProblems(data), ...hoursProblems(data), ...strayExceptions(data)];
  return problems.length > 0 ? problems : await dayProblems(data);
}

function rangeProblems({ from, to }: CalendarData): CalendarProblem[] {
  if (to < from) return [{ path: ['to'], message: `expected a date from ${from} on, found ${to}` }];
  if (parseDay(to)! - parseDay(from)! <= YEARS_MAX * 366) return [];
  return [
    { path: ['to'], message: `expected a range of at most ${YEARS_MAX} years, found ${from} to ${to}` },
  ];
}

function hoursProblems({ from, hours }: CalendarData): CalendarProblem[] {
  const [first] = hours;
  if (!first) return [{ path: ['hours'], message: 'expected the hours of a week, found an empty list' }];
  const problems: CalendarProblem[] = [];
  if (first.from > from) {
    const message = `expected hours from the first date of the calendar on, ${from}, found the first from ${first.from} on`;
    problems.push({ path: ['hours'], message });
  }
  for (let i = 1; i < hours.length; i++) {
    if (hours[i]!.from > hours[i - 1]!.from) continue;
    const message = `expected changes in order, this one after ${hours[i - 1]!.from}, found ${hours[i]!.from}`;
    problems.push({ path: ['hours'], message });
  }
  return problems;
}

/** Hours that do not overlap on the clock do not overlap in UTC, so the clock of any zone will do. */
async function dayProblems(data: CalendarData): Promise<CalendarProblem[]> {
  const days = new TradingDays(data, await ZoneClock.of('UTC'), 'extended');
  const first = parseDay(data.from)!;
  const last = parseDay(data.to)!;
  const problems: CalendarProblem[] = joinedBefore(first, data, days);
  const effects = new EffectCheck(data, days);
  let before = { to: Number.NEGATIVE_INFINITY, day: 0 };
  /** The first of the days whose trades belong to the next trade date. */
  let joined: number | undefined;
  for (let day = first; day <= last; day++) {
    const plan = days.plan(day);
    const { parts, joinsNext, special } = plan;
    effects.add(plan);
    if (parts.length > 0 && joinsNext) joined ??= day;
    if (parts.length > 0 && !joinsNext) {
      if (joined !== undefined && day - joined > JOIN_DAYS_MAX)
        problems.push(farJoin(joined, day, data, days));
      joined = undefined;
    }
    for (const { from, to } of parts) {
      if (from < before.to) {
        const with_ = before.day === day ? 'one another' : `those of ${dateText(before.day)}`;
        const of = special ? ` ("${special.name}")` : '';
        problems.push({
          path: ['hours'],
          message: `the hours of ${dateText(day)}${of} overlap with ${with_}`,
        });
        if (problems.length === OVERLAPS_MAX) return problems;
      }
      before = { to, day };
    }
  }
  if (joined !== undefined) {
    const message = `expected a range whose last trades belong to a date in it, found ${data.to}, before the date that they belong to`;
    problems.push({ path: ['to'], message });
  }
  return [...problems, ...effects.problems()];
}

/** Of the first trade date, all trades lie in the range. */
function joinedBefore(first: number, data: CalendarData, days: TradingDays): CalendarProblem[] {
  for (let day = first - 1; day >= first - JOIN_DAYS_MAX; day--) {
    const { parts, joinsNext } = days.plan(day);
    if (parts.length === 0) continue;
    if (!joinsNext) return [];
    const message = `expected a range that begins with a whole trade date, found ${data.from}, to which trades of ${dateText(day)} belong`;
    return [{ path: ['from'], message }];
  }
  return [];
}

function farJoin(day: number, tradeDay: number, data: CalendarData, days: TradingDays): CalendarProblem {
  const { holidays = [], exceptions = [] } = data;
  const { effect, isHoliday } = days.plan(day).special!;
  const list: readonly DayEffect[] = isHoliday ? holidays : exceptions;
  const path = [isHoliday ? 'holidays' : 'exceptions', list.indexOf(effect), 'tradeDate'];
  const expected = `expected a trade date at most ${JOIN_DAYS_MAX} days after ${dateText(day)}, to which its trades belong`;
  return { path, message: `${expected}, found ${dateText(tradeDay)}` };
}
