import { url as inspectorUrl } from 'node:inspector';
import type { z } from 'zod';
import { assertFunction, assertMapping, assertText } from '../core/assert-argument.js';
import type { Clock } from '../core/clock.js';
import type { EventStreamOptions } from '../core/event-log.js';
import type { InspectMachine } from '../core/machine-inspection.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import { IsolatedHosts } from '../hosts/isolated-hosts.js';
import type { PlanningThreads } from '../hosts/planning-threads.js';
import { markOf } from '../hosts/processes/orphans.js';
import { ProcessPool } from '../hosts/processes/process-pool.js';
import { ThreadPool } from '../hosts/thread-pool.js';
import type { Catalogue } from '../plan/catalogue.js';
import type { PipelineSpec } from '../plan/typed-spec.js';
import type { BreakerEvent } from '../resilience/breaker/breaker-event.js';
import type { ResilienceServer } from '../resilience/remote/resilience-server.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { GroupHandle, GroupInfo } from '../service/groups/group-handle.js';
import { lastingIdPrefix } from '../service/job-identity.js';
import { PipelineService } from '../service/pipeline-service.js';
import type { Schedule } from '../service/schedules/schedule-options.js';
import type { ScheduleOptions } from '../service/schedules/schedule-settings.js';
import type { ScheduleHandle, ScheduleInfo } from '../service/schedules/scheduled-job.js';
import type { SubmitOptions } from '../service/submit-options.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';
import {
  isBreakerChange,
  type JobHandle,
  type JobInfo,
  type JobReport,
  type MissedEvents,
  type RuntimeEvent,
} from '../supervision/job.js';
import type { Logger } from '../telemetry/logger.js';
import { type TopicInfo, TopicRegistry } from '../topics/topic-registry.js';
import type { TopicSubscription } from '../topics/topic-subscription.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { JobIntake } from './job-intake.js';
import { keptIn } from './left-processes.js';
import type { RuntimeStore } from './open-store.js';
import { openSubscription } from './open-subscription.js';
import { resumeAll } from './resume-all.js';
import { serveResilience } from './serve-resilience.js';
import { SpecSchedules } from './spec-schedules.js';
import { SubmitDefaults } from './submit-defaults.js';
import type { SubmitTerms } from './submit-terms.js';
import type { SubscribeOptions } from './subscribe-options.js';
import type { UpdateOptions } from './update-options.js';

/** A runtime, created by `createRuntime`. Call its methods only in the thread that created it. */
export class PipelineRuntime {
  /** The budgets and breakers that specs may name; `undefined` if none were declared. */
  readonly resilience: ResilienceCoordinator | undefined;
  readonly #own: ResilienceCoordinator | undefined;
  readonly #showSecrets: () => void;
  readonly #planning: PlanningThreads;
  readonly #intake: JobIntake;
  readonly #store: RuntimeStore;
  readonly #log: Logger;
  readonly #pool: ThreadPool;
  readonly #service: PipelineService;
  readonly #topics = new TopicRegistry();
  readonly #subscriptions = new Set<TopicSubscription>();
  readonly #clock: Clock;
  readonly #schedules: SpecSchedules;
  /** Serves budgets and breakers to jobs in processes. */
  #server: Promise<ResilienceServer | undefined> | undefined;
  readonly #ignoreBreakers: () => void;

