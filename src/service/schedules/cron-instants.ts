import { Cron } from 'croner';
import { DAY_MS } from '../../calendars/civil-date.js';
import type { ZoneClock } from '../../calendars/zone-clock.js';
import type { ScheduleInstants } from './schedule-instants.js';

/**
 * Instants of a cron pattern on the wall clock of a zone.
 *
 * With hours in the pattern, they are times of the clock: one that the clock skips is the end of the gap, and one that
 * it shows twice is the first of the two. With `*` as the hour, they follow the time that passes: an hour that the
 * clock shows twice has them twice, and one that it skips has none.
 *
 * The pattern is asked for times on a clock without changes; what these are on that of the zone is decided here.
 */
export function cronInstants(pattern: string, clock: ZoneClock): ScheduleInstants {
  const cron = parse(pattern);
  const nextLocal = (localMs: number) => cron.nextRun(new Date(localMs))?.getTime();
  if (pattern.trim().split(/\s+/)[1] === '*')
    return { next: (afterMs) => nextPassed(afterMs, clock, nextLocal) };
  return {
    next(afterMs) {
      // A time that the clock has shown is not after this one, but one of the second pass may have been in the first.
      for (let local = nextLocal(clock.toLocal(afterMs)); local !== undefined; local = nextLocal(local)) {
        const instant = clock.toUtc(local);
        if (instant > afterMs) return instant;
      }
      return undefined;
    },
  };
}

/** What is wrong with a pattern; `undefined` if nothing is. */
export function cronProblem(pattern: string): string | undefined {
  const five = 'expected a cron pattern of five fields, such as "0 9 * * mon-fri"';
  const { length } = fieldsOf(pattern);
  if (length !== 5) return `${five}, found ${length}`;
  try {
    return parse(pattern).nextRun(new Date(0))
      ? undefined
      : 'expected a pattern that some date fits, found none';
  } catch (error) {
    return `${five}: ${(error as Error).message}`;
  }
}

const fieldsOf = (pattern: string): string[] => pattern.trim().split(/\s+/);

const parse = (pattern: string): Cron => new Cron(pattern, { timezone: 'UTC', paused: true, mode: '5-part' });

type NextLocal = (localMs: number) => number | undefined;

function nextPassed(afterMs: number, clock: ZoneClock, nextLocal: NextLocal): number | undefined {
  for (let from = afterMs; ; ) {
    const local = nextLocal(clock.toLocal(from));
    if (local === undefined) return undefined;
    const passed = from + local - clock.toLocal(from);
    const change = changeAfter(from, clock);
    if (change === undefined && passed <= from + DAY_MS) return passed;
    if (change !== undefined && passed < change) return passed;
    const instant = change ?? clock.toUtc(local);
    if (nextLocal(clock.toLocal(instant) - 1) === clock.toLocal(instant)) return instant;
    from = instant;
  }
}

/** When the offset changes within a day, if it does: no zone changes twice in that time. */
function changeAfter(ms: number, clock: ZoneClock): number | undefined {
  const offsetAt = (at: number) => clock.toLocal(at) - at;
  let [before, behind] = [ms, ms + DAY_MS];
  if (offsetAt(before) === offsetAt(behind)) return undefined;
  while (behind - before > 1) {
    const middle = before + Math.floor((behind - before) / 2);
    if (offsetAt(middle) === offsetAt(ms)) before = middle;
    else behind = middle;
  }
  return behind;
}
