import type { Clock } from '../core/clock.js';
import { PipelineError, toWireError, type WireError } from '../core/errors.js';
import type { EventLog, EventStreamOptions } from '../core/event-log.js';
import type { InspectMachine } from '../core/machine-inspection.js';
import { type Nanos, nanos } from '../core/units.js';
import type { Isolation, Threads } from '../hosts/threads.js';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import { type CounterValues, nothingCounted } from '../shared-memory/counters.js';
import { heartbeatAgeMs } from '../shared-memory/heartbeat.js';
import type { Logger } from '../telemetry/logger.js';
import type { TopicRegistry } from '../topics/topic-registry.js';
import type { JobBounds } from '../wire/bounds.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';
import type { StageReport } from '../wire/pipeline-report.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { needsResilience, stagesOf, topicsOfSpec } from '../wire/stages-of-spec.js';
import { pendingStart, StartStep } from '../wire/start-step.js';
import { threadNeeds } from '../wire/thread-needs.js';
import { answered } from './answer-deadline.js';
import { BoundTimers } from './bound-timers.js';
import { Deadline, drainDeadlineMs } from './drain-deadline.js';
import { isFencedBy } from './fenced-sinks.js';
import { type IsolationWish, isolationOf } from './isolation-of.js';
import {
  type EventOfJob,
  isEndState,
  type JobHandle,
  type JobInfo,
  type JobReport,
  type JobState,
  type JobTerms,
  type JobTransition,
  type JobWish,
  type MissedEvents,
  type RuntimeEvent,
  type StalledRows,
  type WaitReason,
} from './job.js';
import { boundInstants } from './job-bounds.js';
import type { JobCommand, JobContext, JobEvent, RequestedEnd, RequestedRestart } from './job-context.js';
import { JobLife, type JobPast } from './job-life.js';
import type { JobMachine } from './job-machine.js';
import { type CutShort, jobReport } from './job-report.js';
import { epochToFollow } from './job-runs.js';
import { NextRun } from './next-run.js';
import { NextThread } from './next-thread.js';
import type { Restarts } from './restart-policy.js';
import { mayRestart } from './run-end.js';
import { RunThread } from './run-thread.js';
import { eventLog } from './runtime-events.js';
import { SpecRevisions, type UpdateEnd } from './spec-revisions.js';
import { leftAt, stalledError, stalledRows, stuckError } from './watch-findings.js';
import type { StallFinding, StuckFinding, WatchedJob, WatchedRun } from './watchdog.js';

/** What belongs to a job beside its spec. */
export interface JobSettings {
  /** Missing: the job has one run. */
  readonly restarts?: Restarts | undefined;
  /** Where its checkpoints are kept; missing: there are none. */
  readonly checkpoints?: CheckpointFolder | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
  /** What the queue goes by, and what is shown of it. */
  readonly terms?: JobTerms | undefined;
  /** Jobs are in the order of submission by it. */
  readonly sequence?: number | undefined;
  /** Of a job that an earlier process had. */
  readonly past?: JobPast | undefined;
}

export interface JobActorSettings extends IsolationWish {
  /** From getting a thread until all stages are open. */
  readonly startDeadlineMs: number;
  /** For a drain without a deadline of its own. */
  readonly drainDeadlineMs: number;
  /** How long an actor that must not be terminated may take to end by itself. */
  readonly stopGraceMs: number;
}

