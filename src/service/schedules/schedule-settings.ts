import { z } from 'zod';
import { SubmitOptions } from '../submit-options.js';

const ms = z.number('expected milliseconds since 1970');

/** What a job is scheduled with, beside its spec and its schedule. */
export const ScheduleOptions = z.strictObject({
  ...SubmitOptions.shape,
  overlap: z
    .enum(['skip', 'queue', 'replace'], 'expected "skip", "queue" or "replace"')
    .default('skip')
    .describe(
      'What becomes of an instant at which the job before has not ended: `skip` leaves it out, `queue` runs it after ' +
        'that end (of several, the last one), and `replace` stops that job first',
    ),
  progress: z
    .strictObject({
      seenMs: ms.describe('When the wall clock was last looked at'),
      dueMs: z
        .array(ms)
        .max(100, 'expected at most 100 instants')
        .describe('The last instants that were due, in ascending order'),
      forgottenMs: ms.describe('Instants up to this one are done'),
    })
    .optional()
    .describe(
      'The `progress` of the schedule before, to go on after a restart: of the instants since then, the latest is ' +
        'run once. Default: it begins now',
    ),
});
export type ScheduleOptions = z.input<typeof ScheduleOptions>;
export type CheckedScheduleOptions = z.output<typeof ScheduleOptions>;
