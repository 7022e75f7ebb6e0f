import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { intervalInstants } from '../../../src/service/schedules/interval-instants.js';
import { ScheduledJob } from '../../../src/service/schedules/scheduled-job.js';
import type { JobHandle, JobReport, RuntimeEvent } from '../../../src/supervision/job.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const MINUTE = 60_000;
const BEGIN = Date.parse('2026-06-01T00:00:00Z');

/** A job that ends when the test says so. */
class FakeJob {
  readonly id: string;
  readonly outcome: Promise<JobReport>;
  stops = 0;
  end: () => void = () => {};

  constructor(id: string) {
    this.id = id;
    this.outcome = new Promise((resolve) => {
      this.end = () => resolve({} as JobReport); // nobody looks at it here
    });
  }

  async stop(): Promise<JobReport> {
    this.stops++;
    this.end();
    return this.outcome;
  }
}

function startSchedule(overlap: 'skip' | 'queue' | 'replace') {
  const clock = new VirtualClock({ wall: BigInt(BEGIN) * 1_000_000n });
  const jobs: FakeJob[] = [];
  const told: string[] = [];
  const state = { refuse: false };
  const tell = (event: RuntimeEvent) => {
    if (event.type !== 'schedule.due') return;
    told.push(`${(event.instantMs - BEGIN) / MINUTE} ${event.result}`);
  };
  const job = new ScheduledJob({
    name: 'report',
    schedule: { use: 'interval', everyMs: MINUTE },
    instants: intervalInstants({ everyMs: MINUTE, fromMs: 0 }),
    options: { overlap },
    clock,
    async submit() {
      if (state.refuse) throw new PipelineError('JOB_QUEUE_FULL', 'full', { retryable: true });
      const made = new FakeJob(`job-${jobs.length + 1}`);
      jobs.push(made);
      return made as unknown as JobHandle; // what a schedule uses of it
    },
    tell,
    onStop: () => told.push('stopped'),
  });
  job.start();
  return { clock, jobs, told, job, state };
}

describe('a scheduled job', () => {
  it('is submitted at each instant, if the one before has ended', async () => {
    const { clock, jobs, told, job } = startSchedule('skip');
    await clock.advance(MINUTE);
    jobs[0]!.end();
    await clock.advance(MINUTE);
    expect(told).toEqual(['1 submitted', '2 submitted']);
    expect(job.inspect()).toMatchObject({
      submitted: 2,
      skipped: 0,
      job: 'job-2',
      nextMs: BEGIN + 3 * MINUTE,
    });
  });

  it('leaves out the instants at which the one before has not ended', async () => {
    const { clock, jobs, told, job } = startSchedule('skip');
    await clock.advance(3 * MINUTE);
    jobs[0]!.end();
    await clock.advance(MINUTE);
    expect(told).toEqual(['1 submitted', '2 skipped', '3 skipped', '4 submitted']);
    expect(job.inspect().skipped).toBe(2);
  });

  it('runs the last of the instants that came meanwhile, if they queue', async () => {
    const { clock, jobs, told } = startSchedule('queue');
    await clock.advance(3 * MINUTE);
    expect(told).toEqual(['1 submitted', '2 skipped']);
    jobs[0]!.end();
    await clock.advance(1);
    expect(told.at(-1)).toBe('3 submitted');
    jobs[1]!.end();
    await clock.advance(1);
    expect(jobs).toHaveLength(2);
  });

  it('stops the one before, if it is replaced', async () => {
    const { clock, jobs, told } = startSchedule('replace');
    await clock.advance(2 * MINUTE);
    expect(jobs.map(({ stops }) => stops)).toEqual([1, 0]);
    expect(told).toEqual(['1 submitted', '2 submitted']);
  });

  it('goes on after a job that was refused, and says why it was', async () => {
    const { clock, told, job, state } = startSchedule('skip');
    state.refuse = true;
    await clock.advance(MINUTE);
    state.refuse = false;
    await clock.advance(MINUTE);
    expect(told).toEqual(['1 refused', '2 submitted']);
    expect(job.inspect()).toMatchObject({ refused: 1, error: { code: 'JOB_QUEUE_FULL' } });
  });

  it('submits nothing after it was stopped, not even what is queued', async () => {
    const { clock, jobs, told, job } = startSchedule('queue');
    await clock.advance(2 * MINUTE);
    job.stop();
    job.stop();
    jobs[0]!.end();
    await clock.advance(5 * MINUTE);
    expect(told).toEqual(['1 submitted', 'stopped']);
    expect(job.inspect().nextMs).toBeUndefined();
    expect(clock.timersPending).toBe(0);
  });
});
