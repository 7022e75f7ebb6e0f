import type { StartQueue } from './start-queue.js';

/**
 * Jobs that wait for a thread, first come, first served. Each place is passed once, however many jobs leave
 * before their turn, so a queue costs what its jobs do and never more.
 */
export class JobQueue<Job> implements StartQueue<Job> {
  readonly #byPlace = new Map<number, Job>();
  readonly #placeOf = new Map<Job, number>();
  /** No job waits before this place. */
  #first = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#placeOf.size === 0;
  }

  push(job: Job): void {
    this.#byPlace.set(this.#end, job);
    this.#placeOf.set(job, this.#end);
    this.#end++;
  }

  /** Takes out the job that has waited for the longest. */
  shift(): Job | undefined {
    while (this.#first < this.#end) {
      const job = this.#byPlace.get(this.#first++);
      if (job === undefined) continue; // it left before its turn
      this.delete(job);
      return job;
    }
    return undefined;
  }

  /** Takes out a job before its turn. Does nothing if it does not wait. */
  delete(job: Job): void {
    const place = this.#placeOf.get(job);
    if (place === undefined) return;
    this.#placeOf.delete(job);
    this.#byPlace.delete(place);
  }
}
