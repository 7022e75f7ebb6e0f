import type { JobRecord, ScheduleRecord } from '../../src/store/job-store.js';

/** A record with all its fields. */
export const jobRecord = (id: string, fields: Partial<JobRecord> = {}): JobRecord => ({
  id,
  name: `job-${id}`,
  sequence: 1,
  submittedAtMs: 1_700_000_000_000,
  spec: { source: { use: 'synthetic', rows: 10 }, sink: { use: 'null' } },
  options: { priority: 3, dependsOn: [] },
  wish: 'run',
  state: 'backingOff',
  history: [
    { state: 'queued', atMs: 1 },
    { state: 'starting', atMs: 2, attempt: 2, reason: 'restart' },
  ],
  runs: [
    {
      attempt: 1,
      epoch: 4,
      startedAtMs: 2,
      endedAtMs: 3,
      outcome: 'failed',
      error: { code: 'SOURCE_FAILED', message: 'broke off', retryable: true },
    },
  ],
  restarts: {
    policy: {
      policy: 'on-failure',
      backOffMs: 1_000,
      backOffMaxMs: 30_000,
      stableAfterMs: 60_000,
      maxRestarts: 10,
      withinMs: 600_000,
    },
    endsInRow: 1,
    decidedAtMs: [3],
    random: [1, -2, 3, 4],
  },
  deadlineAtMs: 1_700_000_001_000.5,
  isStable: false,
  ...fields,
});

export const scheduleRecord = (name: string, fields: Partial<ScheduleRecord> = {}): ScheduleRecord => ({
  name,
  spec: { source: { use: 'synthetic' } },
  schedule: { every: '1h' },
  options: {},
  progress: { seenMs: 5, dueMs: [1, 2], forgottenMs: -8_640_000_000_000_000 },
  ...fields,
});