  constructor(context: RuntimeContext) {
    const { settings, planning, catalogue, logger, inspect, clock, resilience, own } = context;
    const { secrets, showSecrets } = context;
    const { store } = context;
    const kept = keptIn(settings);
    this.resilience = resilience;
    this.#clock = clock;
    this.#store = store;
    this.#log = logger;
    this.#own = own;
    this.#showSecrets = showSecrets;
    this.#planning = planning;
    this.#pool = new ThreadPool(settings, { onThreadExit: (threadId) => resilience?.reclaim(threadId) });
    this.#service = new PipelineService({
      limits: settings.limits,
      checkpoints: store.checkpoints,
      jobCheckpoints: store.jobCheckpoints,
      store: store.jobs,
      ...(store.jobs && { idPrefix: lastingIdPrefix() }),
      groups: settings.groups,
      clock,
      watchdog: {
        loopMs: settings.watchdog.loop / 1e6,
        progressMs: settings.watchdog.progress / 1e6,
        onStall: settings.watchdog.onStall,
      },
      isDebugged: () => inspectorUrl() !== undefined,
      threads: new IsolatedHosts(
        this.#pool,
        () =>
          new ProcessPool(settings, {
            ...(kept && { mark: markOf(kept) }),
            resilience: () => (this.#server ??= serveResilience(resilience, clock, logger)),
          }),
      ),
      log: logger,
      settings,
      resilience: resilience?.handle(),
      topics: this.#topics,
      secrets,
      inspect,
    });
    this.#ignoreBreakers = resilience?.onBreakers((event) => this.#tellBreaker(event)) ?? (() => {});
    this.#intake = new JobIntake({
      service: this.#service,
      planning,
      catalogue,
      resilience,
      defaults: new SubmitDefaults(context),
      hasStore: store.jobs !== undefined,
      topics: () => this.#topics.schemas,
    });
    this.#schedules = new SpecSchedules({ service: this.#service, intake: this.#intake, clock });
  }

  /**
   * Goes on with what is in the store. `createRuntime` calls it.
   *
   * @internal
   */
  async goOn(): Promise<void> {
    const { stored, jobCheckpoints: checkpoints } = this.#store;
    if (!stored) return;
    await resumeAll(stored, {
      service: this.#service,
      intake: this.#intake,
      checkpoints,
      log: this.#log,
      clock: this.#clock,
      schedule: (given, more) => this.#schedules.add(given, more),
    });
  }

  #tellBreaker(event: BreakerEvent): void {
    if (!isBreakerChange(event)) return;
    const atMs = Number(this.#clock.wall() / NANOS_PER_MILLI);
    this.#service.tell({ type: 'breaker.state', atMs, change: event });
  }

  /**
   * Starts the warm threads.
   *
   * @throws {PipelineError} `RUNTIME_CLOSED`.
   */
  async warm(): Promise<void> {
    this.#service.assertOpen();
    await this.#pool.warm();
  }

  /**
   * Checks a spec and starts its job, or queues it while all threads are taken. Failures of the job are
   * reported by its handle, not thrown here. Modules that the spec names are loaded in throw-away threads,
   * never in this one.
   *
   * @throws {InvalidOptionsError} if `options` are wrong.
   * @throws {InvalidSpecError} listing every problem of the spec, including conflicts with files that a
   *   live job reads or writes. The job was not started then.
   * @throws {PipelineError} `JOB_NAME_TAKEN` if a live job has that name; `JOB_QUEUE_FULL` if no more jobs may wait;
   *   `DEPENDENCY_CYCLE` if jobs would wait for one another; `JOB_UNKNOWN` if `dependsOn` has an id that no job has;
   *   `GROUP_UNKNOWN`; `GROUP_SPENT` while the group still ends its jobs;
   *   `RUNTIME_CLOSED`.
   */
  submit(spec: PipelineSpec, options?: SubmitOptions): Promise<JobHandle> {
    return this.#intake.submit(spec, options);
  }

  /**
   * Starts the job of a spec that `resolveSpec` has checked, or queues it like `submit`.
   *
   * @throws {InvalidSpecError} if its files conflict with those of a live job, or a module is in none of
   *   the `moduleFolders` of this runtime.
   * @throws {InvalidOptionsError} if `spec` does not have the form of such a spec, or `options` are wrong.
   * @throws {PipelineError} As `submit`.
   */
  submitResolved(spec: ResolvedSpec, options?: SubmitOptions): Promise<JobHandle> {
    return this.#intake.submitResolved(spec, options);
  }

  /**
   * Has a job go on with a changed spec where it is: the spec is checked and compared with the last checkpoint of the
   * job; the run at work ends with a last checkpoint; and the next one goes on from that, with the same run and files.
   * If it does not come to run, the job goes on with the spec that it had. A job that waits in the queue or backs off
   * takes the spec for its next run. It counts for no restart policy.
   *
   * @returns The job, once it runs with the changed spec.
   * @throws {InvalidSpecError} listing every problem of the spec. Then, as for all errors but the last two, nothing was
   *   changed.
   * @throws {InvalidOptionsError} for an invalid deadline.
   * @throws {PipelineError} `UPDATE_REFUSED` naming each change that its state cannot follow, or if it is at work
   *   without checkpoints; `JOB_UNKNOWN`; `RUNTIME_CLOSED`; `CHECKPOINT_INVALID` or `CHECKPOINT_FAILED` if its
   *   checkpoint cannot be read; `UPDATE_FELL_BACK` if the changed spec did not come to run; `JOB_STATE` if the job
   *   drains, restarts, is being updated or has ended, or ends before it runs with the changed spec.
   */
  async update(idOrName: string, spec: PipelineSpec, options: UpdateOptions = {}): Promise<JobInfo> {
    assertText('update', idOrName);
    assertMapping('update', options);
    this.#service.assertOpen();
    const { id } = this.#service.get(idOrName); // that one, whatever bears its name once the spec is checked
    return this.#intake.update(id, spec, options);
  }

  /**
   * As `submitResolved`, with what a store keeps of the spec.
   *
   * @internal
   */
  submitChecked(spec: ResolvedSpec, terms: SubmitTerms, options?: SubmitOptions): Promise<JobHandle> {
    return this.#intake.submitResolved(spec, options, terms);
  }

  /**
   * Submits a job of a spec at each instant of a schedule, one at a time. The spec is checked now, and again for each
   * job. After a time in which nothing could run, the latest instant that was missed is run once, and no instant is
   * run twice, however the wall clock is set. A job that is refused is told of by an event (`schedule.due`).
   *
   * A schedule keeps the process alive until `stop` or `close`.
   *
   * @throws {InvalidSpecError} listing every problem of the spec.
   * @throws {InvalidOptionsError} if `schedule` or `options` are wrong.
   * @throws {PipelineError} `JOB_NAME_TAKEN` if there is a schedule for a spec of that name; `RUNTIME_CLOSED`.
   */
  schedule(spec: PipelineSpec, schedule: Schedule, options: ScheduleOptions = {}): Promise<ScheduleHandle> {
    return this.#schedules.add({ spec, schedule, options });
  }

  /**
   * Returns the schedule for a spec of that name, also one that an earlier process had.
   *
   * @throws {PipelineError} `JOB_UNKNOWN`.
   */
  getSchedule(name: string): ScheduleHandle {
    assertText('getSchedule', name);
    return this.#schedules.get(name);
  }

  /** Lists the schedules that were not stopped. */
  schedules(): ScheduleInfo[] {
    return this.#schedules.list();
  }

  /** Lists the live jobs and the last thousand ended jobs, in order of submission. */
  list(): JobInfo[] {
    return this.#service.list();
  }

  /**
   * Returns a job by its id or name. By name, a live job comes before the one that ended last.
   *
   * @throws {PipelineError} `JOB_UNKNOWN`.
   */
  get(idOrName: string): JobHandle {
    assertText('get', idOrName);
    return this.#service.get(idOrName);
  }

  /** Lists the groups of the settings, with their live jobs. */
  groups(): GroupInfo[] {
    return this.#service.groups();
  }

  /**
   * Returns a group of the settings, to drain or stop all of its jobs.
   *
   * @throws {PipelineError} `GROUP_UNKNOWN`.
   */
  group(name: string): GroupHandle {
    assertText('group', name);
    return this.#service.group(name);
  }

  /**
   * Forgets a job that has ended, with its history; and its checkpoints, if no later job had its name. What it wrote
   * stays.
   *
   * @returns How it ended.
   * @throws {PipelineError} `JOB_UNKNOWN`; `JOB_STATE` if it has not ended.
   */
  async delete(idOrName: string): Promise<JobReport> {
    assertText('delete', idOrName);
    return this.#service.remove(idOrName);
  }

  /**
   * Subscribes to the rows of a topic, from now on: to those that jobs of this runtime give to their sink `topic`.
   * The columns are those of the producer, which may come later.
   *
   * @throws {InvalidOptionsError}
   * @throws {PipelineError} `RUNTIME_CLOSED`.
   */
  subscribe(topic: string, options: SubscribeOptions = {}): TopicSubscription {
    const subscription = openSubscription(topic, options, {
      topics: this.#topics,
      clock: this.#clock,
      assertOpen: () => this.#service.assertOpen(),
      onClose: (closed) => this.#subscriptions.delete(closed),
    });
    if (!options.signal?.aborted) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Lists the topics that have a producer or a consumer now. */
  topics(): readonly TopicInfo[] {
    return this.#topics.list();
  }

  /**
   * Threads of jobs that could not be ended and are still at work, and how many of these seem to be in a call that does
   * not return, such as `execFileSync`: `process.exit` waits for those.
   */
  get threadsLeft(): { readonly all: number; readonly blocked: number } {
    return this.#service.threadsLeft;
  }

  /** Subscribes to events. Call the returned function to unsubscribe. Errors of a listener have no effect. */
  on(listener: (event: RuntimeEvent) => void): () => void {
    assertFunction('on', listener);
    return this.#service.on(listener);
  }

  /**
   * What happens from now on, as `on` tells it: each transition of a job with its cause, findings of the watchdog,
   * groups, schedules, breakers. For any number of readers, each of which has all of it. It ends once the runtime is
   * closed, or with its `signal`.
   *
   * A reader holds nothing up. One that falls behind by more than `capacity` events misses the oldest, and reads how
   * many in their place (`events.missed`).
   *
   * @throws {InvalidOptionsError}
   *
   * @example
   * for await (const event of runtime.events()) {
   *   if (event.type === 'job.state') console.log(event.name, event.state, event.reason);
   * }
   */
  events(options?: EventStreamOptions): AsyncGenerator<RuntimeEvent | MissedEvents, void> {
    return this.#service.events(options);
  }

  /**
   * Accepts no more jobs, ends all live jobs, and then the threads. With `checkpoints`, jobs are suspended: submitted
   * again, in this process or the next one, they go on where they were. Without, they are drained. After the deadline
   * (`drainDeadlineMs` by default), jobs that are still at it are `stopped` and their threads ended.
   * A second call can only shorten the deadline. Loops over subscriptions read on meanwhile: awaited within such a
   * loop, this waits until the `blockDeadline` of the producer has passed, which fails if `overflow` is `block`.
   */
  async close(options: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    assertMapping('close', options);
    const closed = this.#service.close(options);
    if (this.#service.isClosed) this.#schedules.stop(); // not for a wrong deadline
    try {
      await closed;
      for (const subscription of this.#subscriptions) subscription.end();
      this.#topics.close();
      await this.#planning.close();
      await this.#pool.close();
      this.#ignoreBreakers();
      (await this.#server)?.close();
      this.#own?.close();
      this.#showSecrets();
    } finally {
      if (this.#service.isClosed) this.#service.endEvents();
    }
  }
}

/** What a runtime is created with. */
export interface RuntimeContext {
  readonly settings: RuntimeSettings;
  readonly store: RuntimeStore;
  /** The restart policy of jobs that have none of their own, as it was given. */
  readonly restart: z.input<typeof RuntimeSettings>['restart'];
  readonly planning: PlanningThreads;
  /** The components that specs can use. */
  readonly catalogue: Catalogue;
  readonly logger: Logger;
  readonly inspect: InspectMachine | undefined;
  readonly clock: Clock;
  readonly resilience: ResilienceCoordinator | undefined;
  /** The same object as `resilience` if the runtime created it, and so must close it. */
  readonly own: ResilienceCoordinator | undefined;
  /** Already hidden in this thread. */
  readonly secrets: readonly string[];
  /** Ends the hiding of `secrets` in this thread. */
  readonly showSecrets: () => void;
}
