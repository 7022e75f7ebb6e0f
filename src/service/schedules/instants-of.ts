import { tradingCalendar } from '../../calendars/built-in-calendars.js';
import { ZoneClock } from '../../calendars/zone-clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { intervalInstants } from './interval-instants.js';
import type { ScheduleInstants } from './schedule-instants.js';
import type { CheckedSchedule } from './schedule-options.js';
import { sessionInstants } from './session-instants.js';

/**
 * The instants of a schedule. What a schedule needs is loaded for it.
 *
 * @throws {InvalidOptionsError} for a cron pattern that is none, or that no date fits, and for an unknown calendar.
 */
export async function instantsOf(schedule: CheckedSchedule): Promise<ScheduleInstants> {
  if (schedule.use === 'interval') return intervalInstants(schedule);
  if (schedule.use === 'session') return sessionInstants(await tradingCalendar(schedule.calendar), schedule);
  const { pattern, zone } = schedule;
  const { cronInstants, cronProblem } = await import('./cron-instants.js');
  const problem = cronProblem(pattern);
  if (problem !== undefined) throw new InvalidOptionsError('schedule', [`pattern: ${problem}`]);
  return cronInstants(pattern, await ZoneClock.of(zone));
}
