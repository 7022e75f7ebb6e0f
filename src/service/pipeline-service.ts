import { PipelineError, toWireError } from '../core/errors.js';
import type { EventStreamOptions } from '../core/event-log.js';
import type { PlainData } from '../core/plain-data.js';
import { cutText } from '../core/shown-text.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { JobFiles } from '../plan/paths/job-files.js';
import type { GroupSettings } from '../settings/group-settings.js';
import type { JobLimits } from '../settings/job-limits.js';
import type { JobRecord, JobStore } from '../store/job-store.js';
import { drainDeadlineMs } from '../supervision/drain-deadline.js';
import {
  isEndState,
  type JobHandle,
  type JobInfo,
  type JobReport,
  type MissedEvents,
  type RuntimeEvent,
} from '../supervision/job.js';
import type { JobActor } from '../supervision/job-actor.js';
import type { JobPast } from '../supervision/job-life.js';
import { Supervisor, type SupervisorContext } from '../supervision/supervisor.js';
import type { JobBounds } from '../wire/bounds.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { providersOfSpec } from '../wire/stages-of-spec.js';
import { AdmissionQueue } from './admission-queue.js';
import { assertFollows } from './assert-follows.js';
import { logEvent } from './event-log-lines.js';
import type { GroupHandle, GroupInfo } from './groups/group-handle.js';
import { JobGroups } from './groups/job-groups.js';
import { JobAdmission } from './job-admission.js';
import type { BoundOptions } from './job-bounds-of.js';
import type { JobCheckpoints } from './job-checkpoints.js';
import { JOB_ID, termsOf } from './job-identity.js';
import type { JobKeeper, Submitted } from './job-keeper.js';
import {
  assertDelivery,
  assertIsolation,
  boundsOfSpec,
  cycleError,
  queueFullError,
} from './refuse-submit.js';
import { restartPolicy } from './restart-policy-of.js';
import { reachedPoints } from './resume-job.js';
import type { ScheduleRecords } from './schedules/schedule-records.js';
import { SettledJobs } from './settled-jobs.js';
import type { CheckedSubmitOptions } from './submit-options.js';
import { toldKeeper } from './told-keeper.js';

export interface PipelineServiceContext
  extends Omit<SupervisorContext, 'queue' | 'waitsFor' | 'gate' | 'onWish' | 'onForgotten'> {
  readonly limits: JobLimits;
  readonly groups?: Readonly<Record<string, GroupSettings>>;
  /** Where checkpoints of all jobs are kept; missing: there are none. */
  readonly checkpoints?: CheckpointFolder | undefined;
  /** What is in there. */
  readonly jobCheckpoints?: JobCheckpoints | undefined;
  /** Records of jobs, which outlive the process; missing: there are none. */
  readonly store?: JobStore | undefined;
}

