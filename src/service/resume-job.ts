import type { WireError } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import type { JobRecord } from '../store/job-store.js';
import { isEndState, type JobEndState, type JobTransition } from '../supervision/job.js';
import { HISTORY_MAX, type JobContext } from '../supervision/job-context.js';
import type { JobPast } from '../supervision/job-life.js';
import { type JobRun, withEnd } from '../supervision/job-runs.js';
import { areSpent, type RestartPolicy, spentError, withDeath } from '../supervision/restart-policy.js';
import type { ReachedPoint } from './job-admission.js';

/** What of a job is known when its process has gone. */
export interface ResumeFacts {
  readonly nowMs: number;
  /** Its last checkpoint says that its run has ended, with all rows delivered. */
  readonly hasDeliveredAll: boolean;
  /** How often a job without a policy of its own may have been at work as its process ended. */
  readonly defaultPolicy: Pick<RestartPolicy, 'maxRestarts' | 'withinMs'>;
}

const REASON_CHARS_MAX = 1_024;

/**
 * What becomes of a job whose process has ended. The wish of the user goes first: a job that was to end does not run
 * again. The death of the process counts as a restart for a job that was at work and not stable yet.
 */
export function resumeJob(record: JobRecord, facts: ResumeFacts): JobPast {
  const { state, wish, runs, restarts, isContinued } = record;
  if (isEndState(state))
    return { state, context: contextOf(record, { error: errorOf(record) }), isContinued };
  const isAlways = restarts?.policy.policy === 'always' && wish !== 'stop';
  if (facts.hasDeliveredAll && !isAlways) {
    return ended(record, facts, {
      state: 'completed',
      reason: 'all rows had been delivered when the process ended',
    });
  }
  if (wish === 'stop') {
    return ended(record, facts, {
      state: 'stopped',
      reason: 'its end had been requested when the process ended',
    });
  }
  if (state === 'backingOff') return goesOn(record, facts, 'backingOff');
  if (!isAtWork(record)) return goesOn(record, facts, 'queued');
  const closed = { ...record, runs: withEnd(runs, facts.nowMs, { outcome: 'failed', error: DEATH }) };
  if (record.isStable) return goesOn({ ...closed, runs: stableEnd(closed.runs) }, facts, 'queued');
  if (isSpent(closed, facts)) {
    const error = spentError(restarts?.policy ?? facts.defaultPolicy, DEATH);
    return ended(closed, facts, { state: 'dead', reason: error.message, error });
  }
  const counted = restarts && withDeath(restarts, facts.nowMs);
  return goesOn({ ...closed, ...(counted && { restarts: counted }) }, facts, 'queued');
}

/** What a job has come to, as far as its history says. */
export function reachedPoints({ runs, history }: Pick<JobRecord, 'runs' | 'history'>): ReachedPoint[] {
  const isReady = history.some(({ state }) => state === 'running' || state === 'paused');
  return [...(runs.length > 0 ? ['started' as const] : []), ...(isReady ? ['ready' as const] : [])];
}

const DEATH: WireError = {
  code: 'PROCESS_ENDED',
  message: 'The process ended while the job was at work',
  retryable: true,
};

/** Whether it had a thread, or was about to lose one. */
const isAtWork = ({ state }: JobRecord): boolean =>
  state === 'starting' ||
  state === 'running' ||
  state === 'paused' ||
  state === 'restarting' ||
  state === 'draining';

/** A death after a stable time is no failure: only failures count, also for a job without a policy. */
const stableEnd = (runs: readonly JobRun[]): readonly JobRun[] =>
  runs.map((run, i) => (i === runs.length - 1 ? { ...run, outcome: 'stopped' as const } : run));

/** @param record - The run that the process took with it has its end. */
function isSpent({ restarts, runs }: JobRecord, { nowMs, defaultPolicy }: ResumeFacts): boolean {
  if (restarts) return areSpent(restarts, nowMs);
  const { maxRestarts, withinMs } = defaultPolicy;
  const deaths = runs.filter(
    ({ outcome, error, endedAtMs = 0 }) =>
      outcome === 'failed' && error?.code === 'PROCESS_ENDED' && Math.abs(nowMs - endedAtMs) < withinMs,
  );
  return deaths.length > maxRestarts;
}

function ended(
  record: JobRecord,
  { nowMs }: ResumeFacts,
  {
    state,
    reason,
    error,
  }: { readonly state: JobEndState; readonly reason: string; readonly error?: WireError },
): JobPast {
  const runs =
    isAtWork(record) && state !== 'dead'
      ? withEnd(record.runs, nowMs, { outcome: state === 'completed' ? 'completed' : 'stopped' })
      : record.runs;
  const context = contextOf({ ...record, runs }, { error, add: { state, atMs: nowMs, reason } });
  return { state, context, isContinued: record.isContinued };
}

function goesOn(record: JobRecord, { nowMs }: ResumeFacts, state: 'queued' | 'backingOff'): JobPast {
  const isBackingOff = state === 'backingOff';
  const deadlineAtMs = isBackingOff ? nextStartAtMs(record, nowMs) : undefined;
  const add = {
    state,
    atMs: nowMs,
    reason: 'resumed after the end of the process before',
    ...(deadlineAtMs !== undefined && { nextStartAtMs: deadlineAtMs }),
  };
  const context = contextOf(record, { add, error: isBackingOff ? errorOf(record) : undefined });
  return { state, context: deadlineAtMs === undefined ? context : { ...context, deadlineAtMs } };
}

/** A wall clock that was set back since does not lengthen the wait. */
function nextStartAtMs({ deadlineAtMs, history }: JobRecord, nowMs: number): number {
  const decided = history.findLast(({ state }) => state === 'backingOff');
  const waitMs = decided?.nextStartAtMs === undefined ? 0 : decided.nextStartAtMs - decided.atMs;
  return Math.min(deadlineAtMs ?? nowMs, nowMs + waitMs);
}

function contextOf(
  { history, runs, restarts, bounds, durationAtMs, wish }: JobRecord,
  { add, error }: { readonly add?: JobTransition; readonly error?: WireError | undefined },
): JobContext {
  return {
    history: add ? [...history, add].slice(-HISTORY_MAX) : history,
    pauseWanted: wish === 'pause',
    runs,
    ...(restarts && { restarts }),
    ...(bounds && { bounds }),
    ...(durationAtMs !== undefined && { durationAtMs }),
    ...(error && { error }),
  };
}

/** What is left of the error of a job: that of its last run, and of a dead one why it is. */
function errorOf({ state, history, runs }: JobRecord): WireError | undefined {
  const { error } = runs.at(-1) ?? {};
  if (state !== 'dead') return state === 'completed' ? undefined : error;
  const message = cutText(history.at(-1)?.reason ?? 'It has no restart left', REASON_CHARS_MAX);
  return { code: 'RESTARTS_SPENT', message, retryable: false };
}
