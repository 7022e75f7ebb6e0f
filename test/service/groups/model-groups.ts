export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

interface ModelGroup {
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  readonly parent?: string;
}

/** What groups are to do, in the fewest words: all at once, in no time, and by looking at everything each time. */
export class ModelGroups {
  readonly #groups: Readonly<Record<string, ModelGroup>>;
  readonly #groupOf: string[] = [];
  readonly #attempts: number[] = [];
  readonly #ends = new Map<number, 'ended' | 'dead'>();
  readonly #used = new Map<string, number>();
  readonly #dead = new Set<string>();
  /** By group, while failures are played: the jobs that are started again with it. */
  readonly #restarting = new Map<string, Set<number>>();

  constructor(groups: Readonly<Record<string, ModelGroup>>) {
    this.#groups = groups;
  }

  add(job: number, group: string): void {
    this.#groupOf[job] = group;
    this.#attempts[job] = 1;
  }

  end(job: number): void {
    this.#ends.set(job, 'ended');
  }

  /** So much time has passed that no restart counts any more. */
  forget(): void {
    this.#used.clear();
  }

  isLive = (job: number): boolean => !this.#ends.has(job);
  isDead = (job: number): boolean => this.#ends.get(job) === 'dead';
  attemptsOf = (job: number): number => this.#attempts[job]!;
  counts = () =>
    Object.keys(this.#groups).map((name) => [name, this.#used.get(name) ?? 0, this.#dead.has(name)]);

  /** These fail, one after the other, before any of them has started again. */
  fail(jobs: readonly number[]): void {
    this.#restarting.clear();
    for (const job of jobs) this.#failIn(this.#groupOf[job]!, job, job);
    const again = new Set([...jobs, ...[...this.#restarting.values()].flatMap((set) => [...set])]);
    for (const job of again) if (this.isLive(job)) this.#attempts[job]!++;
  }

  #failIn(group: string, child: number | string, job: number): void {
    const ways = this.#ancestors(group);
    if (ways.some((each) => this.#dead.has(each) || this.#restarting.get(each)?.has(job))) return;
    const { strategy, maxRestarts, parent } = this.#groups[group]!;
    const affected = this.#affected(group, child);
    const at = this.#restarting.get(group);
    if (at) {
      this.#restart(group, new Set([...at, ...affected]));
      return;
    }
    const used = this.#used.get(group) ?? 0;
    if (used < maxRestarts) {
      this.#used.set(group, used + 1);
      if (strategy !== 'one-for-one') this.#restart(group, affected);
      else if (typeof child === 'string') this.#restart(child, affected);
    } else if (parent !== undefined) {
      this.#used.delete(group);
      this.#failIn(parent, group, job);
    } else {
      for (const each of this.#inside(group)) {
        this.#dead.add(each);
        this.#used.delete(each);
      }
      for (const each of this.#jobsIn(group)) this.#ends.set(each, 'dead');
    }
  }

  #restart(group: string, jobs: ReadonlySet<number>): void {
    this.#restarting.set(group, new Set(jobs));
    for (const inner of this.#inside(group)) {
      if (inner === group || !this.#jobsIn(inner).every((each) => jobs.has(each))) continue;
      this.#restarting.delete(inner);
      this.#used.delete(inner);
    }
  }

  #affected(group: string, child: number | string): Set<number> {
    const { strategy } = this.#groups[group]!;
    const childOf = (job: number): number | string =>
      this.#groupOf[job] === group
        ? job
        : this.#ancestors(this.#groupOf[job]!).find((each) => this.#groups[each]!.parent === group)!;
    return new Set(
      this.#jobsIn(group).filter((job) => {
        if (childOf(job) === child || strategy === 'one-for-all') return true;
        return strategy === 'rest-for-one' && this.#place(childOf(job)) > this.#place(child);
      }),
    );
  }

  /** A group stands where the first job did that it ever had. */
  #place(child: number | string): number {
    if (typeof child === 'number') return child;
    return this.#groupOf.findIndex((group) => this.#ancestors(group).includes(child));
  }

  #ancestors(group: string): string[] {
    const { parent } = this.#groups[group]!;
    return parent === undefined ? [group] : [group, ...this.#ancestors(parent)];
  }

  #inside = (group: string): string[] =>
    Object.keys(this.#groups).filter((each) => this.#ancestors(each).includes(group));

  #jobsIn(group: string): number[] {
    return this.#groupOf
      .map((_, job) => job)
      .filter((job) => this.isLive(job) && this.#ancestors(this.#groupOf[job]!).includes(group));
  }
}
