import type { CalendarData } from './calendar-data.js';
import { dateText, parseDay } from './civil-date.js';
import { TradingDays } from './trading-days.js';
import { ZoneClock } from './zone-clock.js';

/** What is wrong with a calendar, and under which of its keys. */
export interface CalendarProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The whole range is gone through, day by day. */
const YEARS_MAX = 150;
/** After as many overlaps, one has seen what is wrong. */
const OVERLAPS_MAX = 5;

/** Finds what is wrong with a calendar whose single values are right: its range, the order of its hours, overlaps. */
export async function calendarProblems(data: CalendarData): Promise<CalendarProblem[]> {
  const problems = [...rangeProblems(data), ...hoursProblems(data)];
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
  const problems: CalendarProblem[] = [];
  let before = { to: Number.NEGATIVE_INFINITY, day: 0 };
  let isJoined = false;
  const last = parseDay(data.to)!;
  for (let day = parseDay(data.from)!; day <= last; day++) {
    const { parts, joinsNext, special } = days.plan(day);
    if (parts.length > 0) isJoined = joinsNext;
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
  if (isJoined) {
    const message = `expected a range whose last trades belong to a date in it, found ${data.to}, before the date that they belong to`;
    problems.push({ path: ['to'], message });
  }
  return problems;
}