/** What all jobs of a supervisor share. */
export interface JobActorContext {
  readonly clock: Clock;
  /** Uses the same clock. Shared by all jobs, since creating a machine takes longer than running it. */
  readonly machine: JobMachine;
  readonly threads: Threads;
  readonly log: Logger;
  readonly settings: JobActorSettings;
  readonly resilience?: ResilienceHandle | undefined;
  readonly topics?: TopicRegistry | undefined;
  readonly secrets?: readonly string[] | undefined;
  readonly inspect?: InspectMachine | undefined;
  /** Why a job is still in the queue, if anybody knows. */
  waitsFor?(job: JobActor): readonly WaitReason[] | undefined;
  /**
   * Called when the user has asked for something, before it is done; not when the supervisor closes. What it returns
   * is waited for before the call of the user is answered, which rejects with it. Must not throw.
   */
  onWish?(job: JobActor, wish: JobWish): Promise<void> | undefined;
  /** Called when a change of its spec has ended. Must not throw. */
  onUpdate(job: JobActor, end: UpdateEnd): void;
  /** Called after each step of the machine. Must not throw. */
  onTransition(job: JobActor, transition: JobTransition): void;
  /** Called with what the watchdog has found. Must not throw. */
  onFinding(job: JobActor, finding: WatchEvent): void;
  /** Called when the job has ended. Must not throw. */
  onEnd(job: JobActor, report: JobReport): void;
  /** Called when its next run is due, for which it needs a thread: `start` or `refuse` it. Must not throw. */
  onRestartDue(job: JobActor): void;
  /** Called when its thread has begun the task. Must not throw. */
  onThreadBegun(job: JobActor): void;
  /** Called when a thread of it could not be ended, and was left running. Must not throw. */
  onThreadLeft(job: JobActor): void;
  /**
   * Called when its thread is free or was lost: when the run ends, or later if the thread could not be
   * ended. Must not throw.
   */
  onThreadFreed(job: JobActor, loss: WireError | undefined): void;
  /** Called when a thread has ended that was left running before a later run of the job. Must not throw. */
  onLeftThreadFreed(job: JobActor): void;
}

/** What the supervisor tells of a finding of the watchdog. */
export type WatchEvent = Extract<RuntimeEvent, { readonly type: 'job.stuck' | 'job.stalled' | 'job.moving' }>;

/** One job: its machine, and the threads and timers that carry out the machine's decisions. */
export class JobActor implements JobHandle, WatchedJob {
  readonly id: string;
  readonly name: string;
  readonly terms: JobTerms | undefined;
  readonly sequence: number;
  readonly outcome: Promise<JobReport>;
  readonly #context: JobActorContext;
  readonly #life: JobLife;
  readonly #submittedAtNs: bigint;
  readonly #resolveOutcome: (report: JobReport) => void;
  readonly #specs: SpecRevisions;
  readonly #settings: JobSettings;
  /** Of the run that is at work. */
  #thread: RunThread | undefined;
  /** Of the last run: a job in the queue has counted nothing. */
  #lastThread: RunThread | undefined;
  /** Threads that are at work for it: that of its run, and those that could not be ended. */
  readonly #threads = new Set<RunThread>();
  #stalled: StalledRows | undefined;
  #mayRunUntilNs: Nanos = NO_END;
  /** Of its last run. */
  #isolation: Isolation['by'] = 'thread';
  /** Whether the thread before came up. */
  #cameUp = false;
  /** When the first batch of all runs came. */
  #firstRowAtNs = 0;
  #report: JobReport | undefined;
  /** Set with the report. */
  #endState: JobState = 'failed';
  #lastTransition: JobTransition | undefined;
  /** Made for its first reader. */
  #events: EventLog<EventOfJob | MissedEvents> | undefined;
  /** Somebody has asked to suspend it. */
  #wasSuspended = false;
  readonly #deadline: Deadline;
  /** While it backs off. */
  readonly #nextThread: NextThread;
  readonly #nextRun: NextRun;
  readonly #bounds: BoundTimers;

