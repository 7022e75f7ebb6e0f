import type { WireError } from '../core/errors.js';
import type { EventStreamOptions } from '../core/event-log.js';
import type { BreakerEvent } from '../resilience/breaker/breaker-event.js';
import type { CounterValues } from '../shared-memory/counters.js';
import type { JobBounds } from '../wire/bounds.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';
import type { JobRun } from './job-runs.js';

/** How a job ended for good. `dead`: it has no restart left. */
export type JobEndState = 'completed' | 'stopped' | 'failed' | 'dead';

/**
 * Where a job is in its life. `restarting`: its run ends because another one was asked for; `backingOff`: its last run
 * has ended, and the next one starts later.
 */
export type JobState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'paused'
  | 'draining'
  | 'restarting'
  | 'backingOff'
  | JobEndState;

/** What the user asked for last. It goes before restart policies, groups, schedules and resume. */
export type JobWish = 'run' | 'pause' | 'stop';

const END_STATES: ReadonlySet<JobState> = new Set<JobEndState>(['completed', 'stopped', 'failed', 'dead']);

/** Whether a job in this state has ended for good. */
export const isEndState = (state: JobState): state is JobEndState => END_STATES.has(state);

/**
 * How far another job must have come: its thread was started, all its stages were open, it ended in whatever way, or
 * it ended `completed`. A restart is no end.
 */
export type DependencyPoint = 'started' | 'ready' | 'completed' | 'succeeded';

/** What a job waits for before it starts. */
export interface JobDependency {
  /** Name of the other job, or its id. */
  readonly job: string;
  /** Id of the job that is meant; `undefined` as long as no job of that name was submitted. */
  readonly id?: string | undefined;
  readonly on: DependencyPoint;
}

/** What a job was submitted with. Plain data. */
export interface JobTerms {
  /** Jobs with a larger one start sooner. */
  readonly priority: number;
  readonly tenant?: string | undefined;
  /** The group that it belongs to. */
  readonly group?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What it is to run in, and how much memory its process may have, where its submit said so. */
  readonly isolation?: 'thread' | 'process' | undefined;
  readonly maxProcessMb?: number | undefined;
  /** The providers that it uses, as far as its spec names them. */
  readonly providers?: readonly string[] | undefined;
  readonly dependsOn?: readonly JobDependency[] | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
}

/** Why a job is still in the queue. */
export type WaitReason =
  /** Another job must come to a point first. */
  | { readonly for: 'job'; readonly job: string; readonly on: DependencyPoint }
  /** As many jobs as may are under way: in all, of its tenant, or of a provider that it uses. */
  | { readonly for: 'jobs'; readonly limitJobs: number }
  | { readonly for: 'tenant'; readonly tenant: string; readonly limitJobs: number }
  | { readonly for: 'provider'; readonly provider: string; readonly limitJobs: number }
  /** Nothing else: the jobs before it, or a thread. */
  | { readonly for: 'turn' };

/** A job at one instant. Plain data. */
export interface JobInfo extends Partial<JobTerms> {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** Of its spec: 1 for the one that it was submitted with, one more with each `update`. */
  readonly revision: number;
  /** What it runs in, or will; missing once it has ended, unless its submit said so. */
  readonly isolation?: 'thread' | 'process' | undefined;
  /** The id of its process, while it has one. */
  readonly pid?: number | undefined;
  /** While it is in the queue: why. */
  readonly waitsFor?: readonly WaitReason[] | undefined;
  /**
   * Read from shared memory without a message to the thread, so they are correct even while it is
   * blocked. Those of a process are at most a moment old, also while it is blocked. Those of the run that has the thread, or had it last.
   */
  readonly counters: CounterValues;
  /** Ms since the thread's last heartbeat; `undefined` before the first one and after the end. */
  readonly heartbeatAgeMs?: number | undefined;
  /** Set while rows wait in a run and nothing moves, once the watchdog has told so. */
  readonly stalled?: StalledRows | undefined;
  /** Ms from submission to the first batch; `undefined` before it. */
  readonly firstRowMs?: number | undefined;
  /** Why it failed; while it backs off, why its last run did. */
  readonly error?: WireError | undefined;
  readonly history: readonly JobTransition[];
  /** The last 20 runs, oldest first. Empty while the job waits for its first thread. */
  readonly runs: readonly JobRun[];
}

