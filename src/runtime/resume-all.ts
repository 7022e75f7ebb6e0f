import type { Clock } from '../core/clock.js';
import { toWireError } from '../core/errors.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { PipelineSpec } from '../plan/typed-spec.js';
import type { Schedule } from '../service/schedules/schedule-options.js';
import { progressOf } from '../service/schedules/schedule-records.js';
import type { ScheduleOptions } from '../service/schedules/schedule-settings.js';
import type { JobRecord, ScheduleRecord, StoredJobs } from '../store/job-store.js';
import { isEndState, type JobHandle } from '../supervision/job.js';
import { type ResumeContext, resumeJobs } from './resume-jobs.js';

/** A schedule as it was given. */
export interface GivenSchedule {
  readonly spec: PipelineSpec;
  readonly schedule: Schedule;
  readonly options: ScheduleOptions;
}

export interface ResumeAllContext extends Omit<ResumeContext, 'nowMs'> {
  readonly clock: Clock;
  /** Begins a schedule. */
  schedule(given: GivenSchedule, more: { readonly running?: JobHandle | undefined }): Promise<unknown>;
}

/**
 * Goes on with what a store has: jobs first, and then the schedules, each of which runs the latest instant that was
 * missed. A schedule that cannot be used here and now stays in the store, for the next start.
 */
export async function resumeAll({ jobs, schedules }: StoredJobs, context: ResumeAllContext): Promise<void> {
  const { clock, log } = context;
  await resumeJobs(jobs, { ...context, nowMs: Number(clock.wall() / NANOS_PER_MILLI) });
  for (const record of schedules) {
    try {
      await context.schedule(givenOf(record, jobs), { running: liveJobOf(record, context) });
    } catch (error) {
      const fields = { schedule: record.name, err: toWireError(error) };
      log.error(fields, 'a schedule cannot go on here and now; the next start tries again');
    }
  }
}

function givenOf(record: ScheduleRecord, jobs: readonly JobRecord[]): GivenSchedule {
  const { spec, schedule, options } = record;
  const { seenMs, dueMs, forgottenMs } = progressOf(record, jobs);
  return {
    // They were checked before they were kept, and are checked again.
    spec: spec as unknown as PipelineSpec,
    schedule: schedule as unknown as Schedule,
    options: { ...(options as ScheduleOptions), progress: { seenMs, dueMs: [...dueMs], forgottenMs } },
  };
}

function liveJobOf({ name }: ScheduleRecord, { service }: ResumeAllContext): JobHandle | undefined {
  if (!service.has(name)) return undefined;
  const job = service.get(name);
  return isEndState(job.inspect().state) ? undefined : job;
}
