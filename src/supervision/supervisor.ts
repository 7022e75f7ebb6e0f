import { randomInt } from 'node:crypto';
import { type Clock, turnOfTheLoop } from '../core/clock.js';
import { InvalidSpecError, PipelineError } from '../core/errors.js';
import type { EventStreamOptions } from '../core/event-log.js';
import type { InspectMachine } from '../core/machine-inspection.js';
import { Random } from '../core/random.js';
import { cutText } from '../core/shown-text.js';
import { NANOS_PER_MILLI, type Nanos, toMillisCeil } from '../core/units.js';
import type { Threads } from '../hosts/threads.js';
import type { JobFiles } from '../plan/paths/job-files.js';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import type { Logger } from '../telemetry/logger.js';
import type { TopicRegistry } from '../topics/topic-registry.js';
import type { JobBounds } from '../wire/bounds.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { topicsOfSpec } from '../wire/stages-of-spec.js';
import { drainDeadlineMs } from './drain-deadline.js';
import { EndedJobs } from './ended-jobs.js';
import { FilesOfJobs } from './files-of-jobs.js';
import {
  type EventOfJob,
  type JobInfo,
  type JobReport,
  type JobTerms,
  type JobTransition,
  jobIdOf,
  type MissedEvents,
  type RuntimeEvent,
  type WaitReason,
} from './job.js';
import { JobActor, type JobActorContext, type JobActorSettings, type WatchEvent } from './job-actor.js';
import type { JobPast } from './job-life.js';
import { createJobMachine } from './job-machine.js';
import type { RestartGate } from './restart-gate.js';
import { noRestarts, type RestartPolicy } from './restart-policy.js';
import { eventLog } from './runtime-events.js';
import type { UpdateEnd } from './spec-revisions.js';
import type { StartQueue } from './start-queue.js';
import { ThreadStartLimit } from './thread-start-limit.js';
import { Watchdog, type WatchdogParts, type WatchdogSettings } from './watchdog.js';

export interface SupervisorSettings extends JobActorSettings {
  /** Jobs that may have a thread at the same time; the others wait in the queue. */
  readonly maxThreads: number;
}

export interface SupervisorContext {
  readonly clock: Clock;
  readonly threads: Threads;
  readonly log: Logger;
  readonly settings: SupervisorSettings;
  /** When it is found that a thread is stuck, or rows do not move. Missing: nobody looks. */
  readonly watchdog?: WatchdogSettings | undefined;
  /** Default: asks the system how a thread has spent its time. */
  readonly threadTime?: WatchdogParts['threadTime'];
  /** Whether somebody debugs this process. */
  readonly isDebugged?: () => boolean;
  /** Budgets and breakers, for the threads of jobs whose spec names one. */
  readonly resilience?: ResilienceHandle | undefined;
  /** The topics of jobs. */
  readonly topics?: TopicRegistry;
  /** Texts that no thread may show in logs or errors. */
  readonly secrets?: readonly string[];
  readonly inspect?: InspectMachine | undefined;
  /** From which the waits of restarts are drawn. Default: random. */
  readonly seed?: number | undefined;
  /** Who decides which job starts next. */
  readonly queue: StartQueue<JobActor>;
  /** What ids begin with, before the number of the job. Default: `job-`. */
  readonly idPrefix?: string | undefined;
  /** Called when the user has asked for something of a job. Must not throw. */
  readonly onWish?: JobActorContext['onWish'];
  /** Called when an ended job is forgotten for another one. Must not throw. */
  readonly onForgotten?: ((job: JobActor) => void) | undefined;
  /** Why a job is still in the queue. */
  readonly waitsFor?: (job: JobActor) => readonly WaitReason[] | undefined;
  /** Who holds back jobs whose next run is due. */
  readonly gate?: RestartGate<JobActor>;
  /** Threads that may start at a time. Default: one for each processor. */
  readonly threadsStartingMax?: number;
}

