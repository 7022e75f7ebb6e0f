import { describe, expect, it } from 'vitest';
import { DEFAULT_RESTART_POLICY } from '../../src/service/restart-policy-of.js';
import { resumeJob } from '../../src/service/resume-job.js';
import type { JobRecord } from '../../src/store/job-store.js';

const DECIDED_MS = 1_700_000_000_000;

/** A job that has to wait for ten seconds. */
const backingOff: JobRecord = {
  id: 'job-1',
  name: 'feed',
  sequence: 1,
  submittedAtMs: DECIDED_MS - 60_000,
  spec: {},
  options: {},
  wish: 'run',
  state: 'backingOff',
  history: [{ state: 'backingOff', atMs: DECIDED_MS, nextStartAtMs: DECIDED_MS + 10_000 }],
  runs: [],
  deadlineAtMs: DECIDED_MS + 10_000,
};

const startsAt = (nowMs: number) =>
  resumeJob(backingOff, { nowMs, hasDeliveredAll: false, defaultPolicy: DEFAULT_RESTART_POLICY }).context
    .deadlineAtMs;

describe('a job that backed off as its process ended', () => {
  it('starts at the instant that was decided', () => {
    expect(startsAt(DECIDED_MS + 4_000)).toBe(DECIDED_MS + 10_000);
  });

  it('waits no longer than was decided, though the wall clock was set back by an hour', () => {
    const nowMs = DECIDED_MS - 3_600_000;
    expect(startsAt(nowMs)).toBe(nowMs + 10_000);
  });
});
