import type { JobRecord, JobStore, ScheduleRecord, StoredJobs } from './job-store.js';

/** Keeps records in the memory of this thread, for tests and embedders without a disk. */
export class MemoryJobStore implements JobStore {
  readonly #jobs = new Map<string, JobRecord>();
  readonly #schedules = new Map<string, ScheduleRecord>();

  /** Gives all that is kept. */
  async load(): Promise<StoredJobs> {
    const jobs = [...this.#jobs.values()].sort((a, b) => a.sequence - b.sequence);
    return { jobs: jobs.map(copyOf), schedules: [...this.#schedules.values()].map(copyOf) };
  }

  async putJob(record: JobRecord): Promise<void> {
    this.#jobs.set(record.id, copyOf(record));
  }

  /** Removes the record of that id, if there is one. */
  async deleteJob(id: string): Promise<void> {
    this.#jobs.delete(id);
  }

  async putSchedule(record: ScheduleRecord): Promise<void> {
    this.#schedules.set(record.name, copyOf(record));
  }

  /** Removes the record of that name, if there is one. */
  async deleteSchedule(name: string): Promise<void> {
    this.#schedules.delete(name);
  }

  async close(): Promise<void> {}
}

/** The same data in memory of its own. */
const copyOf = <T>(record: T): T => structuredClone(record);
