/** The jobs that ended last, by id and by name. Each call costs the same, however many there are. */
export class EndedJobs<Job extends { readonly id: string; readonly name: string }> {
  readonly #max: number;
  /** Oldest first. */
  readonly #byId = new Map<string, Job>();
  /** Oldest first. */
  readonly #byName = new Map<string, Job[]>();
  /** Those that are not forgotten for others. */
  readonly #kept = new Map<string, Job>();

  readonly #onForgotten: (job: Job) => void;

  /**
   * @param max - How many are remembered.
   * @param onForgotten - Called when a job is forgotten for another one. Must not throw.
   */
  constructor(max: number, onForgotten: (job: Job) => void = () => {}) {
    this.#max = max;
    this.#onForgotten = onForgotten;
  }

  /**
   * A job has ended. The one that ended first may be forgotten for it.
   *
   * @param options - `isKept`: this one is never forgotten for others, and does not count.
   */
  add(job: Job, { isKept = false }: { readonly isKept?: boolean } = {}): void {
    (isKept ? this.#kept : this.#byId).set(job.id, job);
    const namesakes = this.#byName.get(job.name);
    if (namesakes) namesakes.push(job);
    else this.#byName.set(job.name, [job]);
    for (const oldest of this.#byId.values()) {
      if (this.#byId.size <= this.#max) break;
      this.delete(oldest);
      this.#onForgotten(oldest);
    }
  }

  delete(job: Job): void {
    if (!this.#byId.delete(job.id) && !this.#kept.delete(job.id)) return;
    const namesakes = this.#byName.get(job.name)!; // it was added with the id
    namesakes.splice(namesakes.indexOf(job), 1);
    if (namesakes.length === 0) this.#byName.delete(job.name);
  }

  byId(id: string): Job | undefined {
    return this.#byId.get(id) ?? this.#kept.get(id);
  }

  /** The job of that name that ended last. */
  lastOf(name: string): Job | undefined {
    return this.#byName.get(name)?.at(-1);
  }

  /** Those that are kept, and then the others, oldest first. */
  *values(): IterableIterator<Job> {
    yield* this.#kept.values();
    yield* this.#byId.values();
  }
}
