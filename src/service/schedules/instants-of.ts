import { tradingCalendar } from '../../calendars/built-in-calendars.js';
import { isCalendarFile } from '../../calendars/named-calendar.js';
import { TradingCalendar } from '../../calendars/trading-calendar.js';
import { ZoneClock } from '../../calendars/zone-clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { readCalendar } from '../../documents/read-calendar.js';
import { readCalendarFile } from '../../plan/read-calendars.js';
import { intervalInstants } from './interval-instants.js';
import type { ScheduleInstants } from './schedule-instants.js';
import type { CheckedSchedule } from './schedule-options.js';
import { sessionInstants } from './session-instants.js';

/**
 * The instants of a schedule. What a schedule needs is loaded for it.
 *
 * @throws {InvalidOptionsError} for a cron pattern that is none, or that no date fits, and for a calendar that cannot be used.
 */
export async function instantsOf(schedule: CheckedSchedule): Promise<ScheduleInstants> {
  if (schedule.use === 'interval') return intervalInstants(schedule);
  if (schedule.use === 'session') return sessionInstants(await calendarOf(schedule.calendar), schedule);
  const { pattern, zone } = schedule;
  const { cronInstants, cronProblem } = await import('./cron-instants.js');
  const problem = cronProblem(pattern);
  if (problem !== undefined) throw new InvalidOptionsError('schedule', [`pattern: ${problem}`]);
  return cronInstants(pattern, await ZoneClock.of(zone));
}

async function calendarOf(calendar: string | object): Promise<TradingCalendar> {
  if (typeof calendar === 'object') return readCalendar(calendar);
  if (!isCalendarFile(calendar)) return tradingCalendar(calendar);
  const { data, problems } = await readCalendarFile(calendar);
  if (data) return TradingCalendar.of(data);
  throw new InvalidOptionsError(
    'schedule',
    problems.map((problem) => `calendar: ${problem}`),
  );
}
