import type { JobRecord, ScheduleRecord } from '../../store/job-store.js';
import type { ScheduleProgress } from './schedule-progress.js';

/** Where the records of schedules are kept. Each call rejects with what the store throws. */
export interface ScheduleRecords {
  putSchedule(record: ScheduleRecord): Promise<void>;
  deleteSchedule(name: string): Promise<void>;
}

/** The record of one schedule. */
export interface KeptSchedule {
  /** Resolves once the schedule is durable. */
  add(progress: ScheduleProgress): Promise<void>;
  put(progress: ScheduleProgress): void;
  delete(): void;
}

/** Keeps the record of one schedule up to date. That the store has failed is told by `records`. */
export function keptSchedule(
  records: ScheduleRecords | undefined,
  record: Omit<ScheduleRecord, 'progress'>,
): KeptSchedule | undefined {
  if (!records) return undefined;
  const put = ({ seenMs, dueMs, forgottenMs }: ScheduleProgress) =>
    records.putSchedule({ ...record, progress: { seenMs, dueMs, forgottenMs } });
  return {
    add: put,
    put: (progress) => void put(progress).catch(() => {}),
    delete: () => void records.deleteSchedule(record.name).catch(() => {}),
  };
}

/**
 * How far a schedule had come when its process ended. The record of a job is durable before the progress of its
 * schedule is: an instant that has a job is done.
 */
export function progressOf(record: ScheduleRecord, jobs: readonly JobRecord[]): ScheduleProgress {
  const { seenMs, dueMs, forgottenMs } = record.progress as unknown as ScheduleProgress;
  const run = jobs.flatMap(({ name, instantMs }) => (name === record.name ? (instantMs ?? []) : []));
  const all = [...new Set([...dueMs, ...run.filter((ms) => ms > forgottenMs)])].sort((a, b) => a - b);
  return { seenMs, dueMs: all.slice(-100), forgottenMs: Math.max(forgottenMs, all.at(-101) ?? forgottenMs) };
}
