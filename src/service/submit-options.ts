import { z } from 'zod';
import { durationNs } from '../settings/duration.js';
import { IsolationOptions } from '../settings/isolation-options.js';
import { JobTermsSettings } from '../settings/job-terms.js';
import { RestartSettings } from '../settings/restart-settings.js';

const count = 'expected a whole number of rows, 1 or more';
const instant = 'expected an instant with its zone, such as 2026-01-02T09:30:00Z';
const rows = z.int(count).min(1, count);
const duration = durationNs({ min: '1ms', max: '365d' });

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
  ...JobTermsSettings.shape,
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
