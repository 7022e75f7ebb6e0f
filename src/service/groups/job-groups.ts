import type { Clock } from '../../core/clock.js';
import { PipelineError, type WireError } from '../../core/errors.js';
import { cutText } from '../../core/shown-text.js';
import { NANOS_PER_MILLI } from '../../core/units.js';
import type { GroupSettings } from '../../settings/group-settings.js';
import type { GroupFailure, JobReport, JobTransition, RuntimeEvent } from '../../supervision/job.js';
import type { JobActor } from '../../supervision/job-actor.js';
import type { RestartGate } from '../../supervision/restart-gate.js';
import { failureText, Group } from './group.js';
import type { GroupHandle, GroupInfo } from './group-handle.js';
import { GroupRestart, isAtWork, isLeaving } from './group-restart.js';
import { bySubmission, numberOf } from './submission-order.js';

const NS_PER_MS = 1e6;

/** What groups ask of the supervisor of their jobs. */
export interface JobGroupsContext {
  readonly clock: Clock;
  /** Divides jobs into levels: the producers of topics before their consumers. */
  levels(jobs: readonly JobActor[]): readonly (readonly JobActor[])[];
  /** Starts jobs whose next run is due, in this order. */
  startAgain(jobs: readonly JobActor[]): void;
  tell(event: RuntimeEvent): void;
  /** @throws {InvalidOptionsError} for a deadline of a drain that is none. */
  checkDeadline(options: { readonly deadlineMs?: number | undefined }): number;
  /** Drains jobs within the deadline, the producers of topics before their consumers. */
  drain(jobs: readonly JobActor[], deadlineMs: number): Promise<void>;
}

/** The groups of a runtime. They restart jobs together, as supervisors of Erlang/OTP do. */
export class JobGroups implements RestartGate<JobActor> {
  readonly #context: JobGroupsContext;
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<JobActor, Group>();
  /** What has happened and was not dealt with. */
  readonly #news: (() => void)[] = [];
  /** Groups of which a job has moved since. */
  readonly #moved = new Set<Group>();
  #isScheduled = false;
  #isClosed = false;

  constructor(settings: Readonly<Record<string, GroupSettings>>, context: JobGroupsContext) {
    this.#context = context;
    for (const [name, each] of Object.entries(settings)) this.#groups.set(name, new Group(name, each));
    for (const group of this.#groups.values()) {
      const { parent } = group.settings;
      if (parent === undefined) continue;
      group.parent = this.#find(parent);
      group.parent.groups.push(group);
    }
  }

  /**
   * Refuses a job that could not join its group.
   *
   * @throws {PipelineError} `GROUP_UNKNOWN`; `GROUP_SPENT` while the group still ends its jobs.
   */
  assertOpen(name: string): void {
    for (const group of this.#find(name).ancestors()) {
      if (!group.error || group.liveJobs().length === 0) continue;
      const message = `Group "${group.name}" still ends its jobs as "dead": submit to it again once they have ended`;
      throw new PipelineError('GROUP_SPENT', message, { retryable: true });
    }
  }

  /** A job was submitted to its group. */
  join(job: JobActor): void {
    const name = job.terms?.group;
    if (name === undefined) return;
    const own = this.#find(name);
    this.#groupOf.set(job, own);
    own.jobs.add(job);
    for (const group of own.ancestors()) {
      group.place = Math.min(group.place, numberOf(job));
      if (!group.error) continue;
      group.error = undefined;
      group.forgetRestarts();
    }
  }

