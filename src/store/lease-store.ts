import type { Owner } from '../wire/checkpoint.js';

/** The wish to run a job. */
export interface LeaseRequest {
  /** Id of the job. */
  readonly job: string;
  /** Id of the run that it is for. */
  readonly run: string;
  /** Who is to hold it. */
  readonly owner: Owner;
  /** How long it lasts without a renewal, in ms; 0: until it is released, or the store is opened anew. */
  readonly ttlMs: number;
}

/** The right to run a job, until its time is over. Every write that it is for carries `epoch` and `owner`. */
export interface Lease extends LeaseRequest {
  /** Larger than that of any lease of this job before. */
  readonly epoch: number;
}

/**
 * Gives each job to one holder at a time. It is asynchronous, so that an implementation may be remote: every call may
 * reject with `UNAVAILABLE` (retryable), and then may have been carried out nevertheless.
 *
 * The time of a lease counts for its *holder* from the instant at which the claim, or the last renewal that was
 * answered, was sent; for the *store* from when it arrived. So the holder stops first, whichever messages are late or
 * lost. `HeldLease` does so. No wall clock takes part. A remote store adds what clocks may differ in their rate.
 */
export interface LeaseStore {
  /**
   * Gives the lease of a job if nobody holds it, under the next epoch.
   *
   * @throws {InvalidOptionsError} for a request of a wrong form.
   * @throws {PipelineError} `LEASE_HELD` (retryable) if somebody does, be it the same owner: an answer that was lost
   *   is waited for by the time of the lease.
   */
  claim(request: LeaseRequest): Promise<Lease>;
  /**
   * Begins its time anew. One whose time is over is renewed as long as nobody has claimed the job since.
   *
   * @throws {PipelineError} `FENCED` if it was released, or the job was claimed since: the lease is over for good.
   */
  renew(lease: Lease): Promise<void>;
  /** Ends it. Does nothing if it is over. */
  release(lease: Lease): Promise<void>;
}
