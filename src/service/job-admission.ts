import type { JobLimits } from '../settings/job-limits.js';
import type { DependencyPoint, WaitReason } from '../supervision/job.js';
import { Dependencies, type DependencyListener, type NeededJob } from './dependencies.js';
import { type StartClaim, StartOrder } from './start-order.js';
import type { JobEnd } from './unmet-reason.js';

/** A job that asks to be started. */
export interface JobRequest<Job> {
  readonly name: string;
  readonly claim: Omit<StartClaim, 'arrival'>;
  readonly needed: readonly NeededJob<Job>[];
}

/** Decides which job may start: dependencies say whether it is in the order, and the order says when. */
export class JobAdmission<Job extends object> {
  readonly #order: StartOrder<Job>;
  readonly #dependencies: Dependencies<Job>;
  /** Jobs that wait: `undefined` once they are in the order. */
  readonly #waiting = new Map<Job, StartClaim | undefined>();
  #added = 0;

  constructor(limits: JobLimits, listener: DependencyListener<Job>) {
    this.#order = new StartOrder(limits);
    this.#dependencies = new Dependencies({
      onMet: (job) => {
        this.#enter(job);
        listener.onMet(job);
      },
      onUnmeetable: (job, reason) => listener.onUnmeetable(job, reason),
    });
  }

  /** Jobs that have not started. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @see Dependencies.cycle */
  cycle(name: string, needed: readonly NeededJob<Job>[]): readonly string[] | undefined {
    return this.#dependencies.cycle(name, needed);
  }

  /** @see Dependencies.isAwaited */
  isAwaited(name?: string): boolean {
    return this.#dependencies.isAwaited(name);
  }

  add(job: Job, { name, claim, needed }: JobRequest<Job>): void {
    this.#waiting.set(job, { ...claim, arrival: this.#added++ });
    if (this.#dependencies.add(job, name, needed)) this.#enter(job);
  }

  /** @see StartOrder.first */
  first(nowNs: bigint): Job | undefined {
    return this.#order.first(nowNs);
  }

  /** @see StartOrder.take */
  take(nowNs: bigint): Job | undefined {
    const job = this.#order.take(nowNs);
    if (job) this.#waiting.delete(job);
    return job;
  }

  reach(job: Job, point: Exclude<DependencyPoint, 'completed' | 'succeeded'>): void {
    this.#dependencies.reach(job, point);
  }

  /** A job has ended for good. */
  end(job: Job, end: JobEnd): void {
    this.#waiting.delete(job);
    this.#order.remove(job);
    this.#dependencies.end(job, end);
  }

  /** All that wait for the job fail. */
  delete(job: Job): void {
    this.#dependencies.delete(job);
  }

  /** Everything that holds a job up; `undefined` if it does not wait. */
  waitsFor(job: Job): readonly WaitReason[] | undefined {
    if (!this.#waiting.has(job)) return undefined;
    const jobs = this.#dependencies.waitsFor(job).map((need) => ({ for: 'job', ...need }) as const);
    return [...jobs, ...(this.#order.waitsFor(job) ?? [])];
  }

  #enter(job: Job): void {
    this.#order.add(job, this.#waiting.get(job)!);
    this.#waiting.set(job, undefined);
  }
}