/** Takes jobs, and decides which one the supervisor starts next: by priority, tenant, limits and dependencies. */
export class PipelineService {
  readonly #context: PipelineServiceContext;
  readonly #supervisor: Supervisor;
  readonly #admission: JobAdmission<JobActor>;
  readonly #keeper: JobKeeper | undefined;
  readonly #groups: JobGroups;
  readonly #settled = new SettledJobs<JobActor>({
    startQueued: () => this.#supervisor.startQueued(),
    onMet: (job) => this.#tellWaiting(job),
    onUnmeetable: (job, reason) => {
      if (!this.isClosed) job.refuse({ code: 'DEPENDENCY_UNMET', message: reason, retryable: false });
    },
  });
  /** Jobs that could not be resumed, and are to be with the next start. They count as ended here. */
  readonly #unresumed = new Map<JobActor, JobRecord>();
  /** Submits that are not durable yet. */
  readonly #submitting = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(context: PipelineServiceContext) {
    this.#context = context;
    this.#admission = new JobAdmission(context.limits, {
      onMet: (job) => this.#settled.add({ job }),
      onUnmeetable: (job, reason) => this.#settled.add({ job, reason }),
    });
    this.#keeper =
      context.store && toldKeeper(context.store, { ...context, tell: (event) => this.tell(event) });
    const keeper = this.#keeper;
    this.#groups = new JobGroups(context.groups ?? {}, {
      clock: context.clock,
      levels: (jobs) => context.topics?.levels(jobs) ?? [jobs],
      startAgain: (jobs) => this.#supervisor.startAgain(jobs),
      tell: (event) => this.tell(event),
      checkDeadline: (options) => drainDeadlineMs(options, context.settings),
      drain: (jobs, deadlineMs) =>
        this.#supervisor.endInOrder(jobs, deadlineMs, (job, leftMs) => job.drain({ deadlineMs: leftMs })),
    });
    this.#supervisor = new Supervisor({
      ...context,
      queue: new AdmissionQueue({
        clock: context.clock,
        admission: this.#admission,
        groups: this.#groups,
        get: (id) => this.#supervisor.get(id),
        startSoon: () => this.#settled.startSoon(),
      }),
      gate: this.#groups,
      ...(keeper && {
        onWish: (job, wish) => keeper.wish(job, wish),
        onForgotten: (job) => keeper.forget(job.id),
      }),
      waitsFor: (job) => this.#admission.waitsFor(job),
    });
    this.#supervisor.on((event) => this.#follow(event));
  }

  /**
   * Starts a job, or lets it wait until it may start.
   *
   * @param files - The files that it reads and writes, determined just now.
   * @throws {InvalidSpecError} if a job that has not ended uses the same files, or the spec has `delivery: exactly-once`
   *   and there is no checkpoint store.
   * @throws {InvalidOptionsError} As `boundsOf`.
   * @throws {PipelineError} `JOB_QUEUE_FULL`, `DEPENDENCY_CYCLE`, `JOB_UNKNOWN` if it depends on an id that no job
   *   has, `JOB_NAME_TAKEN` if a job of that name has not ended, `RUNTIME_CLOSED`.
   */
  submit(spec: ResolvedSpec, files: JobFiles | undefined, options: CheckedSubmitOptions): JobHandle {
    const job = this.#take(spec, files, options);
    this.release([job]);
    return job;
  }

  /**
   * As `submit`, with a store: resolves once the job is durable, and it does not start before that. It goes on with the
   * run of the job before if that one was suspended or its slice is over; otherwise it begins a new one. After the last slice of a run, nothing is left for another one.
   *
   * @throws What the store throws; then the job was not started.
   */
  async submitKept(
    spec: ResolvedSpec,
    files: JobFiles | undefined,
    { options, submitted }: { readonly options: CheckedSubmitOptions; readonly submitted: Submitted },
  ): Promise<JobHandle> {
    const keeper = this.#keeper;
    if (!keeper) return this.submit(spec, files, options);
    const before = this.#supervisor.find(spec.name);
    const goesOn = !before || this.#unresumed.has(before) || before.isContinued;
    const isNextSlice =
      options.slice !== undefined && before?.terms?.bounds?.isSlice === true && before.state === 'completed';
    const job = this.#take(spec, files, options);
    const begun = this.#context.jobCheckpoints?.begin(spec.name, { goesOn, isNextSlice });
    const added = Promise.resolve(begun).then(() => {
      this.assertOpen(); // a close does not know of a job that is not kept yet
      return keeper.add(job, submitted);
    });
    try {
      this.#submitting.add(added);
      await added;
    } catch (error) {
      job.refuse({ ...toWireError(error), retryable: false });
      this.#supervisor.forget(job);
      throw error;
    } finally {
      this.#submitting.delete(added);
    }
    const unresumed = before && this.#unresumed.get(before);
    if (unresumed) {
      keeper.addPast(before, unresumed); // it has ended for good: another one has taken its place
      this.#unresumed.delete(before);
      this.#supervisor.keepNoLonger(before);
    }
    this.release([job]);
    return job;
  }

  /**
   * Goes on with a job that an earlier process had. Those on which it depends were taken back or remembered before it,
   * as far as they are still known. One that has not begun starts once it is released.
   *
   * @throws {InvalidSpecError} if a job that was taken back before it uses the same files.
   * @throws {PipelineError} `GROUP_UNKNOWN`, or `GROUP_SPENT` if its group takes no jobs.
   */
  takeUp(
    spec: ResolvedSpec,
    files: JobFiles | undefined,
    { record, past }: { readonly record: JobRecord; readonly past: JobPast },
  ): JobActor {
    const { id, sequence } = record;
    const terms = { ...termsOf(record), providers: providersOfSpec(spec) };
    if (terms.group !== undefined) this.#groups.assertOpen(terms.group);
    const job = this.#supervisor.submit(spec, files, {
      checkpoints: this.#context.checkpoints,
      terms,
      past: { ...past, id, sequence },
    });
    for (const point of reachedPoints(record)) this.#admission.reach(job, point);
    this.#keeper?.addPast(job, record);
    return job;
  }

  /** Starts jobs that were taken up, as far as they may start. */
  release(jobs: readonly JobActor[]): void {
    for (const job of jobs) this.#admission.release(job);
    this.#supervisor.startQueued();
    for (const job of jobs) this.#tellWaiting(job);
  }

  /**
   * Remembers a job that has ended, in an earlier process or with it.
   *
   * @param options - `isToGoOn`: it merely cannot be resumed now. Its record stays, for the next start.
   */
  remember(
    record: JobRecord,
    past: JobPast,
    { isToGoOn = false }: { readonly isToGoOn?: boolean } = {},
  ): JobHandle {
    const { id, sequence, name } = record;
    const job = this.#supervisor.remember(name, {
      past: { ...past, id, sequence },
      terms: termsOf(record),
      isKept: isToGoOn,
    });
    const { state } = job;
    if (isEndState(state)) {
      const end = { state, message: job.error?.message };
      this.#admission.addEnded(job, name, { end, reached: reachedPoints(record) });
    }
    if (isToGoOn) this.#unresumed.set(job, record);
    else if (!isEndState(record.state)) this.#keeper?.addPast(job, record);
    return job;
  }

  /** Where schedules are kept; `undefined` without a store. */
  get scheduleRecords(): ScheduleRecords | undefined {
    return this.#keeper;
  }

  /** The numbers of jobs go on from that of a job before. */
  countFrom(sequence: number): void {
    this.#supervisor.countFrom(sequence);
  }

  #take(spec: ResolvedSpec, files: JobFiles | undefined, options: CheckedSubmitOptions): JobActor {
    const { dependsOn, restart, maxRows, maxDuration, until, slice, ...terms } = options;
    const bounds = this.boundsOf({ maxRows, maxDuration, until, slice }, spec);
    const { checkpoints, settings } = this.#context;
    assertDelivery(spec, { hasStore: checkpoints !== undefined });
    assertIsolation(spec, { submitted: options, defaults: settings });
    this.assertRoom({ name: spec.name, waits: dependsOn.length > 0 });
    const needed = dependsOn.map(({ job, on }) => ({ job: this.#find(spec.name, job), on }));
    const cycle = this.#admission.cycle(spec.name, needed);
    if (cycle) throw cycleError(cycle);
    if (terms.group !== undefined) this.#groups.assertOpen(terms.group);
    return this.#supervisor.submit(spec, files, {
      restart: restartPolicy(restart),
      checkpoints,
      bounds,
      terms: {
        ...terms,
        ...(bounds && { bounds }),
        ...(dependsOn.length > 0 && {
          dependsOn: needed.map(({ job: found, on }, i) => ({
            job: dependsOn[i]!.job,
            ...(typeof found !== 'string' && { id: found.id }),
            on,
          })),
        }),
        providers: providersOfSpec(spec),
      },
    });
  }

  /**
   * Returns where a job with these options ends.
   *
   * @throws {InvalidOptionsError} if they do not go together, or a slice has no store to go on from.
   * @throws {InvalidSpecError} for a slice of a spec that reads a topic.
   */
  boundsOf(options: BoundOptions, spec: ResolvedSpec): JobBounds | undefined {
    const { checkpoints, clock } = this.#context;
    const nowMs = Number(clock.wall() / NANOS_PER_MILLI);
    return boundsOfSpec(spec, options, { hasStore: checkpoints !== undefined, nowMs });
  }

  /**
   * A full queue takes in a job that others wait for and that waits for none: they could never leave it otherwise.
   *
   * @param job - The one that is to have a place, once it is known.
   * @throws {PipelineError} `RUNTIME_CLOSED`, or `JOB_QUEUE_FULL` while no more jobs may wait.
   */
  assertRoom(job?: { readonly name: string; readonly waits: boolean }): void {
    this.assertOpen();
    const { queued } = this.#context.limits;
    if (this.#admission.waiting < queued) return;
    if (!job?.waits && this.#admission.isAwaited(job?.name)) return;
    throw queueFullError(queued);
  }

  /** @throws {PipelineError} `RUNTIME_CLOSED`. */
  assertOpen(): void {
    this.#supervisor.assertOpen();
  }

  /**
   * Has a job go on with a changed spec from its checkpoint, which is compared with it before the run at work ends. A
   * job in the queue, and one that backs off, takes it at once.
   *
   * @param files - The files that the changed spec reads and writes, determined just now.
   * @throws {InvalidSpecError} if another job that has not ended uses the same files.
   * @throws {InvalidOptionsError} for an invalid deadline.
   * @param options - `written`: the changed spec as a store keeps it.
   * @throws {PipelineError} `UPDATE_REFUSED`, `UPDATE_FELL_BACK`, `JOB_STATE`, `JOB_UNKNOWN`, `RUNTIME_CLOSED`;
   *   `CHECKPOINT_INVALID` or `CHECKPOINT_FAILED` if its checkpoint cannot be read.
   */
  async update(
    idOrName: string,
    changed: ResolvedSpec,
    files: JobFiles | undefined,
    { written, ...options }: { readonly deadlineMs?: number | undefined; readonly written?: PlainData },
  ): Promise<JobInfo> {
    const job = this.#supervisor.get(idOrName);
    job.assertUpdatable();
    assertIsolation(changed, { submitted: job.terms ?? {}, defaults: this.#context.settings });
    await assertFollows(job, changed, this.#context.checkpoints);
    await this.#supervisor.update(job, changed, files, options);
    if (written !== undefined) await this.#keeper?.changeSpec(job, written);
    return job.inspect();
  }

  /** @see Supervisor.list */
  list(): JobInfo[] {
    return this.#supervisor.list();
  }

  /** @see Supervisor.get */
  get(idOrName: string): JobHandle {
    return this.#supervisor.get(idOrName);
  }

  /** Whether there is a job with this id or name. */
  has(idOrName: string): boolean {
    return this.#supervisor.find(idOrName) !== undefined;
  }

  /** The groups of jobs. */
  groups(): GroupInfo[] {
    return this.#groups.list();
  }

  /** @throws {PipelineError} `GROUP_UNKNOWN`. */
  group(name: string): GroupHandle {
    return this.#groups.get(name);
  }

  /** Tells the listeners of an event. */
  tell(event: RuntimeEvent): void {
    logEvent(event, this.#context.log);
    this.#supervisor.tell(event);
  }

  /** @see Supervisor.on */
  on(listener: (event: RuntimeEvent) => void): () => void {
    return this.#supervisor.on(listener);
  }

  /** @see Supervisor.events */
  events(options?: EventStreamOptions): AsyncGenerator<RuntimeEvent | MissedEvents, void> {
    return this.#supervisor.events(options);
  }

  /** @see Supervisor.endEvents */
  endEvents(): void {
    this.#supervisor.endEvents();
  }

  /**
   * Forgets an ended job, with its checkpoints if it is the last one of its name.
   *
   * @throws {PipelineError} `JOB_UNKNOWN`; `JOB_STATE` if it has not ended; what the stores throw.
   */
  async remove(idOrName: string): Promise<JobReport> {
    const job = this.#supervisor.get(idOrName);
    const { id, name, state } = job;
    if (job.isLive) {
      const message = `Job "${cutText(name)}" (${id}) is ${state}: stop or drain it before it is deleted`;
      throw new PipelineError('JOB_STATE', message);
    }
    if (this.#supervisor.find(name) === job) await this.#context.jobCheckpoints?.remove(name);
    await this.#keeper?.delete(id);
    this.#unresumed.delete(job);
    this.#supervisor.forget(job);
    return job.outcome;
  }

  /**
   * Those that wait are stopped; with a store, the next process goes on with all.
   *
   * @see Supervisor.close
   */
  async close(options: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    drainDeadlineMs(options, this.#context.settings); // nothing is closed for a wrong one
    this.#keeper?.beginClose();
    const closed = this.#supervisor.close(options);
    this.#groups.close();
    await closed;
    await Promise.allSettled(this.#submitting);
    this.#closing ??= this.#keeper?.close();
    await this.#closing;
  }

  /** @see Supervisor.threadsLeft */
  get threadsLeft(): { readonly all: number; readonly blocked: number } {
    return this.#supervisor.threadsLeft;
  }

  /** Whether it takes no jobs any more. */
  get isClosed(): boolean {
    return this.#supervisor.isClosed;
  }

  #follow(event: RuntimeEvent): void {
    if (event.type === 'job.ended') this.#keeper?.note(this.#supervisor.get(event.report.id));
    if (event.type !== 'job.state') return;
    const { state, id } = event;
    this.#keeper?.note(this.#supervisor.get(id));
    this.#groups.follow(this.#supervisor.get(id), event);
    if (state !== 'starting' && state !== 'running' && state !== 'paused') return;
    this.#admission.reach(this.#supervisor.get(id), state === 'starting' ? 'started' : 'ready');
  }

  /** @throws {PipelineError} `JOB_UNKNOWN` for an id that no job has. */
  #find(name: string, wanted: string): JobActor | string {
    if (wanted === name) return name;
    // An id is given by us, so that nobody submits a job with it later.
    if (JOB_ID.test(wanted)) return this.#supervisor.get(wanted);
    return this.#supervisor.find(wanted) ?? wanted;
  }

  #tellWaiting(job: JobActor): void {
    const waitsFor = this.#admission.waitsFor(job);
    if (!waitsFor || waitsFor.length === 0) return;
    const atMs = Number(this.#context.clock.wall() / NANOS_PER_MILLI);
    this.#supervisor.tell({ type: 'job.waiting', id: job.id, name: job.name, atMs, waitsFor });
  }
}
