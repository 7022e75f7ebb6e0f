import { invariant } from '../core/invariant.js';
import type { DependencyPoint, JobDependency } from '../supervision/job.js';
import { type JobEnd, unmetReason } from './unmet-reason.js';

/** Another job that a job waits for: that job, or the name of one that was not submitted yet. */
export interface NeededJob<Job> {
  readonly job: Job | string;
  readonly on: DependencyPoint;
}

export interface DependencyListener<Job> {
  /** All that a job waited for has come. Told once, and not of a job that has ended or waited for nothing. */
  onMet(job: Job): void;
  /** What a job waits for can no longer come. Told once, and not of a job that has ended. */
  onUnmeetable(job: Job, reason: string): void;
}

/**
 * Which jobs wait for which. A job knows how many points it still waits for, and each job who waits for it, so a
 * change costs what it changes. What has come stays so, whatever the job does afterwards.
 */
export class Dependencies<Job extends object> {
  readonly #listener: DependencyListener<Job>;
  /** An ended job counts for those that are submitted later, as long as anybody has it. */
  readonly #nodes = new WeakMap<Job, Node<Job>>();
  /** By the name of a job that was not submitted yet. */
  readonly #awaited = new Map<string, Set<Wait<Job>>>();

  constructor(listener: DependencyListener<Job>) {
    this.#listener = listener;
  }

  /**
   * Looks for jobs that would wait for one another if a job of that name were added. There can be some only if
   * another one waits for that name.
   *
   * @returns Their names, from this job to itself; `undefined` if there are none.
   */
  cycle(name: string, needed: readonly NeededJob<Job>[]): readonly string[] | undefined {
    if (needed.some(({ job }) => job === name)) return [name, name];
    const awaiting = new Set([...(this.#awaited.get(name) ?? [])].map(({ by }) => by));
    if (awaiting.size === 0) return undefined;
    const cameFrom = new Map<Node<Job>, Node<Job> | undefined>();
    for (const { job } of needed) {
      const node = typeof job === 'string' ? undefined : this.#nodes.get(job);
      if (node) cameFrom.set(node, undefined);
    }
    // A map goes on to what is added while it is read.
    for (const node of cameFrom.keys()) {
      if (awaiting.has(node)) return [name, ...wayTo(node, cameFrom), name];
      for (const { target } of node.waits ?? []) {
        if (typeof target !== 'string' && !cameFrom.has(target)) cameFrom.set(target, node);
      }
    }
    return undefined;
  }

  /**
   * Adds a job. Tells at once if what it waits for can no longer come.
   *
   * @returns Whether it waits for nothing.
   */
  add(job: Job, name: string, needed: readonly NeededJob<Job>[]): boolean {
    const node: Node<Job> = { job, name, waits: undefined, awaitedBy: undefined, reached: NO_POINTS };
    this.#nodes.set(job, node);
    for (const need of needed) {
      const target = typeof need.job === 'string' ? need.job : this.#nodes.get(need.job);
      invariant(target !== undefined, 'a job that is waited for was added');
      if (typeof target !== 'string' && target.reached.includes(need.on)) continue;
      const wait = { by: node, on: need.on, target };
      node.waits = withWait(node.waits, wait);
      if (typeof target === 'string') this.#await(target, wait);
      else target.awaitedBy = withWait(target.awaitedBy, wait);
    }
    this.#bind(node);
    for (const wait of node.waits ?? []) {
      const { target } = wait;
      const end = typeof target === 'string' ? undefined : target.end;
      if (!end) continue;
      this.#fail(wait, end);
      return false;
    }
    return !node.waits?.size;
  }

  /** Whether jobs wait for one of that name that was not submitted yet; without a name: for any such job. */
  isAwaited(name?: string): boolean {
    return name === undefined ? this.#awaited.size > 0 : this.#awaited.has(name);
  }

  /** A job has come to a point, for the first time or again. */
  reach(job: Job, point: Exclude<DependencyPoint, 'completed' | 'succeeded'>): void {
    const node = this.#nodes.get(job);
    if (node) this.#reach(node, [point]);
  }

  /** A job has ended for good: those that wait for what did not come fail. */
  end(job: Job, end: JobEnd): void {
    const node = this.#nodes.get(job);
    if (!node || node.end) return;
    node.end = end;
    this.#leave(node);
    this.#reach(node, end.state === 'completed' ? ['completed', 'succeeded'] : ['completed']);
    this.#failAll(node, end);
  }

  /** What a job still waits for. */
  waitsFor(job: Job): readonly Pick<JobDependency, 'job' | 'on'>[] {
    const waits = this.#nodes.get(job)?.waits ?? [];
    return [...waits].map(({ target, on }) => ({ job: nameOf(target), on }));
  }

  /** The name is that of a job from now on. */
  #bind(node: Node<Job>): void {
    for (const wait of this.#awaited.get(node.name) ?? []) {
      wait.target = node;
      node.awaitedBy = withWait(node.awaitedBy, wait);
    }
    this.#awaited.delete(node.name);
  }

  #await(name: string, wait: Wait<Job>): void {
    const waits = this.#awaited.get(name);
    if (waits) waits.add(wait);
    else this.#awaited.set(name, new Set([wait]));
  }

  #reach(node: Node<Job>, points: readonly DependencyPoint[]): void {
    node.reached = [...new Set([...node.reached, ...points])];
    for (const wait of [...(node.awaitedBy ?? [])]) {
      if (!node.reached.includes(wait.on) || !node.awaitedBy?.has(wait)) continue;
      this.#drop(wait);
      if (!wait.by.waits?.size) this.#listener.onMet(wait.by.job);
    }
  }

