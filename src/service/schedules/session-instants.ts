import { DAY_MS } from '../../calendars/civil-date.js';
import type { TradingCalendar } from '../../calendars/trading-calendar.js';
import { NANOS_PER_MILLI } from '../../core/units.js';
import type { ScheduleInstants } from './schedule-instants.js';

/** A session may begin this many days before its trade date, and end as many after it. */
const DAYS_AROUND = 4;

/**
 * The open or the close of each session of a calendar, moved by an offset. A session whose open or close is not known
 * has none, and none is known beyond the calendar's range.
 */
export function sessionInstants(
  calendar: TradingCalendar,
  { at, offsetMs }: { readonly at: 'open' | 'close'; readonly offsetMs: number },
): ScheduleInstants {
  return {
    next(afterMs) {
      const date = dateOf(afterMs - offsetMs - DAYS_AROUND * DAY_MS);
      if (date > calendar.to) return undefined;
      for (const session of calendar.sessions(later(date, calendar.from), calendar.to)) {
        const instant = session[at];
        if (instant === undefined) continue;
        const ms = Number(instant / NANOS_PER_MILLI) + offsetMs;
        if (ms > afterMs) return ms;
      }
      return undefined;
    },
  };
}

function later(a: string, b: string): string {
  if (a > b) return a;
  return b;
}

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
