import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError, toWireError, type WireError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import type { InspectMachine } from '../core/machine-inspection.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { ThreadRun, Threads } from '../hosts/threads.js';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import {
  COUNTERS_BYTES,
  Counters,
  type CounterValues,
  countersHandle,
  nothingCounted,
} from '../shared-memory/counters.js';
import { heartbeatAgeMs } from '../shared-memory/heartbeat.js';
import { syncHandle } from '../shared-memory/sync-turns.js';
import type { Logger } from '../telemetry/logger.js';
import type { TopicRegistry } from '../topics/topic-registry.js';
import { cutShortReport } from '../wire/cut-short-report.js';
import { PROTOCOL_VERSION } from '../wire/pipeline-actor.js';
import type { StageReport } from '../wire/pipeline-report.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { needsResilience, secretsOfSpec, stagesOf, topicsOfSpec } from '../wire/stages-of-spec.js';
import { pendingStart, StartStep } from '../wire/start-step.js';
import { ActorLink } from './actor-link.js';
import { answered } from './answer-deadline.js';
import { Deadline, drainDeadlineMs } from './drain-deadline.js';
import type { JobHandle, JobInfo, JobReport, JobState, JobTerms, JobTransition, WaitReason } from './job.js';
import { JobLife } from './job-life.js';
import type { JobCommand, JobEvent, JobMachine } from './job-machine.js';

export interface JobActorSettings {
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
  /** Called after each step of the machine. Must not throw. */
  onTransition(job: JobActor, transition: JobTransition): void;
  /** Called when the job has ended. Must not throw. */
  onEnd(job: JobActor, report: JobReport): void;
  /** Called when its thread has begun the task. Must not throw. */
  onThreadBegun(job: JobActor): void;
  /**
   * Called when its thread is free or was lost: when the job ends, or later if the thread could not be
   * ended. Must not throw.
   */
  onThreadFreed(job: JobActor, loss: WireError | undefined): void;
}

/** How long a pipeline that is stopped may take to report, before its thread is ended by force. */
const REPORT_GRACE_MS = 250;

/** One job: its machine, and the thread, ports and timers that carry out the machine's decisions. */
export class JobActor implements JobHandle {
  readonly id: string;
  readonly name: string;
  readonly terms: JobTerms | undefined;
  readonly outcome: Promise<JobReport>;
  readonly #context: JobActorContext;
  readonly #life: JobLife;
  readonly #submittedAtNs: bigint;
  readonly #resolveOutcome: (report: JobReport) => void;
  /** Removes the spec's secrets from the list of texts that this thread hides. */
  readonly #showSecrets: () => void;
  /** Dropped when the job ends, so that a list of ended jobs holds no specs. */
  #spec: ResolvedSpec | undefined;
  /** Since the job has a thread: one in the queue has counted nothing. */
  #counters: Counters | undefined;
  #link: ActorLink | undefined;
  #run: ThreadRun | undefined;
  #startedAtNs: bigint | undefined;
  #report: JobReport | undefined;
  /** Answer of the actor to the last command. */
  #acknowledged: Promise<unknown> | undefined;
  #lastTransition: JobTransition | undefined;
  readonly #deadline: Deadline;
  #graceTimer: TimerHandle | undefined;

  constructor(id: string, spec: ResolvedSpec, context: JobActorContext, terms?: JobTerms) {
    this.id = id;
    this.name = spec.name;
    this.terms = terms;
    this.#spec = spec;
    this.#showSecrets = hideSecrets(secretsOfSpec(spec));
    this.#context = context;
    this.#deadline = new Deadline(context.clock, () => this.#meetDeadline());
    this.#submittedAtNs = context.clock.now();
    let resolveOutcome: (report: JobReport) => void = () => {};
    this.outcome = new Promise((resolve) => {
      resolveOutcome = resolve;
    });
    this.#resolveOutcome = resolveOutcome;
    const { machine, inspect } = context;
    this.#life = new JobLife(
      { id, machine, inspect, queuedAtMs: this.#deadline.in(0) },
      {
        onCommand: (command) => this.#obey(command),
        onStep: () => this.#follow(),
        onFault: (error) => this.#abandonMachine(error),
      },
    );
  }

  /** Puts the job in the queue. */
  submit(): void {
    this.#tellTransition();
    this.#life.begin();
  }

  get state(): JobState {
    return this.#report?.outcome ?? this.#life.state;
  }

