import { toWireError, type WireError } from '../core/errors.js';
import { checkConnected } from '../plan/check-connected.js';
import type { JobCheckpoints } from '../service/job-checkpoints.js';
import type { PipelineService } from '../service/pipeline-service.js';
import { DEFAULT_RESTART_POLICY } from '../service/restart-policy-of.js';
import { reachedPoints, resumeJob } from '../service/resume-job.js';
import type { JobRecord } from '../store/job-store.js';
import { isEndState, type JobDependency } from '../supervision/job.js';
import type { JobActor } from '../supervision/job-actor.js';
import type { JobPast } from '../supervision/job-life.js';
import { withEnd } from '../supervision/job-runs.js';
import type { Logger } from '../telemetry/logger.js';
import type { CheckedJob, JobIntake } from './job-intake.js';

export interface ResumeContext {
  readonly service: PipelineService;
  readonly intake: Pick<JobIntake, 'checkAgain'>;
  readonly checkpoints: JobCheckpoints | undefined;
  readonly log: Logger;
  readonly nowMs: number;
}

/** Checkpoints that are read at a time. */
const READ_AT_A_TIME = 32;

/**
 * Goes on with the jobs that an earlier process had: those that had begun get their places back, and then those that
 * were in the queue wait again, in order of submission. A job whose spec cannot be used here and now is `failed` in this
 * process, and stays as it is in the store, for the next start.
 *
 * @param records - In order of submission.
 */
export async function resumeJobs(records: readonly JobRecord[], context: ResumeContext): Promise<void> {
  const { service, log } = context;
  const pasts = await pastsOf(records, context);
  service.countFrom(records.at(-1)?.sequence ?? 0);
  const all = records.map((record, i) => ({ record: withIds(record, records), past: pasts[i]! }));
  for (const { record, past } of byEnd(all.filter(({ past }) => isEndState(past.state)))) {
    service.remember(record, past);
  }
  const live = all.filter(({ past }) => !isEndState(past.state));
  const checked = await checkConnected(live.length, async (i, topics): Promise<Checked> => {
    try {
      return await context.intake.checkAgain(live[i]!.record, topics);
    } catch (error) {
      return { problems: toWireError(error) };
    }
  });
  const jobs = live.map((job, i) => ({ ...job, checked: checked[i]! }));
  const taken: JobActor[] = [];
  const unresumed = new Map<string, JobRecord>();
  const liveIds = new Set(jobs.map(({ record }) => record.id));
  for (const job of inOrder(jobs)) {
    const problem = take(job);
    if (!problem) continue;
    const { record, past } = job;
    unresumed.set(record.id, record);
    service.remember(record, unresumedPast(past, problem, context.nowMs), { isToGoOn: true });
    const fields = { job: record.name, id: record.id, err: problem };
    log.error(fields, 'a job cannot go on here and now; the next start tries again');
  }
  service.release(taken);

  /** @returns Why it cannot be resumed. */
  function take({ record, past, checked }: (typeof jobs)[number]): WireError | undefined {
    if ('problems' in checked) return checked.problems;
    const known = { ...record, dependsOn: record.dependsOn?.flatMap((one) => stillNeeded(one)) };
    const needed = hasBegun({ past }) ? [] : (known.dependsOn ?? []);
    for (const { id, on } of needed) {
      const other = id === undefined ? undefined : unresumed.get(id);
      if (!other || reachedPoints(other).some((point) => point === on)) continue;
      const message = `It waits for job "${other.name}" (${other.id}), which cannot go on here and now`;
      return { code: 'DEPENDENCY_UNMET', message, retryable: false };
    }
    try {
      taken.push(service.takeUp(checked.resolved, checked.files, { record: known, past }));
      return undefined;
    } catch (error) {
      return toWireError(error);
    }
  }

  /**
   * A job that comes later is waited for by its name. One that the store has forgotten has ended long ago: what waits
   * for it still would have failed with its end, unless it had come as far as was asked.
   */
  function stillNeeded(one: JobDependency): readonly JobDependency[] {
    const { id, ...byName } = one;
    if (id === undefined || service.has(id)) return [one];
    return liveIds.has(id) ? [byName] : [];
  }
}

const hasBegun = ({ past }: { readonly past: JobPast }): boolean => past.context.runs.length > 0;

/** Those that cannot go on first, so that it is known of them; then those with places, and those that wait. */
function inOrder<Job extends { readonly past: JobPast; readonly checked: Checked }>(
  jobs: readonly Job[],
): Job[] {
  const rank = (job: Job) => ('problems' in job.checked ? 0 : hasBegun(job) ? 1 : 2);
  return [...jobs].sort((a, b) => rank(a) - rank(b));
}

type Checked = CheckedJob | { readonly problems: WireError };

/** What has become of jobs with the end of their process, some of their checkpoints being read at a time. */
async function pastsOf(
  records: readonly JobRecord[],
  { checkpoints, nowMs }: ResumeContext,
): Promise<JobPast[]> {
  const pasts: JobPast[] = [];
  for (let at = 0; at < records.length; at += READ_AT_A_TIME) {
    const read = records.slice(at, at + READ_AT_A_TIME).map(async (record) => {
      const isLive = !isEndState(record.state);
      const hasDeliveredAll = isLive && ((await checkpoints?.hasDeliveredAll(record.name)) ?? false);
      return resumeJob(record, { nowMs, hasDeliveredAll, defaultPolicy: DEFAULT_RESTART_POLICY });
    });
    pasts.push(...(await Promise.all(read)));
  }
  return pasts;
}

/** Oldest end first, as the list of ended jobs forgets them. */
const byEnd = <Job extends { readonly past: JobPast }>(jobs: readonly Job[]): Job[] =>
  [...jobs].sort((a, b) => endedAtMs(a) - endedAtMs(b));

const endedAtMs = ({ past }: { readonly past: JobPast }): number => past.context.history.at(-1)?.atMs ?? 0;

/** A name that no job had when this one was submitted has become that of the first job that came after it. */
function withIds(record: JobRecord, records: readonly JobRecord[]): JobRecord {
  const { dependsOn } = record;
  if (!dependsOn?.some(({ id }) => id === undefined)) return record;
  const idOf = ({ job }: JobDependency) =>
    records.find(({ name, sequence }) => name === job && sequence > record.sequence)?.id;
  return {
    ...record,
    dependsOn: dependsOn.map((one) => {
      const id = one.id ?? idOf(one);
      return id === undefined ? one : { ...one, id };
    }),
  };
}

function unresumedPast({ context }: JobPast, error: WireError, nowMs: number): JobPast {
  const end = { state: 'failed' as const, atMs: nowMs, reason: error.message };
  return {
    state: 'failed',
    context: {
      ...context,
      error,
      history: [...context.history, end],
      runs: withEnd(context.runs, nowMs, { outcome: 'failed', error }),
    },
  };
}
