/** What a job's machine makes of the end of a run. */
import { boundText, endsByBound, withBound } from './job-bounds.js';
import type { JobContext, JobEvent } from './job-context.js';
import { asksForRestart, type Restarts, type RunEnd } from './restart-policy.js';

export const wasEndedByUs = ({ ending }: JobContext): boolean => ending === 'stop' || ending === 'deadline';

/** Whether the run ends with what it has read delivered, or in a last checkpoint. */
export const isInGoodOrder = ({ ending }: JobContext): boolean => ending === 'drain' || ending === 'suspend';

/** Whether the end of a start that was given up may be followed by another start. */
export const mayRestart = ({ restarts, ending, endWanted }: JobContext): boolean =>
  restarts !== undefined && ending === 'no start' && endWanted !== true;

/** The restarts of a job that the policy wants to run again, the intensity aside. */
export function restartsAfter(context: JobContext, event: JobEvent): Restarts | undefined {
  const { restarts, ending, endWanted } = context;
  const isToEnd =
    endWanted === true || endsByBound(context, event) || (ending !== undefined && ending !== 'no start');
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
    const { isStable = false } = event;
    const report = withBound(context, event.report);
    if (report.outcome === 'completed') return { outcome: 'completed', isStable };
    // What was stopped because it did not start has failed to.
    const outcome = ending === 'no start' ? 'failed' : report.outcome;
    return { outcome, error: report.error ?? context.error, isStable };
  }
  if (event.type !== 'thread.lost') return undefined;
  const { error, isStable = false } = event;
  if (wasEndedByUs(context)) {
    // The loss was requested, so it is no error, unless the thread could not be ended.
    const own = error.code === 'THREAD_LEFT_RUNNING' ? error : context.error;
    return { outcome: 'stopped', error: own, isStable };
  }
  if (error.code === 'THREAD_LEFT_RUNNING' && context.error && mayRestart(context)) {
    // What decides is the thread, and not the start, after which another run would have followed.
    const message = `${error.message}. No other run follows it, since both would write. It was ended since: ${context.error.message}`;
    return { outcome: 'failed', error: { ...error, message, causes: [context.error.message] }, isStable };
  }
  const hasRun = runs.length > 0 && runs.at(-1)?.endedAtMs === undefined;
  return { outcome: 'failed', error: (hasRun ? context.error : undefined) ?? error, isStable };
}

export function reasonOf(event: JobEvent, context: JobContext): string | undefined {
  switch (event.type) {
    case 'thread.assigned':
      return undefined;
    case 'pipeline.ended': {
      const { error, reason, bound } = withBound(context, event.report);
      if (error) return error.message;
      return bound ? `${reason}: ${boundText(bound)}` : reason;
    }
    case 'thread.lost':
      if (context.error) return context.error.message;
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
    case 'bound.reached':
      return boundText(event.bound);
    case 'deadline.passed':
      return 'no start in time';
    default:
      return undefined; // the machine's own initial event
  }
}
