import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { PipelineError } from '../../src/core/errors.js';
import { intervalInstants } from '../../src/service/schedules/interval-instants.js';
import type { ScheduleProgress } from '../../src/service/schedules/schedule-progress.js';
import { advance } from '../../src/service/schedules/schedule-progress.js';
import { progressOf } from '../../src/service/schedules/schedule-records.js';
import { ScheduledJob } from '../../src/service/schedules/scheduled-job.js';
import type { JobRecord, ScheduleRecord } from '../../src/store/job-store.js';
import type { JobHandle, JobReport } from '../../src/supervision/job.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const MINUTE = 60_000;
const BEGIN = Date.parse('2026-06-01T00:00:00Z');
const instants = intervalInstants({ everyMs: MINUTE, fromMs: 0 });
const progress = (seen: number, due: readonly number[] = []): ScheduleProgress => ({
  seenMs: BEGIN + seen * MINUTE,
  dueMs: due.map((minute) => BEGIN + minute * MINUTE),
  forgottenMs: 0,
});

const recordOf = ({ seenMs, dueMs, forgottenMs }: ScheduleProgress): ScheduleRecord => ({
  name: 'report',
  spec: {},
  schedule: {},
  options: {},
  progress: { seenMs, dueMs, forgottenMs },
});
const jobOf = (name: string, minute: number) => ({ name, instantMs: BEGIN + minute * MINUTE }) as JobRecord;

/** A schedule whose jobs end when the test says so. */
function startSchedule(clock: VirtualClock, from?: ScheduleProgress, running?: JobHandle) {
  const kept: ScheduleProgress[] = [];
  const submitted: number[] = [];
  const ends: (() => void)[] = [];
  const state: { refuse?: boolean; hang?: boolean } = {};
  const job = new ScheduledJob({
    name: 'report',
    schedule: { use: 'interval', everyMs: MINUTE },
    instants,
    options: { overlap: 'queue', progress: from && { ...from, dueMs: [...from.dueMs] } },
    clock,
    running,
    async submit(instantMs) {
      if (state.hang) await new Promise(() => {});
      if (state.refuse) throw new PipelineError('JOB_QUEUE_FULL', 'full', { retryable: true });
      submitted.push((instantMs - BEGIN) / MINUTE);
      return pendingJob(ends);
    },
    tell: () => {},
    onProgress: (settled) => kept.push(settled),
    onStop: () => {},
  });
  job.start();
  return { job, kept, submitted, ends, state };
}

function pendingJob(ends: (() => void)[]): JobHandle {
  const outcome = new Promise<JobReport>((resolve) => ends.push(() => resolve({} as JobReport)));
  return { id: `job-${ends.length}`, outcome } as JobHandle; // what a schedule uses of it
}

const clockAt = (minute: number) => new VirtualClock({ wall: BigInt(BEGIN + minute * MINUTE) * 1_000_000n });

describe('a schedule that is kept', () => {
  it('runs the latest instant that was missed once, and none that has a job', () => {
    const nowMs = BEGIN + 5.5 * MINUTE;
    const missed = progressOf(recordOf(progress(1, [1])), [jobOf('report', 2), jobOf('other', 5)]);
    expect(advance(missed, instants, nowMs).due).toBe(BEGIN + 5 * MINUTE);
    const had = progressOf(recordOf(progress(1, [1])), [jobOf('report', 5)]);
    expect(advance(had, instants, nowMs).due).toBeUndefined();
  });

  it('takes an instant for done when its job was submitted or refused, and not before', async () => {
    const clock = clockAt(0.5);
    const { kept, state, ends } = startSchedule(clock);
    state.hang = true;
    await clock.advance(MINUTE);
    expect(kept).toEqual([]);
    state.hang = false;
    const other = startSchedule(clock);
    other.state.refuse = true;
    await clock.advance(MINUTE);
    await turnOfTheLoop();
    expect(other.kept.at(-1)?.dueMs).toEqual([BEGIN + 2 * MINUTE]);
    expect(ends).toEqual([]);
  });

  it('runs an instant after a restart that waited for the end of the job before', async () => {
    const clock = clockAt(0.5);
    const first = startSchedule(clock);
    await clock.advance(MINUTE);
    await clock.advance(MINUTE); // the second waits
    await turnOfTheLoop();
    expect(first.submitted).toEqual([1]);
    const { settled } = first.job;
    const ends: (() => void)[] = [];
    const second = startSchedule(clock, settled, pendingJob(ends));
    await turnOfTheLoop();
    expect(second.submitted).toEqual([]); // the job of the process before has not ended
    ends[0]!();
    await turnOfTheLoop();
    expect(second.submitted).toEqual([2]);
  });
});