/** What a job is given beside its spec. */
export interface JobOptions {
  /** Missing: the job has one run. */
  readonly restart?: RestartPolicy | undefined;
  /** Where its checkpoints are kept; missing: there are none. */
  readonly checkpoints?: CheckpointFolder | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
  /** What the queue goes by, and what is shown of it. */
  readonly terms?: JobTerms | undefined;
  /** What an earlier process has left of it. */
  readonly past?: PastJob | undefined;
}

/** A job that an earlier process had. */
export interface PastJob extends JobPast {
  readonly id: string;
  readonly sequence: number;
}

/** How many ended jobs are remembered. */
const ENDED_MAX = 1_000;

/** Jobs in the queue that are ended in one turn of the event loop. Each takes some 50 µs. */
const ENDS_PER_TURN = 100;

/** Starts, watches and ends jobs, and starts them again: one machine each, and one thread at a time. */
export class Supervisor {
  readonly #context: SupervisorContext;
  readonly #jobContext: JobActorContext;
  readonly #live = new Map<string, JobActor>();
  readonly #liveByName = new Map<string, JobActor>();
  /** Ordered by the end of the jobs, oldest first. */
  readonly #ended: EndedJobs<JobActor>;
  readonly #queue: StartQueue<JobActor>;
  /**
   * Jobs that have a place for a thread: from their first thread to their end, also while they back off. And ended
   * jobs whose thread could not be ended.
   */
  readonly #threaded = new Set<JobActor>();
  /** Places of threads that could not be ended, beside that of their job. */
  readonly #leftPlaces = new Map<JobActor, number>();
  /** Of these, the ones whose next run is due. They start before the jobs in the queue. */
  readonly #due = new Set<JobActor>();
  /** Files of jobs that may still read or write: live jobs, and those whose thread could not be ended. */
  readonly #files = new FilesOfJobs<JobActor>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #events = eventLog<RuntimeEvent>('events');
  readonly #startLimit: ThreadStartLimit;
  readonly #watchdog: Watchdog | undefined;
  readonly #random: Random;
  #submitted = 0;
  #isStarting = false;
  #closed = false;