  /** A job has come into a state. */
  follow(job: JobActor, { state, isRequested }: Pick<JobTransition, 'state' | 'isRequested'>): void {
    const group = this.#groupOf.get(job);
    if (!group) return;
    if (!job.isLive) {
      const { error } = job;
      const blocked = [...group.ancestors()].find(({ restart }) => restart?.holds(job));
      if (state === 'failed' && error?.code === 'THREAD_LEFT_RUNNING' && blocked) {
        this.#later(() =>
          this.#bury(blocked, { id: job.id, job: job.name, error }, blockedError(blocked, job)),
        );
      }
      group.jobs.delete(job);
      this.#groupOf.delete(job);
    } else if (state === 'backingOff' && !isRequested && job.inspect().history.at(-2)?.state !== 'queued') {
      this.#later(() => this.#fail(group, job));
    }
    this.#move(group);
  }

  holds(job: JobActor): boolean {
    const group = this.#groupOf.get(job);
    if (!group) return false;
    for (const { error, restart } of group.ancestors()) if (error || restart?.holds(job)) return true;
    return false;
  }

  onDue(job: JobActor): void {
    const group = this.#groupOf.get(job);
    if (group) this.#move(group);
  }

  /** They restart no more jobs. */
  close(): void {
    this.#isClosed = true;
  }

  list(): GroupInfo[] {
    return [...this.#groups.values()].map((group) => this.#inspect(group));
  }

  /** @throws {PipelineError} `GROUP_UNKNOWN`. */
  get(name: string): GroupHandle {
    const group = this.#find(name);
    return {
      name,
      inspect: () => this.#inspect(group),
      drain: async (options = {}) => {
        const deadlineMs = this.#context.checkDeadline(options);
        return this.#end(group, (jobs) => this.#context.drain(jobs, deadlineMs));
      },
      stop: () => this.#end(group, (jobs) => Promise.all(jobs.map((job) => job.stop()))),
    };
  }

  #find(name: string): Group {
    const group = this.#groups.get(name);
    if (group) return group;
    const known = [...this.#groups.keys()].map((each) => `"${each}"`).join(', ');
    const message = `There is no group "${cutText(name)}" in "groups" of the settings; there ${known ? `are ${cutText(known)}` : 'are none'}`;
    throw new PipelineError('GROUP_UNKNOWN', message);
  }

  #inspect(group: Group): GroupInfo {
    const { name, parent, error, settings } = group;
    const isRestarting = [...group.ancestors()].some(({ restart }) =>
      restart?.jobs.some((job) => group.jobs.has(job)),
    );
    return {
      name,
      strategy: settings.strategy,
      ...(parent && { parent: parent.name }),
      state: error ? 'dead' : isRestarting ? 'restarting' : 'steady',
      jobs: [...group.jobs].map(({ id }) => id),
      groups: group.groups.map((each) => each.name),
      restarts: group.restartsAt(this.#nowMs()),
      ...(error && { error }),
    };
  }

  /** The user ends all jobs of a group, which goes before its restarts. */
  async #end(
    group: Group,
    end: (jobs: readonly JobActor[]) => Promise<unknown>,
  ): Promise<readonly JobReport[]> {
    const jobs = group.liveJobs();
    group.isEnding = true;
    try {
      for (const each of group.ancestors()) each.restart?.exclude(jobs);
      for (const each of group.descendants()) abandonRestart(each);
      await end(jobs);
      return await Promise.all(jobs.map(({ outcome }) => outcome));
    } finally {
      group.isEnding = false;
    }
  }

  #fail(group: Group, job: JobActor): void {
    if (job.state !== 'backingOff') return; // somebody has ended it meanwhile
    const { id, name, error } = job;
    this.#restart(group, job, { id, job: name, ...(error && { error }) }, job);
  }

  /**
   * @param failed - A job of the group, or a group in it.
   * @param job - The one that failed.
   */
  #restart(group: Group, failed: JobActor | Group, failure: GroupFailure, job: JobActor): void {
    for (const each of group.ancestors()) {
      // The user ends it, or it is restarted already: this is one more failure of the same incident.
      if (each.isEnding || each.error || each.restart?.holds(job)) return;
    }
    if (group.restart) {
      group.restart.include(group.affectedBy(failed));
      this.#takeOver(group, group.restart);
      group.restart.step();
      return;
    }
    const atMs = this.#nowMs();
    if (!group.takeRestart(failure, atMs)) {
      this.#escalate(group, failure, job);
      return;
    }
    const jobs = group.affectedBy(failed);
    this.#context.tell({
      type: 'group.restarting',
      name: group.name,
      atMs,
      cause: failure,
      jobs: jobs.filter(({ state }) => state !== 'queued').map(({ id }) => id),
      restarts: group.restartsAt(atMs),
    });
    const isAlone = group.settings.strategy === 'one-for-one';
    if (isAlone && !(failed instanceof Group)) return; // it starts again by itself
    // One for one, each of its groups restarts on its own.
    this.#begin(isAlone && failed instanceof Group ? failed : group, jobs, failure, job);
  }

  #begin(owner: Group, jobs: readonly JobActor[], failure: GroupFailure, job: JobActor): void {
    const { endDeadline } = owner.settings;
    const startAtMs = job.inspect().runs.at(-1)?.nextStartAtMs;
    const reason = `group "${owner.name}" restarts: ${failureText(failure)}`;
    const restart = new GroupRestart({
      endOrder: (those) => this.#endOrder(those),
      requestRestart: (each) =>
        each.requestRestart(
          { reason, ...(startAtMs !== undefined && { startAtMs }) },
          endDeadline === undefined ? {} : { deadlineMs: endDeadline / NS_PER_MS },
        ),
      onDone: (those) => {
        owner.restart = undefined;
        this.#context.startAgain(those);
      },
    });
    restart.include(jobs);
    this.#takeOver(owner, restart);
    owner.restart = restart;
    restart.step();
  }

  /** Groups inside that are restarted as a whole begin anew. */
  #takeOver(owner: Group, restart: GroupRestart): void {
    for (const inner of owner.descendants()) {
      const jobs = inner.liveJobs().filter(({ state }) => state !== 'queued');
      if (inner.restart === restart || !jobs.every((job) => restart.holds(job))) continue;
      abandonRestart(inner);
      if (inner !== owner) inner.forgetRestarts();
    }
  }

  #escalate(group: Group, failure: GroupFailure, job: JobActor): void {
    const { parent } = group;
    if (!parent) {
      this.#bury(group, failure, group.spentError(failure));
      return;
    }
    group.forgetRestarts();
    this.#restart(parent, group, { ...failure, group: group.name }, job);
  }

  /** Ends all jobs of a group as `dead`. */
  #bury(group: Group, cause: GroupFailure, error: WireError): void {
    if (group.error) return;
    const jobs = group.liveJobs().map(({ id }) => id);
    for (const each of group.descendants()) {
      each.error = error;
      each.forgetRestarts();
      abandonRestart(each);
    }
    const { name } = group;
    this.#context.tell({ type: 'group.dead', name, atMs: this.#nowMs(), cause, error, jobs });
    this.#move(group);
  }

  /** Ends the jobs of a dead group: those without a run at once, the others one after the other. */
  #stepBurial(group: Group, error: WireError): void {
    const { endDeadline } = group.settings;
    const options = endDeadline === undefined ? {} : { deadlineMs: endDeadline / NS_PER_MS };
    const jobs = group.liveJobs();
    for (const job of jobs) if (!isAtWork(job)) job.endWithGroup(error, options);
    if (jobs.some(isLeaving)) return;
    const [next] = this.#endOrder(jobs.filter(isAtWork));
    next?.endWithGroup(error, options);
  }

  /** Producers of topics before their consumers, which take all of their rows first; else the last one first. */
  #endOrder(jobs: readonly JobActor[]): readonly JobActor[] {
    return this.#context.levels(jobs).flatMap((level) => [...level].sort((a, b) => bySubmission(b, a)));
  }

  #step(group: Group): void {
    for (const each of group.ancestors()) {
      if (each.error) this.#stepBurial(each, each.error);
      else each.restart?.step();
    }
  }

  #move(group: Group): void {
    this.#moved.add(group);
    this.#later();
  }

  /** Later, so that listeners are told of what has happened before they are told of what follows from it. */
  #later(news?: () => void): void {
    if (news) this.#news.push(news);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#dealWithNews());
  }

  #dealWithNews(): void {
    while (this.#news.length + this.#moved.size > 0) {
      const news = this.#news.shift();
      const [moved] = this.#moved;
      if (this.#isClosed) this.#moved.clear();
      else if (news) news();
      else if (moved) {
        this.#moved.delete(moved);
        this.#step(moved);
      }
    }
    this.#isScheduled = false;
  }

  #nowMs(): number {
    return Number(this.#context.clock.wall() / NANOS_PER_MILLI);
  }
}

function abandonRestart(group: Group): void {
  group.restart?.abandon();
  group.restart = undefined;
}

function blockedError({ name }: Group, job: JobActor): WireError {
  const message =
    `Group "${name}" could not be restarted, since the thread of job "${job.name}" could not be ended: ` +
    `${job.error?.message} [${job.error?.code}]`;
  return { code: 'GROUP_SPENT', message, retryable: false };
}