/** Rows that wait without progress. */
export interface StalledRows {
  /** The stage whose call has not ended: its path in the spec. */
  readonly stage?: string;
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** When a job came into a state, and why. */
export interface JobTransition {
  readonly state: JobState;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly reason?: string | undefined;
  /** Of `starting`: which run of the job it is, if it is not the first one. */
  readonly attempt?: number;
  /** Of `backingOff`: when the next run starts, in milliseconds since 1970. */
  readonly nextStartAtMs?: number;
  /** Of `backingOff`: the next run was asked for, by hand or by a group, and counts for no restart policy. */
  readonly isRequested?: true;
}

/**
 * How a job ended: the report of its last run. The outcome never rejects: a failure is an outcome with its error.
 */
export interface JobReport extends PipelineReport {
  readonly id: string;
  readonly name: string;
  /** The last 20 runs, oldest first. */
  readonly runs: readonly JobRun[];
}

/** A submitted job, as its owner sees it. */
export interface JobHandle {
  readonly id: string;
  readonly name: string;
  /** Resolves when the job has ended, in whatever way. */
  readonly outcome: Promise<JobReport>;
  /** The job now, read from shared memory: no message to its thread. */
  inspect(): JobInfo;
  /**
   * What happens to the job from now on, each transition with its cause: for any number of readers. It ends behind
   * `job.ended`, or with its `signal`. What came before is the `history` of `inspect()`.
   *
   * A reader holds nothing up. One that falls behind by more than `capacity` events misses the oldest, and reads how
   * many in their place (`events.missed`).
   *
   * @throws {InvalidOptionsError}
   */
  events(options?: EventStreamOptions): AsyncGenerator<EventOfJob | MissedEvents, void>;
  /**
   * The report of each stage about itself; asks the thread. Empty while it has no thread: before its start,
   * while it backs off, and once it has ended.
   *
   * @throws {PipelineError} `THREAD_BUSY` if the thread does not answer within ten seconds.
   */
  describe(): Promise<readonly StageReport[]>;
  /**
   * Stops reading after the current batch; rows inside the pipeline stay there.
   *
   * @throws {PipelineError} `JOB_STATE` if it drains or has ended, `THREAD_BUSY` if its thread does not answer
   *   within ten seconds: it pauses once it gets to it.
   */
  pause(): Promise<void>;
  /**
   * Reads on after a pause.
   *
   * @throws {PipelineError} As `pause`.
   */
  resume(): Promise<void>;
  /**
   * Ends the source and delivers the rows inside the pipeline. With checkpoints, too, this is the end of the run: the
   * next job of that name begins a new one. At the deadline the thread is ended, and the job is `stopped`.
   */
  drain(options?: { readonly deadlineMs?: number | undefined }): Promise<JobReport>;
  /**
   * Ends with a last checkpoint: the job is `stopped` (reason `suspended`), and the next one of that name goes on with
   * its run as if nothing had happened. Without checkpoints, the same as `drain`. At the deadline the thread is ended,
   * and the next start goes on from the checkpoint before.
   */
  suspend(options?: { readonly deadlineMs?: number | undefined }): Promise<JobReport>;
  /**
   * Ends without delivery; a job that backs off, at once. Anything not durable is lost; the report says how much. A thread that does not report
   * within 250 ms is ended by force, and then only the counters are known.
   */
  stop(): Promise<JobReport>;
  /**
   * Ends the run, and begins another one; one that backs off starts now. With checkpoints, the next run goes on where
   * this one was; without, it begins anew, and this one is ended as by `stop`. At the deadline the thread is ended. It
   * counts for no restart policy. A job that was paused is paused again.
   *
   * Resolves once the next run has been given a thread.
   *
   * @throws {PipelineError} `JOB_STATE` if the job waits in the queue, drains or has ended, or if it ends instead: by
   *   `stop`, at the end of its input, or since its thread could not be ended.
   * @throws {InvalidOptionsError} for an invalid deadline.
   */
  restart(options?: { readonly deadlineMs?: number | undefined }): Promise<void>;
}

/** What a group restarts for. Plain data. */
export interface GroupFailure {
  /** Id and name of the job that failed. */
  readonly id: string;
  readonly job: string;
  /** The group inside this one that has no restart left since then. */
  readonly group?: string;
  readonly error?: WireError;
}

/** Tells the reader of a stream of events, who was too slow, how many were dropped right before the next one. */
export interface MissedEvents {
  readonly type: 'events.missed';
  readonly count: number;
}

/** An event of one job. */
export type EventOfJob = Extract<RuntimeEvent, { readonly type: `job.${string}` }>;

/** The id of the job that an event is of; `undefined` if it is of none. */
export function jobIdOf(event: RuntimeEvent): string | undefined {
  if (event.type === 'job.ended') return event.report.id;
  return isOfJob(event) ? event.id : undefined;
}

const isOfJob = (event: RuntimeEvent): event is EventOfJob => event.type.startsWith('job.');

/** A breaker has come into another state. */
export type BreakerChange = Extract<
  BreakerEvent,
  { readonly type: 'opened' | 'halfOpened' | 'closed' | 'heldOpen' | 'disabled' }
>;

const BREAKER_CHANGES: readonly BreakerEvent['type'][] = [
  'opened',
  'halfOpened',
  'closed',
  'heldOpen',
  'disabled',
] satisfies BreakerChange['type'][];

/** Whether a breaker has come into another state. */
export const isBreakerChange = (event: BreakerEvent): event is BreakerChange =>
  BREAKER_CHANGES.includes(event.type);

/** An event that a runtime reports to its listeners, in order for each job. Plain data. */
export type RuntimeEvent =
  /**
   * The store of jobs has failed. If the error is retryable, changes wait and are tried again, up to `store.recovered`;
   * otherwise, what happens from now on is not kept.
   */
  | {
      readonly type: 'store.failed';
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly error: WireError;
    }
  /** All changes for which the store had no room are durable. */
  | {
      readonly type: 'store.recovered';
      /** Milliseconds since 1970. */
      readonly atMs: number;
    }
  | ({ readonly type: 'job.state'; readonly id: string; readonly name: string } & JobTransition)
  /** A job was not started when it was submitted, or not when what it waited for had come. */
  | {
      readonly type: 'job.waiting';
      readonly id: string;
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly waitsFor: readonly WaitReason[];
    }
  /** An `update` has ended: the job goes on with the changed spec, or with the one that it had. */
  | {
      readonly type: 'job.updated';
      readonly id: string;
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      /** Of the spec that it goes on with. */
      readonly revision: number;
      /** Why the changed spec did not run. */
      readonly error?: WireError;
    }
  /** The event loop of its thread does not turn: the run is ended. */
  | {
      readonly type: 'job.stuck';
      readonly id: string;
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly error: WireError;
    }
  /** Rows wait in it, and nothing moves. With `error`, it has been so for so long that the run is ended. */
  | ({
      readonly type: 'job.stalled';
      readonly id: string;
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly error?: WireError;
    } & StalledRows)
  /** Rows move again after `job.stalled`. */
  | {
      readonly type: 'job.moving';
      readonly id: string;
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
    }
  | { readonly type: 'job.ended'; readonly report: JobReport }
  /** A breaker of the runtime has come into another state, and why. */
  | {
      readonly type: 'breaker.state';
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly change: BreakerChange;
    }
  /** A group begins to restart, since one of its jobs or groups has failed. */
  | {
      readonly type: 'group.restarting';
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly cause: GroupFailure;
      /** Ids of the jobs that are started again, in this order. */
      readonly jobs: readonly string[];
      /** How many restarts fall in the time of the group's `within`, this one included. */
      readonly restarts: number;
    }
  /** A group has no restart left, or could not be restarted: all of its jobs end as `dead`, with this error. */
  | {
      readonly type: 'group.dead';
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly atMs: number;
      readonly cause: GroupFailure;
      readonly error: WireError;
      readonly jobs: readonly string[];
    }
  /** An instant of a schedule has come: its job was submitted, left out, or refused. */
  | {
      readonly type: 'schedule.due';
      /** Of the schedule, and of its jobs. */
      readonly name: string;
      /** Milliseconds since 1970. */
      readonly instantMs: number;
      readonly result: 'submitted' | 'skipped' | 'refused';
      /** Of the job that was submitted. */
      readonly id?: string;
      /** Why it was refused. */
      readonly error?: WireError;
    };
