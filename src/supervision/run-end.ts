/** What a job's machine makes of the end of a run. */
import type { WireError } from '../core/errors.js';
import { boundText, endsByBound, withBound } from './job-bounds.js';
import type { JobContext, JobEvent } from './job-context.js';
import { asksForRestart, type Restarts, type RunEnd } from './restart-policy.js';

export const wasEndedByUs = ({ ending }: JobContext): boolean => ending === 'stop' || ending === 'deadline';

/** Whether the run ends with what it has read delivered, or in a last checkpoint. */
export const isInGoodOrder = ({ ending }: JobContext): boolean => ending === 'drain' || ending === 'suspend';

/** Whether the run was given up: it did not start in time, or was stuck. */
const isGivenUp = ({ ending }: JobContext): boolean => ending === 'no start' || ending === 'stuck';

/** Whether the run was stuck, and no user wanted it to end: a bound that came meanwhile is no wish. */
export const wasStuck = ({ ending, endWanted, boundReached }: JobContext): boolean =>
  ending === 'stuck' && (endWanted !== true || boundReached !== undefined);

/** Whether the end of a run that was given up may be followed by another run. */
export const mayRestart = (context: JobContext): boolean =>
  (context.restarts !== undefined || context.isOnTrial === true) &&
  isGivenUp(context) &&
  context.endWanted !== true &&
  context.groupError === undefined;

/** Whether the run with a changed spec has ended before it ran, so that another one has the spec before. */
export function fallsBack(context: JobContext, event: JobEvent): boolean {
  const { isOnTrial, ending } = context;
  if (!isOnTrial || (ending !== undefined && !mayRestart(context))) return false;
  if (mayStillWrite(context, event)) return false;
  const end = endOf(context, event);
  return end !== undefined && end.outcome !== 'completed';
}

/** Whether the next run is sure to come, or may come, once the thread of this one is gone. */
export const isFollowed = (context: JobContext): boolean =>
  context.restart !== undefined || mayRestart(context);

/**
 * Whether the end of a run that was to be followed by another one ends the job: what it has failed with does not go
 * away, its thread could not be ended and may still write, or all of its rows are delivered.
 */
export function isForGood(context: JobContext, event: JobEvent): boolean {
  if (event.type === 'thread.lost') {
    const { code, retryable } = event.error;
    if (code === 'THREAD_LEFT_RUNNING') return mayStillWrite(context, event);
    return !retryable && !wasEndedByUs(context);
  }
  if (event.type !== 'pipeline.ended') return false;
  const { outcome, error } = event.report;
  return outcome === 'failed' ? error?.retryable !== true : isAllDelivered(context, event);
}

/**
 * Whether nothing is left to run for: the run has come to the end of its input, and the policy asks for no other one;
 * or it has come to a bound.
 */
export function isAllDelivered(context: JobContext, event: JobEvent): boolean {
  if (event.type !== 'pipeline.ended') return false;
  const { outcome, reason } = withBound(context, event.report);
  if (outcome !== 'completed' || reason === 'drained') return false;
  return endsByBound(context, event) || context.restarts?.policy.policy !== 'always';
}

/** The restarts of a job that the policy wants to run again, the intensity aside. */
export function restartsAfter(context: JobContext, event: JobEvent): Restarts | undefined {
  const { restarts, ending, endWanted, groupError } = context;
  const isToEnd =
    endWanted === true ||
    groupError !== undefined ||
    endsByBound(context, event) ||
    (ending !== undefined && !isGivenUp(context));
  if (!restarts || isToEnd || mayStillWrite(context, event)) return undefined;
  const end = endOf(context, event);
  return end && asksForRestart(restarts, end) ? restarts : undefined;
}

/** Whether a thread was left running that may still write what counts. */
const mayStillWrite = ({ isFenced }: JobContext, event: JobEvent): boolean =>
  isFenced !== true && event.type === 'thread.lost' && event.error.code === 'THREAD_LEFT_RUNNING';

/** How the run has ended; `undefined` for events that end none. */
export function endOf(context: JobContext, event: JobEvent): RunEnd | undefined {
  const { runs } = context;
  if (event.type === 'pipeline.ended') {
    const { isStable = false } = event;
    const report = withBound(context, event.report);
    if (report.outcome === 'completed') return { outcome: 'completed', isStable };
    // What was stopped because it did not start, or was stuck, has failed.
    const outcome = isGivenUp(context) ? 'failed' : report.outcome;
    const own = context.ending === 'stuck' ? context.error : undefined;
    return { outcome, error: own ?? report.error ?? context.error, isStable };
  }
  if (event.type !== 'thread.lost') return undefined;
  const { error, isStable = false } = event;
  const isStuck = context.ending === 'stuck' && context.error !== undefined;
  if (mayStillWrite(context, event) && (isFollowed(context) || isStuck)) {
    // What decides is the thread, and not why it was ended, after which another run would have followed.
    return { outcome: 'failed', error: leftRunning(context, error), isStable };
  }
  if (wasEndedByUs(context)) {
    // The loss was requested, so it is no error, unless the thread could not be ended.
    const own = error.code === 'THREAD_LEFT_RUNNING' ? leftRunning(context, error) : context.error;
    return { outcome: 'stopped', error: own, isStable };
  }
  const hasRun = runs.length > 0 && runs.at(-1)?.endedAtMs === undefined;
  return { outcome: 'failed', error: (hasRun ? context.error : undefined) ?? error, isStable };
}

/** The error of a thread that could not be ended, with why it was to end. */
function leftRunning(context: JobContext, error: WireError): WireError {
  const { error: cause, boundReached, ending } = context;
  const alone = isFollowed(context) ? '. No other run follows it, since both would write' : '';
  const atBound = boundReached && ending === 'deadline' ? `${boundText(boundReached)}. ` : '';
  const because = cause && `${atBound}${cause.message}`;
  const message = `${error.message}${alone}${because ? `. It was ended since: ${because}` : ''}`;
  return { ...error, message, ...(because !== undefined && { causes: [because] }) };
}

export function reasonOf(event: JobEvent, context: JobContext): string | undefined {
  switch (event.type) {
    case 'thread.assigned':
      return undefined;
    case 'pipeline.ended': {
      const { error, reason, bound } = withBound(context, event.report);
      if (error) return error.message;
      if (context.restart) return context.restart.reason;
      return bound ? `${reason}: ${boundText(bound)}` : reason;
    }
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
    case 'bound.reached':
      return boundText(event.bound);
    case 'group.spent':
    case 'run.stuck':
      return event.error.message;
    case 'deadline.passed':
      return 'no start in time';
    default:
      return undefined; // the machine's own initial event
  }
}
