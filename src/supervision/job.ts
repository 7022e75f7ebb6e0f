import type { WireError } from '../core/errors.js';
import type { CounterValues } from '../shared-memory/counters.js';
import type { PipelineReport, StageReport } from '../wire/pipeline-report.js';

export type JobState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'paused'
  | 'draining'
  | 'completed'
  | 'stopped'
  | 'failed';

/** A job at one instant. Plain data. */
export interface JobInfo {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** Read from shared memory: no message to the thread, true while it is blocked. */
  readonly counters: CounterValues;
  /** Since the thread's last sign of life; `undefined` before the first and after the end. */
  readonly heartbeatAgeMs?: number;
  /** Submit to the first batch; `undefined` before it. */
  readonly firstRowMs?: number;
  readonly error?: WireError;
  readonly history: readonly JobTransition[];
}

export interface JobTransition {
  readonly state: JobState;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly reason?: string;
}

/** How a job ended. Never rejects into the caller: a failure is an outcome with its error. */
export interface JobReport extends PipelineReport {
  readonly id: string;
  readonly name: string;
}

/** A submitted job, as its owner sees it. */
export interface JobHandle {
  readonly id: string;
  readonly name: string;
  /** Resolves when the job has ended, however it did. */
  readonly outcome: Promise<JobReport>;
  inspect(): JobInfo;
  /** What each stage says of itself; asks the thread. Empty once the job has ended. */
  describe(): Promise<readonly StageReport[]>;
  /** Stops reading after the current batch; what is inside stays there. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Ends the source and delivers what is inside. After the deadline the thread is ended, and the
   * job is `stopped`.
   */
  drain(options?: { readonly deadlineMs?: number }): Promise<JobReport>;
  /** Ends the thread now. What is not durable is lost; the report says how much. */
  stop(): Promise<JobReport>;
}

/** What a runtime tells its listeners, in order for each job. Plain data. */
export type RuntimeEvent =
  | ({ readonly type: 'job.state'; readonly id: string; readonly name: string } & JobTransition)
  | { readonly type: 'job.ended'; readonly report: JobReport };