  /** @param spec - Of a job that has ended, no more than the name is left. */
  constructor(
    id: string,
    spec: ResolvedSpec | { readonly name: string },
    context: JobActorContext,
    settings: JobSettings = {},
  ) {
    this.id = id;
    this.name = spec.name;
    this.terms = settings.terms;
    this.sequence = settings.sequence ?? 0;
    this.#context = context;
    this.#specs = new SpecRevisions(spec, (end) => context.onUpdate(this, end));
    this.#settings = settings;
    this.#nextRun = new NextRun(spec.name);
    this.#deadline = new Deadline(context.clock, () => this.#meetDeadline());
    this.#nextThread = new NextThread(context.clock, context.threads);
    this.#bounds = new BoundTimers(context.clock, (bound) => this.#endAt(bound));
    this.#submittedAtNs = context.clock.now();
    let resolveOutcome: (report: JobReport) => void = () => {};
    this.outcome = new Promise((resolve) => {
      resolveOutcome = resolve;
    });
    this.#resolveOutcome = resolveOutcome;
    const { machine, inspect } = context;
    const { restarts, past } = settings;
    this.#life = new JobLife(
      {
        id,
        machine,
        inspect,
        queuedAtMs: this.#deadline.in(0),
        restarts,
        bounds: settings.bounds,
        past,
      },
      {
        onCommand: (command) => this.#obey(command),
        onStep: () => this.#follow(),
        onFault: (error) => this.#abandonMachine(error),
      },
    );
    if (past && isEndState(past.state)) this.#finish();
  }

  /** Of the run at work, or of the next one; missing once the job has ended. */
  get spec(): ResolvedSpec | undefined {
    return this.#specs.spec;
  }

  /** Puts the job in the queue; one that backed off in an earlier process goes on with that. */
  submit(): void {
    this.#tellTransition();
    this.#life.begin();
    this.#bounds.arm(boundInstants(this.#life.context));
    this.#deadline.arm(this.#life.context.deadlineAtMs);
  }

  /** What of the job may outlive the process. */
  get context(): JobContext {
    return this.#life.context;
  }

  /** Whether the next job of its name goes on with its run: it was suspended by hand, or its slice is over. */
  get isContinued(): boolean {
    return (
      this.#wasSuspended ||
      this.#life.context.report?.reason === 'sliced' ||
      this.#settings.past?.isContinued === true
    );
  }

  /** Whether the run at work has delivered rows for this time. */
  hasDeliveredFor(ms: number): boolean {
    return this.#thread?.hasDeliveredFor(ms) === true;
  }

  get state(): JobState {
    return this.#report ? this.#endState : this.#life.state;
  }

  get isLive(): boolean {
    return this.#report === undefined;
  }

  /** Whether its last thread came up. The supervisor uses this to detect that threads cannot be started. */
  get hasHeartbeat(): boolean {
    return this.#thread?.hasHeartbeat ?? this.#cameUp;
  }

  /** Whether a thread is at work for it: also one that could not be ended with the job. */
  get hasThread(): boolean {
    return this.#threads.size > 0;
  }

  /** Threads that could not be ended, and are still at work. */
  get threadsLeft(): number {
    return this.#threads.size - (this.#thread && this.#threads.has(this.#thread) ? 1 : 0);
  }

  /** Of these, the ones that can be waited for in vain: in a call that does not return. */
  get blockedThreadsLeft(): number {
    return [...this.#threads].filter((thread) => thread !== this.#thread && thread.isBlocked).length;
  }

  /** Whether its next run is due, and waits for a thread. */
  get isDue(): boolean {
    return this.state === 'backingOff' && this.#life.context.deadlineAtMs === undefined;
  }

  /** Gives the job a thread: takes it out of the queue, or ends its back-off. */
  start(): void {
    const { spec } = this.#specs;
    const { state } = this;
    if (!spec || (state !== 'queued' && state !== 'backingOff')) return;
    const { clock, threads, log, settings, resilience, secrets = [] } = this.#context;
    const { checkpoints, restarts, bounds } = this.#settings;
    const followsEpoch = epochToFollow(this.#life.context.runs);
    const topics = topicsOfSpec(spec) && this.#context.topics?.linkOf(this.id);
    const isolation = this.#isolationOf(spec);
    this.#isolation = isolation.by;
    const thread: RunThread = new RunThread(
      {
        clock,
        threads,
        log: log.child({ job: this.name }),
        reusable: !stagesOf(spec).some(({ runsUserCode }) => runsUserCode),
        prepared: this.#nextThread.take(),
        isolation,
        stopGraceMs: settings.stopGraceMs,
        mayRunUntilNs: this.#mayRunUntilNs,
        task: {
          spec,
          ...(needsResilience(spec) && resilience && { resilience }),
          ...(secrets.length > 0 && { secrets }),
          ...(topics && { topics }),
          ...(checkpoints && {
            checkpoints: followsEpoch === undefined ? checkpoints : { ...checkpoints, followsEpoch },
          }),
          ...(bounds && { bounds }),
          ...(restarts && { restarts: restarts.policy.policy }),
        },
      },
      {
        onBegun: () => this.#context.onThreadBegun(this),
        onClaimed: (epoch) => this.#tell(thread, { type: 'run.claimed', epoch }),
        onReady: () => this.#tell(thread, { type: 'actor.ready' }),
        onEnded: (report) => this.#tellEnd(thread, { type: 'pipeline.ended', report }),
        onLost: (lost) => {
          const error = isLeftRunning(lost) ? leftAt(spec, lost, thread.watch.place) : lost;
          this.#tellEnd(thread, { type: 'thread.lost', error });
        },
        onFreed: (loss) => {
          this.#threads.delete(thread);
          if (this.#thread && this.#thread !== thread) {
            this.#context.onLeftThreadFreed(this);
            return;
          }
          // The error of the run says why it was ended; that of a dead job is about its restarts.
          this.#context.onThreadFreed(this, loss && (this.#life.context.runs.at(-1)?.error ?? loss));
        },
      },
    );
    this.#thread = thread;
    this.#lastThread = thread;
    this.#threads.add(thread);
    // Last, since a listener may stop the job as soon as it sees this event; then there must be something
    // to end.
    this.#send({
      type: 'thread.assigned',
      deadlineAtMs: this.#deadline.in(settings.startDeadlineMs),
      revision: this.#specs.revision,
      isFenced: isFencedBy(spec, checkpoints !== undefined),
    });
  }

  /**
   * Says until when its runs may deliver and commit: whoever holds its lease moves the instant on with each renewal,
   * also while the thread is blocked. A run that comes to it ends with `LEASE_LOST`.
   *
   * @param instant - On the clock of the process; 0, the default: there is no end. Holds for later runs, too.
   */
  mayRunUntil(instant: Nanos): void {
    this.#mayRunUntilNs = instant;
    this.#thread?.mayRunUntil(instant);
  }

  /** Fails the start of a job without a thread, because none can be started. */
  refuse(error: WireError): void {
    this.#send({ type: 'thread.lost', error });
  }

  /** Why it failed; while it backs off, why its last run did. */
  get error(): WireError | undefined {
    return this.#report ? this.#report.error : this.#life.context.error;
  }

  inspect(): JobInfo {
    const { context } = this.#life;
    const counters = this.#report?.counters ?? this.#counted();
    const firstRowAtNs = this.#firstRowAtNs || counters.firstRowAtNs;
    const ageMs = this.#thread && heartbeatAgeMs(counters, this.#context.clock.now());
    const { error } = this;
    const waitsFor = this.state === 'queued' ? this.#context.waitsFor?.(this) : undefined;
    return {
      id: this.id,
      name: this.name,
      state: this.state,
      revision: this.#specs.revision,
      ...this.terms,
      ...this.#host,
      ...(waitsFor && { waitsFor }),
      counters,
      ...(ageMs !== undefined && { heartbeatAgeMs: ageMs }),
      ...(this.#stalled && { stalled: this.#stalled }),
      ...(firstRowAtNs > 0 && { firstRowMs: (firstRowAtNs - Number(this.#submittedAtNs)) / 1e6 }),
      ...(error && { error }),
      history: context.history,
      runs: context.runs,
    };
  }

  /** What it runs in, or will. */
  get #host(): Pick<JobInfo, 'isolation' | 'pid'> {
    const { spec } = this.#specs;
    if (this.#thread) return this.#thread.host;
    return spec ? { isolation: this.#isolationOf(spec).by } : {};
  }

  #isolationOf(spec: ResolvedSpec): Isolation {
    return isolationOf(spec, { submitted: this.terms ?? {}, defaults: this.#context.settings });
  }

  /** What the watchdog looks at: a start and an end have deadlines of their own. */
  get watched(): { readonly run: WatchedRun; readonly isPaused: boolean } | undefined {
    const { state } = this;
    if (!this.#thread || (state !== 'running' && state !== 'paused')) return undefined;
    return { run: this.#thread, isPaused: state === 'paused' };
  }

  findStuck(finding: StuckFinding): void {
    const { spec } = this.#specs;
    if (!spec) return;
    const error = stuckError(spec, finding);
    this.#context.onFinding(this, { type: 'job.stuck', ...this.#now, error });
    this.#send({ type: 'run.stuck', error });
  }

  findStalled(finding: StallFinding): void {
    const { spec } = this.#specs;
    if (!spec) return;
    const error = finding.mustEnd ? stalledError(spec, finding) : undefined;
    const stalled = stalledRows(spec, finding, this.#deadline.in(0));
    this.#stalled = stalled;
    this.#context.onFinding(this, { type: 'job.stalled', ...this.#now, ...stalled, ...(error && { error }) });
    if (error) this.#send({ type: 'run.stuck', error });
  }

  findMoving(): void {
    this.#stalled = undefined;
    this.#context.onFinding(this, { type: 'job.moving', ...this.#now });
  }

  get #now(): { readonly id: string; readonly name: string; readonly atMs: number } {
    return { id: this.id, name: this.name, atMs: this.#deadline.in(0) };
  }

  async describe(): Promise<readonly StageReport[]> {
    return (await this.#answered('describe', this.#thread?.ask('describe'))) ?? [];
  }

  async pause(): Promise<void> {
    this.#expectBeforeEnd('paused');
    const kept = this.#wish('pause');
    this.#send({ type: 'pause.requested' });
    await this.#answered('pause', this.#thread?.acknowledged);
    await kept;
  }

  async resume(): Promise<void> {
    this.#expectBeforeEnd('resumed');
    const kept = this.#wish('run');
    this.#send({ type: 'resume.requested' });
    await this.#answered('resume', this.#thread?.acknowledged);
    await kept;
  }

  async drain(options: { readonly deadlineMs?: number | undefined } = {}): Promise<JobReport> {
    const deadlineMs = drainDeadlineMs(options, this.#context.settings);
    const kept = this.#wish('stop');
    this.#send({ type: 'drain.requested', deadlineAtMs: this.#deadline.in(deadlineMs) });
    await kept;
    return this.outcome;
  }

  async suspend(options: { readonly deadlineMs?: number | undefined } = {}): Promise<JobReport> {
    drainDeadlineMs(options, this.#context.settings); // a wrong one asks for nothing
    this.#wasSuspended ||= this.isLive;
    const kept = this.#wish('stop');
    const outcome = this.leave(options);
    await kept;
    return outcome;
  }

  /** As `suspend`, but nobody has asked for the end of the job: the supervisor closes. */
  async leave(options: { readonly deadlineMs?: number | undefined }): Promise<JobReport> {
    const deadlineAtMs = this.#deadline.in(drainDeadlineMs(options, this.#context.settings));
    // Without checkpoints, there is nothing to go on from.
    const type = this.#settings.checkpoints ? 'suspend.requested' : 'drain.requested';
    this.#send({ type, deadlineAtMs });
    return this.outcome;
  }

  async stop(): Promise<JobReport> {
    const kept = this.#wish('stop');
    this.#send({ type: 'stop.requested' });
    await kept;
    return this.outcome;
  }

  #wish(wish: JobWish): Promise<void> | undefined {
    const kept = this.isLive ? this.#context.onWish?.(this, wish) : undefined;
    kept?.catch(() => {}); // the caller awaits it later
    return kept;
  }

  /** @throws {PipelineError} `JOB_STATE` if it drains, restarts, is being updated or has ended. */
  assertUpdatable(): void {
    const { state } = this;
    if (!this.isLive || state === 'draining') {
      throw new PipelineError('JOB_STATE', `Job "${this.name}" is ${state} and can no longer be updated`);
    }
    if (!this.#specs.isUpdating && state !== 'restarting') return;
    const what = this.#specs.isUpdating ? 'being updated' : state;
    throw new PipelineError('JOB_STATE', `Job "${this.name}" is ${what}: update it once it runs`);
  }

  /**
   * Goes on with a changed spec: the run at work ends with a last checkpoint, and another one begins. Without one, the
   * next run has it. If no run with it comes to run, the job goes on with the spec before.
   *
   * @throws {PipelineError} As `assertUpdatable`; `UPDATE_FELL_BACK`; `JOB_STATE` if the job ends before that.
   * @throws {InvalidOptionsError} for an invalid deadline.
   */
  async update(
    spec: ResolvedSpec,
    options: { readonly deadlineMs?: number | undefined } = {},
  ): Promise<void> {
    this.assertUpdatable();
    drainDeadlineMs(options, this.#context.settings); // before anything is changed
    const { state } = this;
    if (state === 'queued' || state === 'backingOff') {
      this.#specs.replace(spec);
      return;
    }
    const updated = this.#specs.begin(spec);
    this.requestRestart({ reason: 'update requested', isOnTrial: true }, options);
    await updated;
  }

  async restart(options: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    const { state } = this;
    if (state === 'queued') {
      throw new PipelineError(
        'JOB_STATE',
        `Job "${this.name}" is queued: it has no run that could be restarted`,
      );
    }
    this.#expectBeforeEnd('restarted');
    this.requestRestart({ reason: 'restart requested' }, options);
    await this.#nextRun.begins();
  }

  /**
   * Asks for another run: this one ends with a last checkpoint, or at once if there are none, since the next one
   * begins anew then. It counts for no restart policy.
   *
   * @throws {InvalidOptionsError} for an invalid deadline.
   */
  requestRestart(
    restart: RequestedRestart,
    options: { readonly deadlineMs?: number | undefined } = {},
  ): void {
    this.#send({ type: 'restart.requested', restart, ...this.#endIn(options) });
  }

  /** The job ends with this run, and is `dead` with this error: its group has no restart left. */
  endWithGroup(error: WireError, options: { readonly deadlineMs?: number | undefined } = {}): void {
    this.#send({ type: 'group.spent', error, ...this.#endIn(options) });
  }

  #endIn(options: { readonly deadlineMs?: number | undefined }): RequestedEnd {
    const deadlineAtMs = this.#deadline.in(drainDeadlineMs(options, this.#context.settings));
    return { how: this.#settings.checkpoints ? 'suspend' : 'stop', deadlineAtMs };
  }

  /** @param answer - `undefined`: there is no thread to wait for. */
  async #answered<T>(asked: string, answer: Promise<T> | undefined): Promise<T | undefined> {
    return answer && answered(answer, { job: this.name, asked, clock: this.#context.clock });
  }

  /** Tells what a thread said. One that could not be ended says nothing more. */
  #tell(thread: RunThread, event: JobEvent): void {
    if (thread === this.#thread) this.#send(event);
  }

  #tellEnd(thread: RunThread, event: JobEvent & { readonly type: 'pipeline.ended' | 'thread.lost' }): void {
    if (thread !== this.#thread) return;
    const { restarts } = this.#settings;
    thread.close(); // with its last words: that it has claimed its key
    const isStable = restarts && thread.hasDeliveredFor(restarts.policy.stableAfterMs);
    this.#cameUp = thread.hasHeartbeat;
    this.#firstRowAtNs ||= thread.counters.get('firstRowAtNs');
    this.#thread = undefined;
    this.#stalled = undefined;
    this.#send(isStable ? { ...event, isStable } : event);
    if (this.#threads.has(thread) && isLeft(event)) this.#context.onThreadLeft(this);
  }

  #send(event: JobEvent): void {
    this.#life.send(event);
  }

  #expectBeforeEnd(what: string): void {
    const { state } = this;
    // A start that was given up may be followed by another one.
    const isOver = state === 'draining' && !mayRestart(this.#life.context);
    if (this.isLive && !isOver) return;
    throw new PipelineError('JOB_STATE', `Job "${this.name}" is ${state} and can no longer be ${what}`);
  }

  #obey({ command, isFollowed = false, isLate = false }: JobCommand): void {
    if (command === 'start') this.#context.onRestartDue(this);
    else if (command === 'end') this.#thread?.end({ native: this.#native, isFollowed, isLate });
    else this.#thread?.command(command);
  }

  /** The first component with native code, whose thread must not be terminated. A process may be. */
  get #native(): string | undefined {
    const { spec } = this.#specs;
    if (this.#isolation === 'process') return undefined;
    return spec && stagesOf(spec).find(({ loads }) => loads === 'native')?.use;
  }

  /** Applies what the machine's last step changed. */
  #follow(): void {
    const { state, context, isDone } = this.#life;
    this.#specs.reach({ state, isOnTrial: context.isOnTrial === true, error: context.error });
    this.#deadline.arm(context.deadlineAtMs);
    this.#bounds.arm(isDone ? undefined : boundInstants(context));
    if (isDone) this.#finish();
    if (this.#tellTransition() && this.#report) this.#context.onEnd(this, this.#report);
  }

  events(options?: EventStreamOptions): AsyncGenerator<EventOfJob | MissedEvents, void> {
    this.#events ??= eventLog(`events of job "${this.name}"`);
    if (!this.isLive) this.#events.end();
    return this.#events.stream(options);
  }

  /** An event of this job is told to all listeners. */
  told(event: EventOfJob): void {
    this.#events?.add(event);
    if (event.type === 'job.ended') this.#events?.end();
  }

  /** @returns Whether there was a new one to tell of. */
  #tellTransition(): boolean {
    const { lastTransition } = this.#life;
    if (!lastTransition || lastTransition === this.#lastTransition) return false;
    this.#lastTransition = lastTransition;
    this.#nextRun.reach(lastTransition.state, !this.isLive);
    this.#expectThread(lastTransition);
    this.#context.onTransition(this, lastTransition);
    return true;
  }

  /** Has the next thread made ready while the job backs off: not if the last one did not come up. */
  #expectThread({ state, atMs, nextStartAtMs }: JobTransition): void {
    const { spec } = this.#specs;
    if (state !== 'backingOff' || nextStartAtMs === undefined || !spec || !this.#cameUp) return;
    if (this.#isolationOf(spec).by === 'process') return; // it is started when it is due
    const checkpoints = this.#settings.checkpoints !== undefined;
    this.#nextThread.expectIn(nextStartAtMs - atMs, threadNeeds(spec, { checkpoints }));
  }

  #endAt(bound: 'duration' | 'until'): void {
    const deadlineAtMs = this.#deadline.in(this.#context.settings.drainDeadlineMs);
    this.#send({ type: 'bound.reached', bound, deadlineAtMs });
  }

  #meetDeadline(): void {
    const { spec } = this.#specs;
    if (this.state !== 'starting' || !spec) {
      this.#send({ type: 'deadline.passed' });
      return;
    }
    const step = this.#thread?.counters.get('startStep') ?? StartStep.none;
    // The answer is on its way: this thread was the busy one.
    if (step === StartStep.started) this.#send({ type: 'actor.ready' });
    else this.#send({ type: 'deadline.passed', pending: pendingStart(step, spec) });
  }

  #finish(): void {
    const { state, context } = this.#life;
    const { report, error } = context;
    this.#end(state, report ?? this.#cutShort(), error);
  }

  #abandonMachine(error: unknown): void {
    this.#deadline.arm(undefined);
    this.#bounds.arm();
    const native = this.#native;
    if (native !== undefined) this.#thread?.end({ native, isFollowed: false });
    else this.#thread?.endNow(); // nobody would take its report
    const wire = toWireError(error);
    this.#context.onEnd(this, this.#end('failed', this.#cutShort(), wire));
  }

  #end(state: JobState, last: Parameters<typeof jobReport>[1], error: WireError | undefined): JobReport {
    const { id, name } = this;
    const report = jobReport({ id, name, state, error, runs: this.#life.context.runs }, last);
    this.#endState = state;
    this.#report = report;
    this.#release();
    this.#resolveOutcome(report);
    return report;
  }

  #cutShort(): CutShort {
    return { counters: this.#counted(), durationMs: this.#lastThread?.durationMs ?? 0 };
  }

  #counted(): CounterValues {
    return this.#lastThread?.counters.read() ?? nothingCounted();
  }

  #release(): void {
    this.#cameUp = this.hasHeartbeat;
    this.#thread?.close();
    this.#nextThread.cancel();
    this.#specs.release();
    this.#stalled = undefined;
    this.#thread = undefined;
    this.#lastThread = undefined;
  }
}

const isLeftRunning = ({ code }: WireError): boolean => code === 'THREAD_LEFT_RUNNING';
const isLeft = (event: JobEvent): boolean => event.type === 'thread.lost' && isLeftRunning(event.error);
const NO_END = nanos(0n);
