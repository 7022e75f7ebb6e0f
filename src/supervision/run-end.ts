/** What a job's machine makes of the end of a run. */
import type { JobContext, JobEvent } from './job-context.js';
import { asksForRestart, type Restarts, type RunEnd } from './restart-policy.js';

export const wasEndedByUs = ({ ending }: JobContext): boolean => ending === 'stop' || ending === 'deadline';

/** Whether the run ends with what it has read delivered, or in a last checkpoint. */
export const isInGoodOrder = ({ ending }: JobContext): boolean => ending === 'drain' || ending === 'suspend';

/** Whether the end of a start that was given up may be followed by another start. */
export const mayRestart = ({ restarts, isOnTrial, ending, endWanted, groupError }: JobContext): boolean =>
  (restarts !== undefined || isOnTrial === true) &&
  ending === 'no start' &&
  endWanted !== true &&
  groupError === undefined;

/** Whether the run with a changed spec has ended before it ran, so that another one has the spec before. */
export function fallsBack(context: JobContext, event: JobEvent): boolean {
  const { isOnTrial, ending } = context;
  if (!isOnTrial || (ending !== undefined && !mayRestart(context))) return false;
  // Both would write.
  if (event.type === 'thread.lost' && event.error.code === 'THREAD_LEFT_RUNNING') return false;
  const end = endOf(context, event);
  return end !== undefined && end.outcome !== 'completed';
}

/** Whether the next run is sure to come, or may come, once the thread of this one is gone. */
export const isFollowed = (context: JobContext): boolean =>
  context.restart !== undefined || mayRestart(context);

/**
 * Whether the end of a run that was to be followed by another one ends the job: what it has failed with does not go
 * away, its thread could not be ended, or all of its rows are delivered.
 */
export function isForGood(context: JobContext, event: JobEvent): boolean {
  if (event.type === 'thread.lost') {
    return !event.error.retryable && (event.error.code === 'THREAD_LEFT_RUNNING' || !wasEndedByUs(context));
  }
  if (event.type !== 'pipeline.ended') return false;
  const { outcome, error } = event.report;
  return outcome === 'failed' ? error?.retryable !== true : isAllDelivered(context, event);
}

/** Whether the run has come to the end of its input, and the policy asks for no other one. */
export const isAllDelivered = ({ restarts }: JobContext, event: JobEvent): boolean =>
  event.type === 'pipeline.ended' &&
  event.report.outcome === 'completed' &&
  event.report.reason !== 'drained' &&
  restarts?.policy.policy !== 'always';

/** The restarts of a job that the policy wants to run again, the intensity aside. */
export function restartsAfter(context: JobContext, event: JobEvent): Restarts | undefined {
  const { restarts, ending, endWanted, groupError } = context;
  const isToEnd =
    endWanted === true || groupError !== undefined || (ending !== undefined && ending !== 'no start');
  // A thread that was left running may still write, and has the place of the job.
  const isLeftRunning = event.type === 'thread.lost' && event.error.code === 'THREAD_LEFT_RUNNING';
  if (!restarts || isToEnd || isLeftRunning) return undefined;
  const end = endOf(context, event);
  return end && asksForRestart(restarts, end) ? restarts : undefined;
}

/** How the run has ended; `undefined` for events that end none. */
export function endOf(context: JobContext, event: JobEvent): RunEnd | undefined {
  const { ending, runs } = context;
  if (event.type === 'pipeline.ended') {
    const { report, isStable = false } = event;
    if (report.outcome === 'completed') return { outcome: 'completed', isStable };
    // What was stopped because it did not start has failed to.
    const outcome = ending === 'no start' ? 'failed' : report.outcome;
    return { outcome, error: report.error ?? context.error, isStable };
  }
  if (event.type !== 'thread.lost') return undefined;
  const { error, isStable = false } = event;
  if (error.code === 'THREAD_LEFT_RUNNING' && isFollowed(context)) {
    // What decides is the thread: without it, another run would have followed.
    const since = context.error ? `. It was ended since: ${context.error.message}` : '';
    const message = `${error.message}. No other run follows it, since both would write${since}`;
    const own = { ...error, message, ...(context.error && { causes: [context.error.message] }) };
    return { outcome: 'failed', error: own, isStable };
  }
  if (wasEndedByUs(context)) {
    // The loss was requested, so it is no error, unless the thread could not be ended.
    const own = error.code === 'THREAD_LEFT_RUNNING' ? error : context.error;
    return { outcome: 'stopped', error: own, isStable };
  }
  const hasRun = runs.length > 0 && runs.at(-1)?.endedAtMs === undefined;
  return { outcome: 'failed', error: (hasRun ? context.error : undefined) ?? error, isStable };
}

export function reasonOf(event: JobEvent, context: JobContext): string | undefined {
  switch (event.type) {
    case 'thread.assigned':
      return undefined;
    case 'pipeline.ended':
      if (context.restart && !event.report.error) return context.restart.reason;
      return event.report.error ? event.report.error.message : event.report.reason;
    case 'thread.lost':
      if (context.error) return context.error.message;
      if (context.restart) return context.restart.reason;
      return context.ending === 'stop' ? 'stopped' : event.error.message;
    case 'actor.ready':
      return undefined;
    case 'pause.requested':
      return 'pause requested';
    case 'resume.requested':
      return 'resume requested';
    case 'drain.requested':
      return 'drain requested';
    case 'suspend.requested':
      return 'suspend requested';
    case 'stop.requested':
      return 'stop requested';
    case 'restart.requested':
      return event.restart.reason;
    case 'group.spent':
      return event.error.message;
    case 'deadline.passed':
      return 'no start in time';
    default:
      return undefined; // the machine's own initial event
  }
}