  #failAll(node: Node<Job>, end: JobEnd): void {
    for (const wait of [...(node.awaitedBy ?? [])]) {
      if (node.awaitedBy?.has(wait)) this.#fail(wait, end); // one may wait for several points of it
    }
  }

  #fail({ by, on, target }: Wait<Job>, end: JobEnd): void {
    this.#leave(by);
    this.#listener.onUnmeetable(by.job, unmetReason({ name: nameOf(target), on, end }));
  }

  /** It waits for nothing any more. */
  #leave(node: Node<Job>): void {
    for (const wait of [...(node.waits ?? [])]) this.#drop(wait);
  }

  #drop(wait: Wait<Job>): void {
    const { by, target } = wait;
    by.waits?.delete(wait);
    if (typeof target !== 'string') {
      target.awaitedBy?.delete(wait);
      return;
    }
    const waits = this.#awaited.get(target);
    waits?.delete(wait);
    if (waits?.size === 0) this.#awaited.delete(target);
  }
}

/** Its sets are made when they are needed: most of ten thousand jobs wait for none, and none for them. */
interface Node<Job> {
  readonly job: Job;
  readonly name: string;
  waits: Set<Wait<Job>> | undefined;
  awaitedBy: Set<Wait<Job>> | undefined;
  reached: readonly DependencyPoint[];
  end?: JobEnd;
}

interface Wait<Job> {
  readonly by: Node<Job>;
  readonly on: DependencyPoint;
  /** A name: that of a job that was not submitted yet. */
  target: Node<Job> | string;
}

const NO_POINTS: readonly DependencyPoint[] = [];

const withWait = <Job>(waits: Set<Wait<Job>> | undefined, wait: Wait<Job>): Set<Wait<Job>> =>
  waits?.add(wait) ?? new Set([wait]);

const nameOf = <Job>(target: Node<Job> | string): string =>
  typeof target === 'string' ? target : target.name;

/** The names from the first job that was looked at to this one. */
function wayTo<Job>(node: Node<Job>, cameFrom: ReadonlyMap<Node<Job>, Node<Job> | undefined>): string[] {
  const way: string[] = [];
  for (let at: Node<Job> | undefined = node; at; at = cameFrom.get(at)) way.unshift(at.name);
  return way;
}
