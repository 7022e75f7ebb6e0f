import { z } from 'zod';
import { PRIORITY_MAX } from './priority.js';

const priority = `expected a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}`;
const text = 'expected a text of 1 to 256 characters';
const point = 'expected "started", "ready", "completed" or "succeeded"';
const name = z.string(text).min(1, text).max(256, text);

export const JobDependencyOptions = z.strictObject({
  job: name.describe(
    'Name of a job, or its id. A name that no job has yet is that of a job which is submitted later',
  ),
  on: z
    .enum(['started', 'ready', 'completed', 'succeeded'], point)
    .default('succeeded')
    .describe(
      'How far it must have come: `started` (it has a thread), `ready` (all its stages are open), `completed` (it ' +
        'ended in whatever way), or `succeeded` (it ended `completed`). A restart is no end',
    ),
});

/** On whose behalf a job runs, when, and behind which others: in its spec, or beside it. */
export const JobTermsSettings = z.strictObject({
  priority: z
    .int(priority)
    .min(-PRIORITY_MAX, priority)
    .max(PRIORITY_MAX, priority)
    .default(0)
    .describe('Jobs with a larger one start sooner'),
  tenant: name.optional().describe('On whose behalf the job runs: tenants take turns, and may have a limit'),
  group: name
    .optional()
    .describe(
      'Name of a group of the settings, to which the job belongs. It needs a restart policy: `on-failure` where ' +
        'nothing else is said',
    ),
  labels: z
    .record(name, z.string(text).max(256, text))
    .refine((labels) => Object.keys(labels).length <= 64, 'expected at most 64 labels')
    .optional()
    .describe('Texts of your own, by name, which are shown with the job'),
  dependsOn: z
    .array(JobDependencyOptions, 'expected a list of dependencies')
    .max(100, 'expected at most 100 dependencies')
    .default(() => [])
    .describe('Jobs that must have come to a point before this one starts'),
});
/** As it is written. */
export type JobTermsInput = z.input<typeof JobTermsSettings>;
