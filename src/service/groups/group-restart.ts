import type { JobActor } from '../../supervision/job-actor.js';
import { bySubmission } from './submission-order.js';

export interface GroupRestartContext {
  /** Puts jobs in the order in which they are ended. */
  endOrder(jobs: readonly JobActor[]): readonly JobActor[];
  /** Asks a job to end its run and to begin another one. */
  requestRestart(job: JobActor): void;
  /** All runs have ended, and all of the next ones are due. In order of submission. */
  onDone(jobs: readonly JobActor[]): void;
}

/**
 * One restart of jobs of a group: their runs are ended one after the other, and none begins its next run before all of
 * them have ended. It holds no timer: each job has its own. Call `step` whenever one of them has moved, or is due.
 */
export class GroupRestart {
  readonly #context: GroupRestartContext;
  readonly #jobs = new Set<JobActor>();
  readonly #asked = new Set<JobActor>();
  #isOver = false;

  constructor(context: GroupRestartContext) {
    this.#context = context;
  }

  /** Whether a job is a part of it, and so has to wait. */
  holds(job: JobActor): boolean {
    return !this.#isOver && this.#jobs.has(job);
  }

  /** In order of submission. */
  get jobs(): readonly JobActor[] {
    return [...this.#jobs].sort(bySubmission);
  }

  /** Starts these again, too. A job that still waits in the queue has nothing to be restarted. */
  include(jobs: readonly JobActor[]): void {
    for (const job of jobs) if (job.state !== 'queued') this.#jobs.add(job);
  }

  /** Something else ends these. */
  exclude(jobs: readonly JobActor[]): void {
    for (const job of jobs) this.#jobs.delete(job);
  }

  /** Something else takes its place. */
  abandon(): void {
    this.#isOver = true;
  }

  /** Does what can be done now. */
  step(): void {
    if (this.#isOver) return;
    for (const job of this.#jobs) if (!job.isLive) this.#jobs.delete(job);
    const jobs = this.jobs;
    if (jobs.some((job) => this.#asked.has(job) && isLeaving(job))) return;
    const [next] = this.#context.endOrder(jobs.filter((job) => isAtWork(job)));
    if (next) {
      this.#asked.add(next);
      this.#context.requestRestart(next);
    } else if (jobs.every((job) => job.isDue)) {
      this.#isOver = true;
      this.#context.onDone(jobs);
    }
  }
}

/** Whether its run would go on if nobody asked it to end. */
export const isAtWork = ({ state }: JobActor): boolean =>
  state === 'starting' || state === 'running' || state === 'paused';

export const isLeaving = ({ state }: JobActor): boolean => state === 'restarting' || state === 'draining';
