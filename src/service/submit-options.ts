import { z } from 'zod';
import { durationNs } from '../settings/duration.js';
import { IsolationOptions } from '../settings/isolation-options.js';
import { RestartSettings } from '../settings/restart-settings.js';
import { PRIORITY_MAX } from './start-order.js';

const priority = `expected a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}`;
const text = 'expected a text of 1 to 256 characters';
const point = 'expected "started", "ready", "completed" or "succeeded"';
const count = 'expected a whole number of rows, 1 or more';
const instant = 'expected an instant with its zone, such as 2026-01-02T09:30:00Z';
const rows = z.int(count).min(1, count);
const duration = durationNs({ min: '1ms', max: '365d' });
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

/** A part of a run, after which the next job of that name goes on. */
export const SliceOptions = z.strictObject({
  rows: rows
    .optional()
    .describe(
      'Rows of the source. Exactly so many if the source can be read again; otherwise, and for a source with inputs of its own (`merge`, `router`), the batch with the last of them is the last one',
    ),
  duration: duration
    .optional()
    .describe(
      'Time, counted as `maxDuration` is: to open files and to skip what earlier slices have read is part of it, so one that is too short for that takes no row',
    ),
});

/** What a job is submitted with, beside its spec. */
export const SubmitOptions = z.strictObject({
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
  maxRows: rows
    .optional()
    .describe(
      'Rows of the source after which the job is drained, and has completed. With checkpoints, they count over all starts of the run',
    ),
  maxDuration: duration
    .optional()
    .describe(
      'Time after which the job is drained, and has completed: from the first time that all its stages were open, with pauses and waits for restarts',
    ),
  until: z.iso
    .datetime({ offset: true, error: instant })
    .transform((text) => Date.parse(text))
    .optional()
    .describe('Instant of the wall clock at which the job is drained, and has completed, with its zone'),
  slice: SliceOptions.optional().describe(
    'Ends the job, as completed, with a checkpoint after this part of its run, and nothing is flushed: the next job of that name goes on. Not beside the three before it',
  ),
  ...IsolationOptions.shape,
  restart: RestartSettings.prefault({}).describe(
    'When and how often the job is started again. Options that are left out are those of the settings of the ' +
      'runtime; without any, a job has one run',
  ),
});
export type SubmitOptions = z.input<typeof SubmitOptions>;
export type CheckedSubmitOptions = z.output<typeof SubmitOptions>;
