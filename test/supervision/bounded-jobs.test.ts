import { describe, expect, it } from 'vitest';
import type { Nanos } from '../../src/core/units.js';
import { BoundTimers } from '../../src/supervision/bound-timers.js';
import type { JobOptions } from '../../src/supervision/supervisor.js';
import type { JobBounds } from '../../src/wire/bounds.js';
import { StartStep } from '../../src/wire/start-step.js';
import { until } from './fake-threads.js';
import { crash, ManualClock, onFailure, reportOf, specOf, startSupervisor } from './job-fixtures.js';

const checkpoints = { path: 'checkpoints', everyMs: 1_000 };
const WALL_MS = 1_700_000_001_000; // where a `ManualClock` begins

async function start(bounds: JobBounds, options: Omit<JobOptions, 'bounds'> = {}) {
  const rig = startSupervisor();
  const job = rig.supervisor.submit(specOf('bound'), undefined, { ...options, bounds });
  const ready = async () => {
    rig.threads.last.answer();
    await until(() => job.state === 'running');
  };
  await ready();
  return { ...rig, job, ready, asked: () => rig.threads.last.asked };
}

describe('a job with a duration', () => {
  it('is drained once it has passed since all stages were open, pauses included, and has completed', async () => {
    const { job, clock, threads, asked } = await start({ maxDurationMs: 5_000 });
    expect(threads.last.task.bounds).toEqual({ maxDurationMs: 5_000 });
    clock.advance(2_000);
    void job.pause();
    clock.advance(2_999);
    expect(job.state).toBe('paused');
    clock.advance(1);
    expect(job.state).toBe('draining');
    await until(() => asked().includes('drain'));
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'duration' });
    expect(
      job
        .inspect()
        .history.map(({ state, reason }) => [state, reason])
        .slice(-2),
    ).toEqual([
      ['draining', 'its duration is over'],
      ['completed', 'bounded: its duration is over'],
    ]);
  });

  it('has one for all of its runs: the instant of its end stays', async () => {
    const { job, clock, threads, ready, asked } = await start(
      { maxDurationMs: 60_000 },
      { restart: onFailure },
    );
    clock.advance(30_000);
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    clock.advance(1_000);
    await until(() => threads.runs.length === 2);
    await ready();
    clock.advance(28_999);
    expect(job.state).toBe('running');
    clock.advance(1);
    expect(job.state).toBe('draining');
    await until(() => asked().includes('drain'));
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    expect(await job.outcome).toMatchObject({ reason: 'bounded', runs: [{ attempt: 1 }, { attempt: 2 }] });
  });

  it('is stopped where it backs off then, with why its last run failed', async () => {
    const { job, clock, threads } = await start(
      { maxDurationMs: 1_000 },
      { restart: { ...onFailure, backOffMs: 1e7, backOffMaxMs: 1e7 } },
    );
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    clock.advance(1_000);
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', error: { code: 'THREAD_CRASHED' } });
  });

  it('keeps to the deadline of drains', async () => {
    const { job, clock, threads } = await start({ maxDurationMs: 1_000 });
    clock.advance(1_000);
    clock.advance(10_000);
    clock.advance(250);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', error: { code: 'DRAIN_TIMED_OUT' } });
  });

  it('says why and where its thread was ended, if that cannot be', async () => {
    const { job, clock, threads } = await start({ maxDurationMs: 1_000 });
    const thread = threads.last;
    thread.counters.set('startStep', StartStep.started);
    thread.watch.atWork[0] = 1;
    clock.advance(1_000 + 10_000 + 50 + 1_000);
    const { outcome, error } = await job.outcome;
    expect([outcome, error?.code, error?.stage]).toEqual(['stopped', 'THREAD_LEFT_RUNNING', 'source']);
    const why = 'its duration is over. Not all rows were delivered by the deadline of the drain';
    expect(error?.message).toContain(
      'give such a call a timeout, or use its asynchronous form, such as spawn',
    );
    expect(error?.message).toContain(`It was ended since: ${why}`);
    expect(error?.causes).toEqual([expect.stringContaining(why)]);
    thread.lose(crash);
  });

  it('is what the user asked for last, if that came before', async () => {
    const { job, clock, threads } = await start({ maxDurationMs: 1_000 }, { checkpoints });
    void job.suspend();
    clock.advance(1_000);
    threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
  });
});

