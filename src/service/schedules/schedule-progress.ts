import { latestInstant, type ScheduleInstants } from './schedule-instants.js';

/** How far a schedule has come. Plain data, which outlives the process. Times are ms since 1970 UTC. */
export interface ScheduleProgress {
  /** The wall clock when the schedule was last looked at: all up to it has been dealt with. */
  readonly seenMs: number;
  /** The last instants that were due, in ascending order. */
  readonly dueMs: readonly number[];
  /** No instant up to this one is due again, though it is not among them any more. */
  readonly forgottenMs: number;
}

/** The first instant of a `Date`. */
const EARLIEST_MS = -8_640_000_000_000_000;

/** How many instants are remembered: how far the clock may be set back without one that is missed. */
const REMEMBERED_MAX = 100;

export const progressFrom = (nowMs: number): ScheduleProgress => ({
  seenMs: nowMs,
  dueMs: [],
  forgottenMs: EARLIEST_MS,
});

/**
 * Goes on to what the wall clock says now. Of the instants since it was last looked at, only the latest is due, and
 * only if it was not before: after a clock that was set back, instants come again, and are due no second time.
 */
export function advance(
  progress: ScheduleProgress,
  instants: ScheduleInstants,
  nowMs: number,
): { readonly progress: ScheduleProgress; readonly due: number | undefined } {
  const seen = { ...progress, seenMs: nowMs };
  const latest = latestInstant(instants, { afterMs: progress.seenMs, untilMs: nowMs });
  if (latest === undefined || wasDue(progress, latest)) return { progress: seen, due: undefined };
  const dueMs = [...progress.dueMs, latest].sort((a, b) => a - b);
  const [forgottenMs = progress.forgottenMs] = dueMs.splice(0, dueMs.length - REMEMBERED_MAX).slice(-1);
  return { progress: { seenMs: nowMs, dueMs, forgottenMs }, due: latest };
}

/** The next instant that will be due, if the clock goes on evenly. */
export function nextDue(progress: ScheduleProgress, instants: ScheduleInstants): number | undefined {
  let next = instants.next(Math.max(progress.seenMs, progress.forgottenMs));
  while (next !== undefined && wasDue(progress, next)) next = instants.next(next);
  return next;
}

const wasDue = ({ dueMs, forgottenMs }: ScheduleProgress, ms: number): boolean =>
  ms <= forgottenMs || dueMs.includes(ms);
