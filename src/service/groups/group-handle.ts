import type { WireError } from '../../core/errors.js';
import type { JobReport } from '../../supervision/job.js';

/** A group at one instant. Plain data. */
export interface GroupInfo {
  readonly name: string;
  readonly strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one';
  readonly parent?: string | undefined;
  /**
   * `restarting`: runs of its jobs end, or have ended and wait for one another; `dead`: its jobs have ended or end as
   * `dead`. A job that is submitted to it afterwards begins it anew.
   */
  readonly state: 'steady' | 'restarting' | 'dead';
  /** Ids of its live jobs, in order of submission. */
  readonly jobs: readonly string[];
  /** Groups that are a part of it. */
  readonly groups: readonly string[];
  /** Restarts that count now against `maxRestarts`. */
  readonly restarts: number;
  /** Why it is dead. */
  readonly error?: WireError | undefined;
}

/** A group of jobs, as its owner sees it. */
export interface GroupHandle {
  readonly name: string;
  /** The group now. */
  inspect(): GroupInfo;
  /**
   * Drains its jobs and those of the groups in it, the producers of topics before their consumers. At the deadline, the
   * threads of those that are still at it are ended. None of them is started again meanwhile.
   *
   * @returns How each job ended, in order of submission.
   * @throws {InvalidOptionsError} for an invalid deadline; then nothing was drained.
   */
  drain(options?: { readonly deadlineMs?: number | undefined }): Promise<readonly JobReport[]>;
  /** Stops its jobs and those of the groups in it, all at once. @returns As `drain`. */
  stop(): Promise<readonly JobReport[]>;
}