  constructor(context: SupervisorContext) {
    this.#context = context;
    this.#random = new Random(context.seed ?? randomInt(2 ** 31));
    this.#queue = context.queue;
    this.#ended = new EndedJobs(ENDED_MAX, context.onForgotten);
    this.#jobContext = this.#makeJobContext();
    const { clock, watchdog, threadTime, isDebugged } = context;
    this.#watchdog =
      watchdog &&
      new Watchdog({
        clock,
        settings: watchdog,
        jobs: () => this.#threaded,
        threadTime,
        ...(isDebugged && { isDebugged }),
      });
    this.#startLimit = new ThreadStartLimit(
      context.clock,
      () => this.startQueued(),
      context.threadsStartingMax,
    );
  }

  /**
   * Starts a job, or queues it while all threads are in use.
   *
   * @param files - The files that it reads and writes, determined just now.
   * @throws {InvalidSpecError} if a job that has not ended uses the same files.
   * @throws {PipelineError} `JOB_NAME_TAKEN` if a job of that name has not ended, `RUNTIME_CLOSED`.
   */
  submit(
    spec: ResolvedSpec,
    files?: JobFiles,
    { restart, checkpoints, bounds, terms, past }: JobOptions = {},
  ): JobActor {
    this.assertOpen();
    const namesake = this.#liveByName.get(spec.name);
    if (namesake) {
      const { name, id, state } = namesake;
      const message = `A job named "${name}" is ${state} (${id}): give this one a different name, or wait until that one has ended`;
      throw new PipelineError('JOB_NAME_TAKEN', message);
    }
    if (files) this.#refuseSharedFiles(spec, files);
    const sequence = past?.sequence ?? ++this.#submitted;
    const id = past?.id ?? `${this.#context.idPrefix ?? 'job-'}${sequence}`;
    const restarts = past ? past.context.restarts : restart && noRestarts(restart, this.#random.nextInt32());
    const job = new JobActor(id, spec, this.#jobContext, {
      restarts,
      checkpoints,
      bounds: past ? past.context.bounds : bounds,
      terms,
      sequence,
      past,
    });
    this.#live.set(job.id, job);
    this.#liveByName.set(job.name, job);
    if (files) this.#files.add(job, files);
    const topics = topicsOfSpec(spec);
    if (topics) this.#context.topics?.add(job.id, job.name, topics);
    if (!this.#takeBack(job)) this.#queue.push(job);
    job.submit();
    this.startQueued();
    return job;
  }

  /** Later jobs get numbers above this one. */
  countFrom(sequence: number): void {
    this.#submitted = Math.max(this.#submitted, sequence);
  }

  /**
   * Remembers a job that has ended in an earlier process.
   *
   * @param options - `isKept`: it is not forgotten for others before `keepNoLonger`.
   */
  remember(
    name: string,
    {
      past,
      terms,
      isKept = false,
    }: Pick<JobOptions, 'terms'> & { readonly past: PastJob; readonly isKept?: boolean },
  ): JobActor {
    const { id, sequence } = past;
    const job = new JobActor(id, { name }, this.#jobContext, { terms, sequence, past });
    this.#ended.add(job, { isKept });
    return job;
  }

  /** An ended job that was kept may be forgotten for others from now on. */
  keepNoLonger(job: JobActor): void {
    this.#ended.delete(job);
    this.#ended.add(job);
  }

  /** A job that has begun has its place for a thread to its end, also over a restart of the process. */
  #takeBack(job: JobActor): boolean {
    const hasBegun = job.context.runs.length > 0;
    if (!hasBegun || this.#threaded.size >= this.#context.settings.maxThreads) return false;
    if (!this.#queue.takeBack(job)) return false;
    this.#threaded.add(job);
    if (job.state === 'queued') this.#due.add(job);
    return true;
  }

  /**
   * Has a job go on with a changed spec: see `JobActor.update`.
   *
   * @param files - The files that it reads and writes, determined just now.
   * @throws {InvalidSpecError} if another job that has not ended uses the same files.
   * @throws {PipelineError} `RUNTIME_CLOSED`; and as `JobActor.update`.
   */
  async update(
    job: JobActor,
    spec: ResolvedSpec,
    files: JobFiles | undefined,
    options: { readonly deadlineMs?: number | undefined },
  ): Promise<void> {
    this.assertOpen();
    if (files) this.#refuseSharedFiles(spec, files, job);
    const updated = job.update(spec, options);
    // Until it is known which one it goes on with, nobody else has the files of either spec.
    const giveBack = job.isLive && files ? this.#files.add(job, files) : () => {};
    try {
      await updated;
    } catch (error) {
      if (job.threadsLeft === 0) giveBack(); // else a thread that could not be ended may still use them
      throw error;
    }
    if (files && job.isLive && job.threadsLeft === 0) this.#files.keepLast(job);
  }

  /** Live jobs and the most recent ended ones, in order of submission. */
  list(): JobInfo[] {
    const jobs = [...this.#ended.values(), ...this.#live.values()];
    return jobs.sort((a, b) => a.sequence - b.sequence).map((job) => job.inspect());
  }

  /** As `get`; `undefined` if there is none. */
  find(idOrName: string): JobActor | undefined {
    const byId = this.#live.get(idOrName) ?? this.#ended.byId(idOrName);
    return byId ?? this.#liveByName.get(idOrName) ?? this.#ended.lastOf(idOrName);
  }

  /**
   * Finds a job by its id, or by its name: the live job of that name, or else the one that ended last.
   *
   * @throws {PipelineError} `JOB_UNKNOWN`.
   */
  get(idOrName: string): JobActor {
    const job = this.find(idOrName);
    if (job) return job;
    throw new PipelineError('JOB_UNKNOWN', `There is no job with the id or name "${cutText(idOrName)}"`);
  }

  /**
   * Adds a listener. A listener that throws changes nothing.
   *
   * @returns A function that removes it.
   */
  on(listener: (event: RuntimeEvent) => void): () => void {
    // A wrapper, so that a function added twice is called twice and each can be removed on its own.
    const own = (event: RuntimeEvent) => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /**
   * Accepts no more jobs and ends all current ones, the producers of topics before their consumers: those with
   * checkpoints are suspended, so that the next process goes on with them; all others are drained. Jobs in the queue
   * and those that back off end first, so that no producer waits for one that never starts. The deadline ends their
   * threads. A second call can only shorten the deadline.
   *
   * @throws {InvalidOptionsError} for an invalid deadline; then nothing was closed.
   */
  async close(options: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    const deadlineMs = drainDeadlineMs(options, this.#context.settings);
    this.#closed = true;
    await this.endInOrder([...this.#live.values()], deadlineMs, (job, leftMs) =>
      job.leave({ deadlineMs: leftMs }),
    );
  }

  /**
   * Ends jobs, the producers of topics before their consumers. Those that have no thread end first, so that no producer
   * waits for one that never starts.
   *
   * @param deadlineMs - For all of them.
   * @param end - Ends one, by the deadline that is left for it.
   */
  async endInOrder(
    live: readonly JobActor[],
    deadlineMs: number,
    end: (job: JobActor, deadlineMs: number) => Promise<JobReport>,
  ): Promise<void> {
    const { clock, topics } = this.#context;
    const until = clock.now() + BigInt(Math.ceil(deadlineMs * 1e6));
    // Producers would wait in vain for the consumers among those that have no thread.
    const hasBegun = ({ state }: JobActor) => state !== 'queued' && state !== 'backingOff';
    const begun = live.filter(hasBegun);
    const waiting = live.filter((job) => !hasBegun(job));
    const levels = [waiting, ...(topics?.levels(begun) ?? [begun])].filter(({ length }) => length > 0);
    const settled: PromiseSettledResult<JobReport>[] = [];
    for (const level of levels) {
      const leftMs = toMillisCeil((until - clock.now()) as Nanos);
      const ends: Promise<JobReport>[] = [];
      for (let at = 0; at < level.length; at += ENDS_PER_TURN) {
        if (at > 0) await turnOfTheLoop();
        const next = level.slice(at, at + ENDS_PER_TURN);
        ends.push(...next.map((job) => end(job, Math.min(deadlineMs, leftMs))));
      }
      settled.push(...(await Promise.allSettled(ends)));
    }
    const rejected = settled.find(({ status }) => status === 'rejected');
    if (rejected?.status === 'rejected') throw rejected.reason; // it has ended, and its end was not kept
  }

  /** Threads that could not be ended, and of these the ones that are in a call that does not return. */
  get threadsLeft(): { readonly all: number; readonly blocked: number } {
    let [all, blocked] = [0, 0];
    for (const job of this.#threaded) {
      all += job.threadsLeft;
      blocked += job.blockedThreadsLeft;
    }
    return { all, blocked };
  }

  /** Whether it takes no jobs any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws {PipelineError} `RUNTIME_CLOSED`. */
  assertOpen(): void {
    if (this.#closed) throw new PipelineError('RUNTIME_CLOSED', 'The runtime is closed and takes no jobs');
  }

  /** Starts the jobs that may start. Call it when the queue may have one that it did not have before. */
  startQueued(): void {
    // A job that is started or refused here may end at once, and ask for the next one to be started. One that waits
    // while the runtime closes is about to be drained.
    if (this.#isStarting || this.#closed) return;
    this.#isStarting = true;
    let refused = 0;
    try {
      for (const job of this.#due) {
        if (!this.#startLimit.hasRoom) return;
        if (this.#context.gate?.holds(job)) continue;
        // A thread that could not be ended has a place.
        if (this.#placesTaken > this.#context.settings.maxThreads) break;
        // It waits: a restart without a try would be spent in vain.
        if (this.#startLimit.refusal()) {
          this.#startLimit.wakeAfterHold();
          break;
        }
        this.#due.delete(job);
        this.#start(job);
      }
      while (this.#placesTaken < this.#context.settings.maxThreads && this.#startLimit.hasRoom) {
        const refusal = this.#queue.isEmpty ? undefined : this.#startLimit.refusal();
        if (refusal && refused === ENDS_PER_TURN) {
          setImmediate(() => this.startQueued());
          return;
        }
        const job = this.#queue.shift();
        if (!job) return;
        if (refusal) {
          job.refuse(refusal);
          refused++;
          if (job.isLive) this.#threaded.add(job); // it tries again
        } else this.#start(job);
      }
    } finally {
      this.#isStarting = false;
    }
  }

  /** Starts those of the jobs whose next run is due, in this order. */
  startAgain(jobs: readonly JobActor[]): void {
    for (const job of jobs) if (this.#due.delete(job)) this.#due.add(job);
    this.startQueued();
  }

  #start(job: JobActor): void {
    this.#threaded.add(job);
    this.#startLimit.starts(job);
    this.#watchdog?.wake();
    job.start();
  }

  /** Jobs that have a place for a thread, and threads that could not be ended and were followed by another one. */
  get #placesTaken(): number {
    let left = 0;
    for (const places of this.#leftPlaces.values()) left += places;
    return this.#threaded.size + left;
  }

  #countLeftPlaces(job: JobActor): void {
    // An ended job keeps its own place as long as it has a thread.
    const places = job.isLive ? job.threadsLeft : job.threadsLeft - 1;
    if (places > 0) this.#leftPlaces.set(job, places);
    else this.#leftPlaces.delete(job);
  }

  /** @param own - The job that is to have them. */
  #refuseSharedFiles(spec: ResolvedSpec, files: JobFiles, own?: JobActor): void {
    const nameOf = (job: JobActor) => {
      const state = job.isLive ? job.state : `${job.state}, but its thread could not be ended`;
      return `job "${job.name}" (${job.id}, ${state})`;
    };
    const problems = this.#files.conflicts(files, nameOf, own);
    if (problems.length > 0) throw new InvalidSpecError(`spec "${spec.name}"`, problems);
  }

  #makeJobContext(): JobActorContext {
    const { clock, threads, log, settings, resilience, topics, secrets } = this.#context;
    const { inspect, waitsFor, onWish } = this.#context;
    return {
      clock,
      machine: createJobMachine(clock),
      threads,
      log,
      settings,
      resilience,
      topics,
      secrets,
      inspect,
      ...(waitsFor && { waitsFor }),
      ...(onWish && { onWish }),
      onUpdate: (job, end) => this.#tellUpdate(job, end),
      onTransition: (job, transition) => this.#tellTransition(job, transition),
      onFinding: (job, finding) => this.#tellFinding(job, finding),
      onEnd: (job, report) => this.#retire(job, report),
      onRestartDue: (job) => {
        this.#due.add(job);
        this.#context.gate?.onDue(job);
        this.startQueued();
      },
      onThreadBegun: (job) => {
        this.#startLimit.begun(job);
        this.startQueued();
      },
      onThreadFreed: (job, loss) => {
        if (job.hasHeartbeat || !loss) this.#startLimit.begun(job);
        else if (loss.code === 'THREAD_STOPPED') this.#startLimit.leaves(job);
        else this.#startLimit.failed(job, loss);
        if (job.isLive) this.#context.topics?.expectAgain(job.id);
        else if (!job.hasThread) this.#giveUpPlaces(job);
        this.#countLeftPlaces(job);
        this.startQueued();
      },
      onThreadLeft: (job) => {
        this.#countLeftPlaces(job);
        this.startQueued();
      },
      onLeftThreadFreed: (job) => {
        this.#countLeftPlaces(job);
        this.startQueued();
      },
    };
  }

  /** Forgets an ended job. */
  forget(job: JobActor): void {
    this.#ended.delete(job);
  }

  #retire(job: JobActor, report: JobReport): void {
    this.#context.topics?.remove(job.id);
    this.#live.delete(job.id);
    this.#liveByName.delete(job.name);
    this.#queue.delete(job);
    this.#due.delete(job);
    if (!job.hasThread) this.#giveUpPlaces(job);
    this.#countLeftPlaces(job);
    this.#ended.add(job);
    this.tell({ type: 'job.ended', report });
    if (!job.hasThread) this.startQueued(); // it may have had a place while it backed off
  }

  /** Nothing of the job is at work any more. */
  #giveUpPlaces(job: JobActor): void {
    this.#threaded.delete(job);
    this.#files.delete(job);
    this.#context.topics?.remove(job.id); // before others learn that it has ended
  }

  #tellTransition(job: JobActor, transition: JobTransition): void {
    const { id, name } = job;
    const { state, reason, attempt, nextStartAtMs } = transition;
    const fields = {
      job: name,
      id,
      state,
      ...(reason !== undefined && { reason }),
      ...(attempt !== undefined && { attempt }),
      ...(nextStartAtMs !== undefined && { nextStartAtMs }),
    };
    if (state === 'failed' || state === 'dead') this.#log('error', fields, TEXTS[state]);
    else if (state === 'backingOff' && !transition.isRequested)
      this.#log('warn', { ...fields, err: job.error }, 'a run of the job has ended, and another one follows');
    else this.#log('debug', fields, 'job entered a state');
    this.tell({ type: 'job.state', id, name, ...transition });
  }

  #tellUpdate({ id, name }: JobActor, end: UpdateEnd): void {
    const fields = { job: name, id, revision: end.revision };
    if (end.error)
      this.#log('warn', { ...fields, err: end.error }, 'the changed spec of the job did not run');
    else this.#log('info', fields, 'the job has a changed spec');
    const atMs = Number(this.#context.clock.wall() / NANOS_PER_MILLI);
    this.tell({ type: 'job.updated', id, name, atMs, ...end });
  }

  #tellFinding({ id, name }: JobActor, finding: WatchEvent): void {
    const { type, atMs: _, ...fields } = finding;
    const ends = type !== 'job.moving' && finding.error !== undefined;
    this.#log(type === 'job.moving' ? 'debug' : 'warn', { job: name, ...fields, id }, FINDINGS[type](ends));
    this.tell(finding);
  }

  /** What happens from now on, until `endEvents`. @throws {InvalidOptionsError} */
  events(options?: EventStreamOptions): AsyncGenerator<RuntimeEvent | MissedEvents, void> {
    return this.#events.stream(options);
  }

  /** Ends the streams of events: nothing happens any more. */
  endEvents(): void {
    this.#events.end();
  }

  /** Tells the listeners of an event. */
  tell(event: RuntimeEvent): void {
    this.#events.add(event);
    const id = jobIdOf(event);
    if (id !== undefined) this.find(id)?.told(event as EventOfJob); // it has the id of a job
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#log('warn', { err: error }, 'a listener threw');
      }
    }
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', fields: object, text: string): void {
    try {
      this.#context.log[level](fields, text);
    } catch {
      // As with listeners, a job does not depend on who watches it.
    }
  }
}

const FINDINGS = {
  'job.stuck': () => 'the event loop of a thread does not turn, and the run is ended',
  'job.stalled': (ends: boolean) =>
    ends ? 'rows still wait and nothing moves, and the run is ended' : 'rows wait and nothing moves',
  'job.moving': () => 'rows move again',
} as const;

const TEXTS = { failed: 'job failed', dead: 'job failed and has no restart left' } as const;
