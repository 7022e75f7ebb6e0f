import type { Clock } from '../core/clock.js';
import { isEndState, type JobTerms } from '../supervision/job.js';
import type { JobActor } from '../supervision/job-actor.js';
import type { StartQueue } from '../supervision/start-queue.js';
import type { NeededJob } from './dependencies.js';
import type { JobGroups } from './groups/job-groups.js';
import type { JobAdmission } from './job-admission.js';

export interface AdmissionQueueContext {
  readonly clock: Clock;
  readonly admission: JobAdmission<JobActor>;
  readonly groups: JobGroups;
  /** @throws {PipelineError} `JOB_UNKNOWN`. */
  get(id: string): JobActor;
  /** A place has come free: starts soon what may start. */
  startSoon(): void;
}

/** The queue of the supervisor, by what was admitted: with which claim a job waits, and for which others. */
export class AdmissionQueue implements StartQueue<JobActor> {
  readonly #context: AdmissionQueueContext;

  constructor(context: AdmissionQueueContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#context.admission.first(this.#context.clock.now()) === undefined;
  }

  push(job: JobActor): void {
    this.#context.groups.join(job);
    const { dependsOn = [] } = job.terms ?? ({} as Partial<JobTerms>);
    const hasBegun = job.context.runs.length > 0; // what it waited for has come
    const needed = (hasBegun ? [] : dependsOn).map(({ job, id, on }): NeededJob<JobActor> => {
      return { job: id === undefined ? job : this.#context.get(id), on };
    });
    this.#context.admission.add(job, { name: job.name, claim: this.#claimOf(job), needed }, { isHeld: true });
  }

  takeBack(job: JobActor): boolean {
    return this.#context.admission.takeBack(job, { name: job.name, claim: this.#claimOf(job) });
  }

  #claimOf({ terms }: JobActor) {
    const { priority = 0, tenant, providers = [] } = terms ?? ({} as Partial<JobTerms>);
    return { priority, tenant, providers, sinceNs: this.#context.clock.now() };
  }

  shift(): JobActor | undefined {
    return this.#context.admission.take(this.#context.clock.now());
  }

  delete(job: JobActor): void {
    const { state, error } = job.inspect();
    if (!isEndState(state)) return;
    this.#context.admission.end(job, { state, message: error?.message });
    this.#context.startSoon();
  }
}
