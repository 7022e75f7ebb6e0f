import { durationText } from '../../core/duration-text.js';
import type { WireError } from '../../core/errors.js';
import type { GroupSettings } from '../../settings/group-settings.js';
import type { GroupFailure } from '../../supervision/job.js';
import type { JobActor } from '../../supervision/job-actor.js';
import type { GroupRestart } from './group-restart.js';
import { bySubmission, numberOf } from './submission-order.js';

const NS_PER_MS = 1e6;

/** A group in the tree of groups: its live jobs, its groups, and the restarts that it has used. */
export class Group {
  readonly name: string;
  readonly settings: GroupSettings;
  parent: Group | undefined;
  readonly groups: Group[] = [];
  readonly jobs = new Set<JobActor>();
  /** At work now. */
  restart: GroupRestart | undefined;
  /** A drain or a stop of the whole group is at work: its jobs are not started again. */
  isEnding = false;
  /** Why all of its jobs are ended as `dead`, or were. Gone when a job is submitted to it afterwards. */
  error: WireError | undefined;
  /** Where it stands among the jobs of its parent: where its first job does. */
  place = Number.POSITIVE_INFINITY;
  #failures: { readonly atMs: number; readonly failure: GroupFailure }[] = [];

  constructor(name: string, settings: GroupSettings) {
    this.name = name;
    this.settings = settings;
  }

  /** From this one to its root. */
  *ancestors(): Generator<Group> {
    for (let at: Group | undefined = this; at; at = at.parent) yield at;
  }

  /** This one and all that are in it. */
  *descendants(): Generator<Group> {
    yield this;
    for (const group of this.groups) yield* group.descendants();
  }

  /** Its live jobs and those of the groups in it, in order of submission. */
  liveJobs(): JobActor[] {
    return [...this.descendants()]
      .flatMap(({ jobs }) => [...jobs])
      .filter((job) => job.isLive)
      .sort(bySubmission);
  }

  /**
   * The jobs that its strategy starts again with a job or a group that failed.
   *
   * @param failed - A job of this group, or a group in it.
   */
  affectedBy(failed: JobActor | Group): JobActor[] {
    const { strategy } = this.settings;
    if (strategy === 'one-for-all') return this.liveJobs();
    const from = placeOf(failed);
    const isAffected = (child: JobActor | Group) =>
      child === failed || (strategy === 'rest-for-one' && placeOf(child) > from);
    const jobs = [...this.jobs].filter(isAffected);
    const inGroups = this.groups.filter(isAffected).flatMap((group) => group.liveJobs());
    return [...jobs, ...inGroups].filter((job) => job.isLive).sort(bySubmission);
  }

  /** Restarts that count now. */
  restartsAt(nowMs: number): number {
    return this.#counted(nowMs).length;
  }

  /** Counts a restart. @returns Whether there was one left. */
  takeRestart(failure: GroupFailure, nowMs: number): boolean {
    this.#failures = this.#counted(nowMs);
    if (this.#failures.length >= this.settings.maxRestarts) return false;
    this.#failures.push({ atMs: nowMs, failure });
    return true;
  }

  /** Why it has no restart left. */
  spentError(last: GroupFailure): WireError {
    const { maxRestarts, within } = this.settings;
    const times = maxRestarts === 1 ? 'once' : `${maxRestarts} times`;
    const first = this.#failures[0]?.failure ?? last;
    const message =
      `Group "${this.name}" was restarted ${times} within ${durationText(BigInt(within))}, and is allowed no more ` +
      `("maxRestarts", "within"). The first failure: ${failureText(first)}. The last one: ${failureText(last)}`;
    return { code: 'GROUP_SPENT', message, retryable: false };
  }

  /** It begins anew: restarts of before do not count any more. */
  forgetRestarts(): void {
    this.#failures = [];
  }

  #counted(nowMs: number) {
    // A wall clock that was set back makes them count for no longer than the time again.
    const withinMs = this.settings.within / NS_PER_MS;
    return this.#failures.filter(({ atMs }) => Math.abs(nowMs - atMs) < withinMs);
  }
}

/** What failed, in a few words. */
export function failureText({ job, group, error }: GroupFailure): string {
  const how = error ? `failed: ${error.message} [${error.code}]` : 'came to its end';
  return `job "${job}" ${how}${group === undefined ? '' : `, and its group "${group}" had no restart left`}`;
}

const placeOf = (child: JobActor | Group): number => ('place' in child ? child.place : numberOf(child));
