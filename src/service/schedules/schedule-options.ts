import { z } from 'zod';
import { calendarNameProblem } from '../../calendars/named-calendar.js';
import { isZone } from '../../core/time-zone.js';
import { calendarOption } from '../../settings/calendar-option.js';

const pattern = 'expected a cron pattern of five fields, such as "0 9 * * mon-fri"';
const every = 'expected 1000 to 31536000000 milliseconds';
const instant = 'expected milliseconds since 1970, up to the year 2200';
const offset = 'expected -86400000 to 86400000 milliseconds';

export const CronSchedule = z.strictObject({
  use: z.literal('cron').describe('Times of a clock'),
  pattern: z
    .string(pattern)
    .max(256, pattern)
    .describe('Minute, hour, day of the month, month and weekday, as cron has them'),
  zone: z
    .string('expected a time zone')
    .max(64, 'expected a time zone')
    .refine(isZone, 'expected a time zone such as "Europe/London", "UTC" or "-05:00"')
    .default('UTC')
    .describe('Whose clock the pattern means'),
});

export const IntervalSchedule = z.strictObject({
  use: z.literal('interval').describe('Equal times apart'),
  everyMs: z
    .int(every)
    .min(1_000, every)
    .max(31_536_000_000, every)
    .describe('Milliseconds from one instant to the next'),
  fromMs: z
    .int(instant)
    .min(0, instant)
    .max(7_258_118_400_000, instant)
    .default(0)
    .describe('The first instant, in milliseconds since 1970 UTC'),
});

export const SessionSchedule = z.strictObject({
  use: z.literal('session').describe('By the sessions of a market'),
  calendar: z
    .union([calendarOption(), z.looseObject({}) as z.ZodType<object, object>], {
      error: ({ input }) => calendarNameProblem(input),
    })
    .describe('Calendar of the market: its name, the path of its file, or data as `readCalendar` takes it'),
  at: z.enum(['open', 'close'], 'expected "open" or "close"').describe('Which end of each session is meant'),
  offsetMs: z
    .int(offset)
    .min(-86_400_000, offset)
    .max(86_400_000, offset)
    .default(0)
    .describe('Milliseconds after it; before it, less than 0'),
});

export const Schedule = z.discriminatedUnion('use', [CronSchedule, IntervalSchedule, SessionSchedule]);
/** When a job is to run. Plain data. */
export type Schedule = z.input<typeof Schedule>;
export type CheckedSchedule = z.output<typeof Schedule>;
