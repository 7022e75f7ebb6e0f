import type { JobLimits } from '../settings/job-limits.js';
import type { DependencyPoint, WaitReason } from '../supervision/job.js';
import { Dependencies, type DependencyListener, type NeededJob } from './dependencies.js';
import { type StartClaim, StartOrder } from './start-order.js';
import type { JobEnd } from './unmet-reason.js';

/** What a job comes to before its end. */
export type ReachedPoint = Exclude<DependencyPoint, 'completed' | 'succeeded'>;

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
  /** Jobs that may not start before they are released, and whether nothing else holds them up. */
  readonly #held = new Map<Job, boolean>();
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

  /** @param options - `isHeld`: it does not start before it is released. */
  add(
    job: Job,
    { name, claim, needed }: JobRequest<Job>,
    { isHeld = false }: { readonly isHeld?: boolean } = {},
  ): void {
    this.#waiting.set(job, { ...claim, arrival: this.#added++ });
    if (isHeld) this.#held.set(job, false);
    if (this.#dependencies.add(job, name, needed)) this.#enter(job);
  }

  /** A job may start once nothing else holds it up. */
  release(job: Job): void {
    const isReady = this.#held.get(job);
    this.#held.delete(job);
    if (isReady) this.#enter(job);
  }

  /**
   * Takes in a job that has begun in an earlier process, with its places.
   *
   * @returns Whether no limit stood in the way. Otherwise, nothing was done.
   */
  takeBack(job: Job, { name, claim }: Omit<JobRequest<Job>, 'needed'>): boolean {
    if (!this.#order.takeBack(job, claim)) return false;
    this.#dependencies.add(job, name, []);
    return true;
  }

  /** Takes in a job that has ended in an earlier process, for those that depend on it. */
  addEnded(
    job: Job,
    name: string,
    { end, reached }: { readonly end: JobEnd; readonly reached: readonly ReachedPoint[] },
  ): void {
    this.#dependencies.add(job, name, []);
    for (const point of reached) this.#dependencies.reach(job, point);
    this.#dependencies.end(job, end);
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

  reach(job: Job, point: ReachedPoint): void {
    this.#dependencies.reach(job, point);
  }

  /** A job has ended for good. */
  end(job: Job, end: JobEnd): void {
    this.#waiting.delete(job);
    this.#held.delete(job);
    this.#order.remove(job);
    this.#dependencies.end(job, end);
  }

  /** Everything that holds a job up; `undefined` if it does not wait. */
  waitsFor(job: Job): readonly WaitReason[] | undefined {
    if (!this.#waiting.has(job)) return undefined;
    const jobs = this.#dependencies.waitsFor(job).map((need) => ({ for: 'job', ...need }) as const);
    return [...jobs, ...(this.#order.waitsFor(job) ?? [])];
  }

  #enter(job: Job): void {
    if (this.#held.has(job)) {
      this.#held.set(job, true);
      return;
    }
    this.#order.add(job, this.#waiting.get(job)!);
    this.#waiting.set(job, undefined);
  }
}
