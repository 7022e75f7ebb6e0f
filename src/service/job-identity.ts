import { randomId } from '../core/random-id.js';
import type { JobRecord } from '../store/job-store.js';
import type { JobTerms } from '../supervision/job.js';
import type { SubmitOptions } from './submit-options.js';

/** What ids of jobs look like: `job-17`, or with a store `job-0k3v9x2m1q-17`. Names may look like it, too. */
export const JOB_ID = /^job-(?:[0-9a-z]{10}-)?\d+$/;

/** What the ids of the jobs of this process begin with, if they outlive it: 52 random bits. */
export const lastingIdPrefix = (): string => `job-${randomId().slice(-10)}-`;

/** What a job was submitted with, as far as its record has it. */
export function termsOf({
  options,
  dependsOn,
  bounds,
}: Pick<JobRecord, 'options' | 'dependsOn' | 'bounds'>): JobTerms {
  // As it was checked then.
  const { priority = 0, tenant, labels, group, isolation, maxProcessMb } = options as SubmitOptions;
  return {
    priority,
    ...(tenant !== undefined && { tenant }),
    ...(labels && { labels }),
    ...(group !== undefined && { group }),
    ...(isolation !== undefined && { isolation }),
    ...(maxProcessMb !== undefined && { maxProcessMb }),
    ...(dependsOn && { dependsOn }),
    ...(bounds && { bounds }),
  };
}
