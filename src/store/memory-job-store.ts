import { assertMapping } from '../core/assert-argument.js';
import type { JobRecord, JobStore, ScheduleRecord, StoredJobs } from './job-store.js';
import { KEY_FIELDS } from './record-schemas.js';
import { checkKey } from './store-failures.js';
import { decodeRecord, encodeRecord } from './stored-entries.js';

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
    const copy = checkedCopy('job', record);
    this.#jobs.set(copy.id, copy);
  }

  /** Removes the record of that id, if there is one. */
  async deleteJob(id: string): Promise<void> {
    checkKey('id', id);
    this.#jobs.delete(id);
  }

  async putSchedule(record: ScheduleRecord): Promise<void> {
    const copy = checkedCopy('schedule', record);
    this.#schedules.set(copy.name, copy);
  }

  /** Removes the record of that name, if there is one. */
  async deleteSchedule(name: string): Promise<void> {
    checkKey('name', name);
    this.#schedules.delete(name);
  }

  async close(): Promise<void> {}
}

/** The same data in memory of its own. */
const copyOf = <T>(record: T): T => structuredClone(record);

/** A record as a file would have it. @throws {InvalidOptionsError} for one of a wrong form. */
function checkedCopy(kind: 'job', record: JobRecord): JobRecord;
function checkedCopy(kind: 'schedule', record: ScheduleRecord): ScheduleRecord;
function checkedCopy(kind: 'job' | 'schedule', record: JobRecord | ScheduleRecord): unknown {
  assertMapping('job store', record);
  const { [KEY_FIELDS[kind]]: key } = record as unknown as Readonly<Record<string, string>>; // checked with the rest
  return decodeRecord({ text: encodeRecord(kind, key!, record) });
}
