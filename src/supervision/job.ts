import type { WireError } from '../core/errors.js';
import type { CounterValues } from '../shared-memory/counters.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';
import type { JobRun } from './job-runs.js';

/**
 * Where a job is in its life; the last four are ends. `backingOff`: its last run has ended, and the next one starts
 * later. `dead`: it failed, and has no restart left.
 */
export type JobState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'paused'
  | 'draining'
  | 'backingOff'
  | 'completed'
  | 'stopped'
  | 'failed'
  | 'dead';

/** A job at one instant. Plain data. */
export interface JobInfo {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /**
   * Read from shared memory without a message to the thread, so they are correct even while it is
   * blocked. Those of the run that has the thread, or had it last.
   */
  readonly counters: CounterValues;
  /** Ms since the thread's last heartbeat; `undefined` before the first one and after the end. */
  readonly heartbeatAgeMs?: number | undefined;
  /** Ms from submission to the first batch; `undefined` before it. */
  readonly firstRowMs?: number | undefined;
  /** Why it failed; while it backs off, why its last run did. */
  readonly error?: WireError | undefined;
  readonly history: readonly JobTransition[];
  /** The last 20 runs, oldest first. Empty while the job waits for its first thread. */
  readonly runs: readonly JobRun[];
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
   * The report of each stage about itself; asks the thread. Empty once the job has ended.
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
   * Ends the source and delivers the rows inside the pipeline. At the deadline the thread is ended, and
   * the job is `stopped`.
   */
  drain(options?: { readonly deadlineMs?: number | undefined }): Promise<JobReport>;
  /**
   * Ends without delivery. Anything not durable is lost; the report says how much. A thread that does not report
   * within 250 ms is ended by force, and then only the counters are known.
   */
  stop(): Promise<JobReport>;
}

/** An event that a runtime reports to its listeners, in order for each job. Plain data. */
export type RuntimeEvent =
  | ({ readonly type: 'job.state'; readonly id: string; readonly name: string } & JobTransition)
  | { readonly type: 'job.ended'; readonly report: JobReport };
