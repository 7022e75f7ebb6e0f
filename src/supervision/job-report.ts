import type { WireError } from '../core/errors.js';
import type { CounterValues } from '../shared-memory/counters.js';
import { cutShortReport } from '../wire/cut-short-report.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { JobReport, JobState } from './job.js';
import type { JobRun } from './job-runs.js';

/** What a report says of a job beside its last run. */
export interface EndedJob {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly error: WireError | undefined;
  readonly runs: readonly JobRun[];
}

/** What of a run is known without its own report. */
export interface CutShort {
  readonly counters: CounterValues;
  readonly durationMs: number;
}

/**
 * The report of a job that has ended.
 *
 * @param last - The report of its last run, or what is known of it.
 */
export function jobReport(job: EndedJob, last: PipelineReport | CutShort): JobReport {
  const { id, name, error, runs } = job;
  const outcome = outcomeOf(job.state);
  const whole = 'outcome' in last ? last : cutShort(outcome, error, last);
  // A job that was stopped while it backed off has the report of a run that failed.
  const reason = whole.outcome === outcome ? whole.reason : outcome === 'stopped' ? 'stopped' : 'error';
  return { ...whole, outcome, reason, ...(error && { error }), id, name, runs };
}

function cutShort(
  outcome: PipelineReport['outcome'],
  error: WireError | undefined,
  known: CutShort,
): PipelineReport {
  if (outcome === 'failed') return cutShortReport({ outcome, error, ...known });
  const report = cutShortReport({ outcome: 'stopped', error, ...known });
  return outcome === 'completed' ? { ...report, outcome, reason: 'end of input' } : report;
}

/** What the end of a job is called in its report. */
const outcomeOf = (state: JobState): PipelineReport['outcome'] =>
  state === 'completed' || state === 'stopped' ? state : 'failed';
