import type { WireError } from '../core/errors.js';
import type { JobBounds } from '../wire/bounds.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { PendingStart } from '../wire/start-step.js';
import type { JobTransition } from './job.js';
import type { JobRun } from './job-runs.js';
import type { Restarts } from './restart-policy.js';

/**
 * What happens to a job. Instants are milliseconds since 1970, so that they survive a restart of the
 * process.
 */
export type JobEvent =
  /**
   * The job has a thread, in which all stages must be open by the deadline. `revision`: of its spec; `isFenced`: whether
   * all that its sinks write is fenced.
   */
  | {
      readonly type: 'thread.assigned';
      readonly deadlineAtMs: number;
      readonly revision?: number;
      readonly isFenced?: boolean;
    }
  /** All stages are open. */
  | { readonly type: 'actor.ready' }
  | { readonly type: 'pause.requested' }
  | { readonly type: 'resume.requested' }
  | { readonly type: 'drain.requested'; readonly deadlineAtMs: number }
  /** To end with a last checkpoint, from which the next job of that name goes on. */
  | { readonly type: 'suspend.requested'; readonly deadlineAtMs: number }
  | { readonly type: 'stop.requested' }
  /** An instant of its bounds has come. */
  | { readonly type: 'bound.reached'; readonly bound: 'duration' | 'until'; readonly deadlineAtMs: number }
  /**
   * To end this run and begin another one. It counts for no restart policy: neither the number of restarts nor the
   * waits of a policy change. A job in the queue, and one that ends as its user asked for, stay as they are.
   */
  | ({ readonly type: 'restart.requested'; readonly restart: RequestedRestart } & RequestedEnd)
  /** The group of the job has no restart left: its run ends, and the job is `dead` with this error. */
  | ({ readonly type: 'group.spent'; readonly error: WireError } & RequestedEnd)
  /**
   * The instant in the context's `deadlineAtMs` has passed. `pending` names what a start is still waiting
   * for.
   */
  | { readonly type: 'deadline.passed'; readonly pending?: PendingStart }
  /** The watchdog has found that the run has to be ended: its loop does not turn, or it makes no progress. */
  | { readonly type: 'run.stuck'; readonly error: WireError }
  /** The run has claimed its key at the checkpoint store. */
  | { readonly type: 'run.claimed'; readonly epoch: number }
  /** `isStable`: it had delivered rows for as long as the restart policy asks for. */
  | { readonly type: 'pipeline.ended'; readonly report: PipelineReport; readonly isStable?: boolean }
  /** The thread is gone and left no report; or none could be had. */
  | { readonly type: 'thread.lost'; readonly error: WireError; readonly isStable?: boolean };

/** How a run is to end that does not end by itself. */
export interface RequestedEnd {
  /**
   * `suspend`: with a last checkpoint; `drain`: with what it has read delivered; `stop`: at once, as it will begin
   * anew.
   */
  readonly how: 'suspend' | 'drain' | 'stop';
  /** When its thread is ended, if it has not ended by then. Not of `stop`. */
  readonly deadlineAtMs: number;
}

/** Another run that was asked for, by hand or by a group. */
export interface RequestedRestart {
  /** Shown with the transitions of the job. */
  readonly reason: string;
  /** It begins no sooner. Missing: as soon as the run before has ended. */
  readonly startAtMs?: number;
  /** It has a changed spec: if it does not come to run, one with the spec before follows it. */
  readonly isOnTrial?: true;
}

/** A command from the machine to the supervisor. */
export interface JobCommand {
  readonly type: 'command';
  /**
   * `start` asks for a thread for the next run. `end` ends the thread, whatever it is doing. The others are sent to
   * the actor.
   */
  readonly command: 'start' | 'pause' | 'resume' | 'drain' | 'suspend' | 'end';
  /** Of `end`: whether another run may follow, once the thread is gone. */
  readonly isFollowed?: boolean;
  /** Of `end`: whether the deadline of a drain or a suspend has passed. */
  readonly isLate?: boolean;
}

/**
 * Plain data: a machine restored from it continues, and its supervisor sets a timer for `deadlineAtMs`
 * again: the instant until which the job must have started or drained, or at which its next run starts.
 */
export interface JobContext {
  /** The last 100 transitions, oldest first. */
  readonly history: readonly JobTransition[];
  /** Also set if the pause was requested before the actor was ready. */
  readonly pauseWanted: boolean;
  /** Why the run is ending. After `stop`, `deadline`, `no start` and `stuck` the thread itself is ended. */
  readonly ending?: 'drain' | 'suspend' | 'stop' | 'deadline' | 'no start' | 'stuck' | undefined;
  readonly deadlineAtMs?: number | undefined;
  /** Of the last run. */
  readonly report?: PipelineReport | undefined;
  readonly error?: WireError | undefined;
  /** The last 20 runs, oldest first. */
  readonly runs: readonly JobRun[];
  /** Missing: the job has one run. */
  readonly restarts?: Restarts | undefined;
  /** The spec was changed, and no run with the changed one has come to run: if none does, the one before goes on. */
  readonly isOnTrial?: boolean | undefined;
  /** Another run was asked for, which has not begun. */
  readonly restart?: RequestedRestart | undefined;
  /** Why the job is to be `dead` at the end of its run: its group has no restart left. */
  readonly groupError?: WireError | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
  /** When the duration of its bounds is over: set once all its stages have been open. */
  readonly durationAtMs?: number | undefined;
  /** Which bound it is ended at. */
  readonly boundReached?: 'duration' | 'until' | undefined;
  /** A stop, a drain or a suspend was requested while a run was given up: no other one follows. */
  readonly endWanted?: boolean | undefined;
  /**
   * Whether all that the sinks of its last run write is fenced: another run may follow if its thread could not be ended.
   */
  readonly isFenced?: boolean | undefined;
}

/** Transitions of a job that are remembered, the last ones. */
export const HISTORY_MAX = 100;

/** The context of a job that is put in the queue. */
export const contextOfQueued = (queuedAtMs: number, restarts?: Restarts, bounds?: JobBounds): JobContext => ({
  history: [{ state: 'queued', atMs: queuedAtMs }],
  pauseWanted: false,
  runs: [],
  ...(restarts && { restarts }),
  ...(bounds && { bounds }),
});
