import type { Bound } from '../wire/bounds.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { JobContext, JobEvent } from './job-context.js';

/** The bounds of a job that are instants, in ms since 1970 on the wall clock. */
export interface BoundInstants {
  /** When its duration is over; missing until its stages have been open. */
  readonly durationAtMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** Returns the instants at which a job is ended. */
export const boundInstants = ({ bounds, durationAtMs }: JobContext): BoundInstants => ({
  durationAtMs,
  untilMs: bounds?.untilMs,
});

/** Returns a report of a run as the job has it: one that was ended at a bound is a success of its own kind. */
export function withBound({ boundReached, bounds }: JobContext, report: PipelineReport): PipelineReport {
  if (!boundReached) return report;
  if (report.reason === 'drained') return { ...report, reason: 'bounded', bound: boundReached };
  if (report.reason !== 'suspended' || !bounds?.isSlice) return report;
  return { ...report, outcome: 'completed', reason: 'sliced', bound: boundReached };
}

/** Whether the end of a run is that of its job, whatever the restart policy says: it came to a bound, or a slice is over. */
export function endsByBound({ bounds }: JobContext, event: JobEvent): boolean {
  if (event.type !== 'pipeline.ended') return false;
  const { bound, outcome } = event.report;
  return bound !== undefined || (bounds?.isSlice === true && outcome === 'completed');
}

/** What ended a job, for its history. */
export const boundText = (bound: Bound): string =>
  ({ rows: 'its rows have come', duration: 'its duration is over', until: 'its last instant has come' })[
    bound
  ];