describe('a job with an instant', () => {
  it('is drained when it comes', async () => {
    const { job, clock, threads } = await start({ untilMs: WALL_MS + 90_000 });
    clock.advance(89_999);
    expect(job.state).toBe('running');
    clock.advance(1);
    expect(job.state).toBe('draining');
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'until' });
  });

  it('is drained also if it comes while its stages open', async () => {
    const { supervisor, clock, threads } = startSupervisor();
    const job = supervisor.submit(specOf('slow'), undefined, { bounds: { untilMs: WALL_MS + 1_000 } });
    clock.advance(1_000);
    expect(job.state).toBe('draining');
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'until' });
    expect(clock.timersArmed).toBe(0);
  });

  it('is not started again if it comes while a start is given up', async () => {
    const { supervisor, clock, threads } = startSupervisor();
    const bounds = { untilMs: WALL_MS + 30_500 };
    const job = supervisor.submit(specOf('slow'), undefined, { bounds, restart: onFailure });
    clock.advance(30_000);
    expect(job.state).toBe('draining');
    clock.advance(500);
    threads.last.lose(crash);
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: 'START_TIMED_OUT' } });
    expect([threads.runs.length, clock.timersArmed]).toEqual([1, 0]);
  });

  it.each(['report', 'loss'] as const)(
    'fails with what its run was given up for, if it comes meanwhile (%s)',
    async (end) => {
      const { job, clock, threads } = await start({ untilMs: WALL_MS + 1_000 }, { restart: onFailure });
      const stuck = { code: 'THREAD_STUCK', message: 'stuck', retryable: true } as const;
      job.findStuck({ countedMs: 30_000, ranMs: undefined, place: 0 });
      clock.advance(1_000);
      if (end === 'report') threads.last.finish(reportOf('stopped'));
      else threads.last.lose(crash);
      expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: stuck.code } });
      expect([threads.runs.length, clock.timersArmed]).toEqual([1, 0]);
    },
  );

  it('ends the job with the run that ends for a restart, where that is suspended or drained', async () => {
    const { job, clock, threads } = await start({ untilMs: WALL_MS + 1_000 }, { checkpoints });
    void job.restart().catch(() => {});
    await until(() => job.state === 'restarting');
    clock.advance(1_000);
    expect(job.state).toBe('draining');
    threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    expect([threads.runs.length, clock.timersArmed]).toEqual([1, 0]);
  });

  it('never starts if it is in the queue then', async () => {
    const { supervisor, clock } = startSupervisor({ maxThreads: 1 });
    supervisor.submit(specOf('first'));
    const job = supervisor.submit(specOf('second'), undefined, { bounds: { untilMs: WALL_MS + 1_000 } });
    clock.advance(1_000);
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', runs: [] });
    expect(job.inspect().history.at(-1)?.reason).toBe('its last instant has come');
  });

  it('goes by the wall clock, also when that is set', () => {
    let aheadMs = 0;
    class SetClock extends ManualClock {
      override wall(): Nanos {
        return (super.wall() + BigInt(aheadMs) * 1_000_000n) as Nanos;
      }
    }
    const clock = new SetClock();
    const reached: string[] = [];
    const timers = new BoundTimers(clock, (bound) => reached.push(bound));
    timers.arm({ untilMs: WALL_MS + 3_600_000, durationAtMs: WALL_MS + 1_000_000 });
    aheadMs = -600_000; // a duration goes by the time that passes
    clock.advance(1_000_000);
    expect(reached).toEqual(['duration']);
    clock.advance(2_600_000);
    expect(reached).toEqual(['duration']);
    aheadMs = 0;
    clock.advance(30_000);
    expect(reached).toEqual(['duration', 'until']);
    timers.arm();
    expect(clock.timersArmed).toBe(0);
  });
});

describe('a slice', () => {
  it('is suspended at its duration, and has completed', async () => {
    const { job, clock, threads, asked } = await start(
      { isSlice: true, maxDurationMs: 1_000 },
      { checkpoints },
    );
    clock.advance(1_000);
    await until(() => asked().includes('suspend'));
    threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'sliced', bound: 'duration' });
    expect(job.state).toBe('completed');
  });

  it('that ends for a restart when its time is over is over with that', async () => {
    const { job, clock, threads } = await start({ isSlice: true, maxDurationMs: 1_000 }, { checkpoints });
    void job.restart().catch(() => {});
    await until(() => job.state === 'restarting');
    clock.advance(1_000);
    threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'sliced', bound: 'duration' });
    expect(threads.runs.length).toBe(1);
  });

  it.each([
    ['at its rows', reportOf('completed', { reason: 'sliced', bound: 'rows' })],
    ['with its source', reportOf('completed')],
    ['with nothing left', reportOf('completed', { reason: 'nothing left' })],
  ])('that ends %s is not started again by any policy', async (_, report) => {
    const restart = { ...onFailure, policy: 'always' } as const;
    const { job, threads } = await start({ isSlice: true, sliceRows: 10 }, { checkpoints, restart });
    threads.last.finish(report);
    expect((await job.outcome).outcome).toBe('completed');
  });

  it('is a failure if its last checkpoint is late', async () => {
    const { job, clock, threads } = await start({ isSlice: true, maxDurationMs: 1_000 }, { checkpoints });
    clock.advance(1_000);
    clock.advance(10_000);
    clock.advance(250);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', error: { code: 'DRAIN_TIMED_OUT' } });
  });
});

describe('a job that came to its rows', () => {
  it('has ended, whatever its restart policy', async () => {
    const { job, threads } = await start({ maxRows: 5 }, { restart: { ...onFailure, policy: 'always' } });
    threads.last.finish(reportOf('completed', { reason: 'bounded', bound: 'rows' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'rows' });
  });
});
