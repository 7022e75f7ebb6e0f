import { z } from 'zod';

const jobs = 'expected 1 to 1000000 jobs';
const ageing = 'expected 1 to 86400000 milliseconds';
const count = z.int(jobs).min(1, jobs).max(1_000_000, jobs);
const byName = z.record(z.string().min(1), count).default(() => ({}));

/** How many jobs may be under way, and how those that wait are put in order. A job counts from its start to its end. */
export const JobLimits = z.strictObject({
  jobs: count
    .optional()
    .describe(
      'Jobs that may be under way at one time, those that are paused or back off included. Default: no limit ' +
        'but that of threads',
    ),
  jobsPerTenant: count
    .optional()
    .describe('The same for each tenant that `jobsByTenant` does not name. Default: no limit'),
  jobsByTenant: byName.describe('The same, by the name of the tenant'),
  jobsByProvider: byName.describe(
    'The same, by the name of a provider: of a budget or breaker that a source names, or of the source component',
  ),
  queued: count
    .default(10_000)
    .describe('Jobs that may wait at one time; above it, a submit is refused with `JOB_QUEUE_FULL`'),
  ageingMs: z
    .int(ageing)
    .min(1, ageing)
    .max(86_400_000, ageing)
    .default(60_000)
    .describe(
      'Milliseconds after which the priority of all jobs that wait rises by one, up to the highest that there is',
    ),
});
export type JobLimits = z.output<typeof JobLimits>;