  get isLive(): boolean {
    return this.#report === undefined;
  }

  /** Whether the thread came up. The supervisor uses this to detect that threads cannot be started. */
  get hasHeartbeat(): boolean {
    return this.#counters !== undefined && this.#counters.get('heartbeatNs') !== 0;
  }

  /** Takes the job out of the queue and gives it a thread. */
  start(): void {
    const spec = this.#spec;
    if (!spec || this.state !== 'queued') return;
    const { clock, threads, log, settings, resilience, secrets = [] } = this.#context;
    const topics = topicsOfSpec(spec) && this.#context.topics?.linkOf(this.id);
    const { onThreadBegun, onThreadFreed } = this.#context;
    this.#startedAtNs = clock.now();
    const memory = new SharedArrayBuffer(COUNTERS_BYTES);
    this.#counters = new Counters(memory);
    this.#link = new ActorLink(log.child({ job: this.name }), this.#counters, () => onThreadBegun(this));
    const { control, logs } = this.#link.far;
    this.#run = threads.run(
      {
        protocol: PROTOCOL_VERSION,
        spec,
        ...(needsResilience(spec) && resilience && { resilience }),
        ...(secrets.length > 0 && { secrets }),
        counters: countersHandle(memory),
        syncs: syncHandle(),
        control,
        logs,
        ...(topics && { topics }),
      },
      [control, logs, ...(topics ? [topics] : [])],
      { reusable: !stagesOf(spec).some(({ runsUserCode }) => runsUserCode) },
    );
    // The thread is freed in the same step, so that a caller that awaits the outcome finds it free.
    this.#run.outcome.then(
      ({ report }) => {
        this.#send({ type: 'pipeline.ended', report });
        onThreadFreed(this, undefined);
      },
      (error: unknown) => {
        const wire = toWireError(error);
        this.#send({ type: 'thread.lost', error: wire });
        onThreadFreed(this, this.#report?.error ?? wire);
      },
    );
    void this.#link.ask('ready').then(
      () => this.#send({ type: 'actor.ready' }),
      () => {}, // the run's outcome says what is wrong
    );
    // Last, since a listener may stop the job as soon as it sees this event; then there must be something
    // to end.
    this.#send({ type: 'thread.assigned', deadlineAtMs: this.#deadline.in(settings.startDeadlineMs) });
  }

  /** Fails the job in the queue, because no thread can be started. */
  refuse(error: WireError): void {
    this.#send({ type: 'thread.lost', error });
  }

  inspect(): JobInfo {
    const { context } = this.#life;
    const counters = this.#report?.counters ?? this.#counted();
    const { firstRowAtNs } = counters;
    const ageMs = this.isLive ? heartbeatAgeMs(counters, this.#context.clock.now()) : undefined;
    const error = this.#report ? this.#report.error : context.error;
    const waitsFor = this.state === 'queued' ? this.#context.waitsFor?.(this) : undefined;
    return {
      id: this.id,
      name: this.name,
      state: this.state,
      ...this.terms,
      ...(waitsFor && { waitsFor }),
      counters,
      ...(ageMs !== undefined && { heartbeatAgeMs: ageMs }),
      ...(firstRowAtNs > 0 && { firstRowMs: (firstRowAtNs - Number(this.#submittedAtNs)) / 1e6 }),
      ...(error && { error }),
      history: context.history,
    };
  }

  async describe(): Promise<readonly StageReport[]> {
    return (await this.#answered('describe', this.#link?.ask('describe'))) ?? [];
  }

  async pause(): Promise<void> {
    this.#expectBeforeEnd('paused');
    this.#send({ type: 'pause.requested' });
    await this.#answered('pause', this.#acknowledged);
  }

  async resume(): Promise<void> {
    this.#expectBeforeEnd('resumed');
    this.#send({ type: 'resume.requested' });
    await this.#answered('resume', this.#acknowledged);
  }

  async drain(options: { readonly deadlineMs?: number | undefined } = {}): Promise<JobReport> {
    const deadlineMs = drainDeadlineMs(options, this.#context.settings);
    this.#send({ type: 'drain.requested', deadlineAtMs: this.#deadline.in(deadlineMs) });
    return this.outcome;
  }

  async stop(): Promise<JobReport> {
    this.#send({ type: 'stop.requested' });
    return this.outcome;
  }

  /** @param answer - `undefined`: there is no thread to wait for. */
  async #answered<T>(asked: string, answer: Promise<T> | undefined): Promise<T | undefined> {
    return answer && answered(answer, { job: this.name, asked, clock: this.#context.clock });
  }

  #send(event: JobEvent): void {
    this.#life.send(event); // the task, `error` and `exit` may each report an end; the first one counts
  }

  #expectBeforeEnd(what: string): void {
    const { state } = this;
    if (this.isLive && state !== 'draining') return;
    throw new PipelineError('JOB_STATE', `Job "${this.name}" is ${state} and can no longer be ${what}`);
  }

  #obey({ command }: JobCommand): void {
    if (command === 'end') {
      this.#endThread();
    } else {
      // A rejection is the actor's bug, which the outcome of its run will show. Nobody may be waiting
      // here.
      this.#acknowledged = this.#link?.ask(command).catch(() => {});
    }
  }

  /** The first stage with native code, whose thread must not be terminated. */
  get #native() {
    return this.#spec && stagesOf(this.#spec).find(({ loads }) => loads === 'native');
  }

  #endThread(): void {
    const native = this.#native;
    const { clock, settings } = this.#context;
    if (!native) {
      const run = this.#run;
      if (this.#counters?.get('startStep') !== StartStep.started) {
        run?.end();
        return;
      }
      // Only the pipeline can say what became of its rows, and which of them are durable.
      void this.#link?.ask('stop').catch(() => {});
      this.#graceTimer = clock.setTimeout(() => run?.end(), REPORT_GRACE_MS);
      return;
    }
    void this.#link?.ask('stop').catch(() => {});
    this.#graceTimer = clock.setTimeout(() => {
      const message =
        `The thread did not end within ${settings.stopGraceMs} ms and was left running: "${native.use}" loads ` +
        'native code, and terminating its thread could crash the process';
      this.#send({ type: 'thread.lost', error: { code: 'THREAD_LEFT_RUNNING', message, retryable: false } });
    }, settings.stopGraceMs);
  }

  /** Applies what the machine's last step changed. */
  #follow(): void {
    this.#deadline.arm(this.#life.context.deadlineAtMs);
    if (this.#life.isDone) this.#finish();
    if (this.#tellTransition() && this.#report) this.#context.onEnd(this, this.#report);
  }

  /** @returns Whether there was a new one to tell of. */
  #tellTransition(): boolean {
    const { lastTransition } = this.#life;
    if (!lastTransition || lastTransition === this.#lastTransition) return false;
    this.#lastTransition = lastTransition;
    this.#context.onTransition(this, lastTransition);
    return true;
  }

  #meetDeadline(): void {
    const spec = this.#spec;
    if (this.state !== 'starting' || !spec) {
      this.#send({ type: 'deadline.passed' });
      return;
    }
    const step = this.#counters?.get('startStep') ?? StartStep.none;
    // The answer is on its way: this thread was the busy one.
    if (step === StartStep.started) this.#send({ type: 'actor.ready' });
    else this.#send({ type: 'deadline.passed', pending: pendingStart(step, spec) });
  }

  #finish(): void {
    const { state, context } = this.#life;
    const { report, error } = context;
    const own = report ?? this.#cutShort(state === 'failed' ? 'failed' : 'stopped', error);
    this.#report = { ...own, ...(error && { error }), id: this.id, name: this.name };
    this.#release();
    this.#resolveOutcome(this.#report);
  }

  #abandonMachine(error: unknown): void {
    this.#deadline.arm(undefined);
    if (this.#native) this.#endThread();
    else this.#run?.end(); // nobody would take its report
    const wire = toWireError(error);
    this.#report = { ...this.#cutShort('failed', wire), id: this.id, name: this.name };
    this.#release();
    this.#resolveOutcome(this.#report);
    this.#context.onEnd(this, this.#report);
  }

  #cutShort(outcome: 'stopped' | 'failed', error: WireError | undefined) {
    const { clock } = this.#context;
    const durationMs =
      this.#startedAtNs === undefined ? 0 : Number(clock.now() - this.#startedAtNs) / Number(NANOS_PER_MILLI);
    return cutShortReport({ outcome, error, counters: this.#counted(), durationMs });
  }

  #counted(): CounterValues {
    return this.#counters?.read() ?? nothingCounted();
  }

  #release(): void {
    this.#link?.close();
    this.#showSecrets();
    this.#context.clock.clearTimeout(this.#graceTimer);
    this.#spec = undefined;
    this.#link = undefined;
    this.#run = undefined;
  }
}
