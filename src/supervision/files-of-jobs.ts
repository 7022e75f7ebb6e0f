import type { SpecProblem } from '../core/errors.js';
import { FilesInUse } from '../plan/paths/files-in-use.js';
import type { JobFiles } from '../plan/paths/job-files.js';

/** Files of a job: it has two such while it changes its spec. */
interface Held<Job> {
  readonly job: Job;
}

/** The files of jobs that may still read or write them. */
export class FilesOfJobs<Job extends object> {
  readonly #files = new FilesInUse<Held<Job>>();
  readonly #held = new Map<Job, Set<Held<Job>>>();

  /** @returns Gives them back. */
  add(job: Job, files: JobFiles): () => void {
    const held = { job };
    this.#files.add(held, files);
    this.#held.set(job, (this.#held.get(job) ?? new Set()).add(held));
    return () => this.#drop(held);
  }

  /** Gives back all files of a job. */
  delete(job: Job): void {
    for (const held of this.#held.get(job) ?? []) this.#drop(held);
  }

  /** As `delete`, but for those that were added last. */
  keepLast(job: Job): void {
    for (const held of [...(this.#held.get(job) ?? [])].slice(0, -1)) this.#drop(held);
  }

  /**
   * @param own - The job that the files are of, if it has some already. These are not in its way.
   * @see FilesInUse.conflicts
   */
  conflicts(files: JobFiles, nameOf: (job: Job) => string, own?: Job): SpecProblem[] {
    return this.#files.conflicts(
      files,
      ({ job }) => nameOf(job),
      ({ job }) => job === own,
    );
  }

  #drop(held: Held<Job>): void {
    this.#files.delete(held);
    const all = this.#held.get(held.job);
    all?.delete(held);
    if (all?.size === 0) this.#held.delete(held.job);
  }
}
