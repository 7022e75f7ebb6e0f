import type { PlainData } from '../core/plain-data.js';
import type { JobDependency, JobState, JobTransition, JobWish } from '../supervision/job.js';
import type { JobRun } from '../supervision/job-runs.js';
import type { Restarts } from '../supervision/restart-policy.js';
import type { JobBounds } from '../wire/bounds.js';

/**
 * What of a job outlives the process. Plain data; instants are milliseconds since 1970, and deadlines are instants,
 * never timers.
 */
export interface JobRecord {
  /** Unique beyond the process. */
  readonly id: string;
  readonly name: string;
  /** Jobs are in the order of submission by it. */
  readonly sequence: number;
  readonly submittedAtMs: number;
  /** As it was submitted. */
  readonly spec: PlainData;
  /** Whether it was submitted as `resolveSpec` had checked it. */
  readonly isResolved?: boolean | undefined;
  /** The folder of the spec, if it was in a file: where packages with components are looked for. */
  readonly specFolder?: string | undefined;
  /** As they were submitted. */
  readonly options: PlainData;
  /** Which jobs its dependencies meant. */
  readonly dependsOn?: readonly JobDependency[] | undefined;
  /** The instant of the schedule that submitted it. */
  readonly instantMs?: number | undefined;
  readonly wish: JobWish;
  readonly state: JobState;
  /** The last 100, oldest first. */
  readonly history: readonly JobTransition[];
  /** The last 20, oldest first. */
  readonly runs: readonly JobRun[];
  /** What it has used of its restarts; missing: it has one run. */
  readonly restarts?: Restarts | undefined;
  /** Of `backingOff`: when its next run starts. */
  readonly deadlineAtMs?: number | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
  /** When the duration of its bounds is over. */
  readonly durationAtMs?: number | undefined;
  /** Whether the run at work has delivered rows for as long as the restart policy asks for. */
  readonly isStable?: boolean | undefined;
  /** Whether the next job of its name goes on with its run: it was suspended by hand, or its slice is over. */
  readonly isContinued?: boolean | undefined;
}

/** What of a schedule outlives the process. */
export interface ScheduleRecord {
  /** Of the schedule, and of its jobs. */
  readonly name: string;
  readonly spec: PlainData;
  readonly schedule: PlainData;
  readonly options: PlainData;
  /** How far it has come: see `ScheduleProgress`. */
  readonly progress: PlainData;
}

/** What a store has. */
export interface StoredJobs {
  /** In order of submission. */
  readonly jobs: readonly JobRecord[];
  readonly schedules: readonly ScheduleRecord[];
}

/**
 * Keeps the records of jobs and schedules for one owner. It is asynchronous, so that an implementation may be remote.
 * What it takes and returns shares no memory with what it keeps.
 *
 * A change that has resolved is durable. Changes take effect in the order of the calls, also those that were not
 * awaited. One that rejects with a retryable `STORE_FAILED` (a full disk) was not made, and later ones may be. After any
 * other `STORE_FAILED` it may have been made nevertheless, and no later one is made before the store is opened anew.
 */
export interface JobStore {
  /**
   * Gives all that is kept. A store may open by it.
   *
   * @throws {PipelineError} `STORE_IN_USE` if it is that of another owner, `STORE_INVALID` if it is damaged,
   *   `STORE_NEWER` if a newer release wrote it, `STORE_FAILED` if it cannot be read or was closed.
   */
  load(): Promise<StoredJobs>;
  /** Adds a record, or replaces the one of that id. */
  putJob(record: JobRecord): Promise<void>;
  /** Removes the record of that id, if there is one. */
  deleteJob(id: string): Promise<void>;
  /** Adds a record, or replaces the one of that name. */
  putSchedule(record: ScheduleRecord): Promise<void>;
  /** Removes the record of that name, if there is one. */
  deleteSchedule(name: string): Promise<void>;
  /** Resolves when all changes have settled, and the store is free for another owner. */
  close(): Promise<void>;
}
