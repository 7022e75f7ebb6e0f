import { z } from 'zod';
import { calendarOption } from '../../../settings/calendar-option.js';

const keep = 'expected "open" or "closed"';
const hours = 'expected "regular" or "extended"';
const unknown = 'expected "stop", "keep" or "drop"';

export const SessionsOptions = z.strictObject({
  calendar: calendarOption().describe(
    'Name of the calendar, such as `XNYS` or `CME.equity`, or the path of its file',
  ),
  hours: z
    .enum(['regular', 'extended'], hours)
    .default('regular')
    .describe('Which hours count as open: `regular`, or `extended` with those before and after them'),
  keep: z
    .enum(['open', 'closed'], keep)
    .default('open')
    .describe('Which rows are kept: those of open hours, or those of the rest'),
  unknown: z
    .enum(['stop', 'keep', 'drop'], unknown)
    .default('stop')
    .describe(
      'What happens to a row at a time of which the calendar does not know whether the market is open: `stop` ends ' +
        'the job and names the time, `keep` and `drop` count it',
    ),
});
export type SessionsOptions = z.output<typeof SessionsOptions>;
