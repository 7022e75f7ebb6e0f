import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobHandle } from '../../src/supervision/job.js';
import type { JobOptions } from '../../src/supervision/supervisor.js';
import { until } from './fake-threads.js';
import { crash, onFailure, reportOf, specOf, startSupervisor } from './job-fixtures.js';

const checkpoints = { path: join(tmpdir(), 'none'), everyMs: 1_000 };
const fenced = specOf('a', { facts: { isFenced: true } });
const suspended = reportOf('stopped', { reason: 'suspended' });

/** A job at work on a fake thread. */
async function startJob(options: JobOptions = { checkpoints }, spec = specOf('a')) {
  const rig = startSupervisor();
  const job = rig.supervisor.submit(spec, undefined, options);
  const run = async () => {
    await until(() => job.state === 'starting');
    rig.threads.last.answer();
    await until(() => job.state === 'running' || job.state === 'paused');
  };
  await run();
  return { ...rig, job, run };
}

const states = (job: JobHandle) => job.inspect().history.map(({ state }) => state);

describe('a restart by hand', () => {
  it('suspends the run, and begins the next one without a restart policy', async () => {
    const { job, threads, clock, run, events } = await startJob();
    const restarted = job.restart();
    await until(() => threads.last.asked.includes('suspend'));
    expect(job.state).toBe('restarting');
    threads.last.finish(suspended);
    await until(() => job.state === 'backingOff');
    expect(threads.runs).toHaveLength(1);
    clock.advance(0);
    await restarted;
    expect([job.state, threads.runs.length]).toEqual(['starting', 2]);
    await run();
    expect(job.inspect().runs.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'stopped'],
      [2, undefined],
    ]);
    expect(events.find((event) => event.type === 'job.state' && event.state === 'backingOff')).toMatchObject({
      reason: 'restart requested',
      isRequested: true,
    });
    threads.last.finish(reportOf('completed'));
    expect(await job.outcome).toMatchObject({ outcome: 'completed' });
    expect(clock.timersArmed).toBe(0);
  });

  it('ends a run without checkpoints at once, since the next one begins anew', async () => {
    const { job, threads } = await startJob({});
    void job.restart().catch(() => {});
    expect([job.state, threads.last.timesEnded]).toEqual(['restarting', 1]);
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    expect(job.inspect().error).toBeUndefined();
  });

  it('spends none of the restarts of a policy, and changes none of its waits', async () => {
    const { job, threads, clock, run } = await startJob({
      checkpoints,
      restart: { ...onFailure, maxRestarts: 1 },
    });
    for (let time = 0; time < 5; time++) {
      void job.restart();
      threads.last.finish(suspended);
      await until(() => job.state === 'backingOff');
      clock.advance(0);
      await run();
    }
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    const { nextStartAtMs, endedAtMs } = job.inspect().runs.at(-1)!;
    expect(nextStartAtMs! - endedAtMs!).toBeLessThanOrEqual(onFailure.backOffMs);
    clock.advance(onFailure.backOffMs);
    await run();
    threads.last.lose(crash);
    await until(() => job.state === 'dead');
  });

  it('goes on from the checkpoint before when the run does not end by the deadline', async () => {
    const { job, threads, clock } = await startJob();
    void job.restart({ deadlineMs: 100 });
    clock.advance(100);
    expect(job.state).toBe('restarting');
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    expect(job.inspect().runs.at(-1)?.error?.code).toBe('DRAIN_TIMED_OUT');
    clock.advance(0);
    expect([job.state, threads.runs.length]).toEqual(['starting', 2]);
  });

  it('fails a job whose thread cannot be ended, since two of them would be at work', async () => {
    const { job, threads, clock } = await startJob();
    const restarted = job.restart({ deadlineMs: 100 });
    clock.advance(100);
    clock.advance(60_000);
    await expect(restarted).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(job.state).toBe('failed');
    expect(job.error).toMatchObject({
      code: 'THREAD_LEFT_RUNNING',
      message: expect.stringContaining('No other run follows it, since both would write'),
    });
    expect(threads.runs).toHaveLength(1);
  });

  it('goes on beside a thread that cannot be ended, if all that it may still write is fenced', async () => {
    const { job, threads, clock, supervisor } = await startJob({ checkpoints }, fenced);
    const [left] = threads.runs;
    const restarted = job.restart({ deadlineMs: 100 });
    clock.advance(100);
    clock.advance(11_000);
    await restarted;
    expect([job.state, threads.runs.length, supervisor.threadsLeft.all]).toEqual(['starting', 2, 1]);
    expect(job.inspect().runs[0]).toMatchObject({
      outcome: 'stopped',
      error: { code: 'THREAD_LEFT_RUNNING' },
    });
    left!.lose(crash);
    await until(() => supervisor.threadsLeft.all === 0);
  });

  it('starts a job now that backs off', async () => {
    const { job, threads, clock } = await startJob({ checkpoints, restart: onFailure });
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    const restarted = job.restart();
    clock.advance(0);
    await restarted;
    expect(threads.runs).toHaveLength(2);
  });

  it('pauses again a job that was paused, also during the restart', async () => {
    for (const when of ['before', 'during']) {
      const { job, threads, clock, run } = await startJob();
      if (when === 'before') await job.pause();
      void job.restart();
      if (when === 'during') await job.pause();
      threads.last.finish(suspended);
      await until(() => job.state === 'backingOff');
      clock.advance(0);
      await run();
      await until(() => job.state === 'paused');
    }
  });

  it.each(['stop', 'drain', 'suspend'] as const)('gives way to a later %s', async (wish) => {
    const { job, threads, clock } = await startJob();
    const restarted = job.restart();
    const ended = job[wish]();
    threads.last.finish(suspended);
    await expect(restarted).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await ended).toMatchObject({ outcome: 'stopped' });
    clock.advance(60_000);
    expect(threads.runs).toHaveLength(1);
    expect(states(job)).toEqual(['queued', 'starting', 'running', 'restarting', 'draining', 'stopped']);
  });

  it('does not begin anew a run that has come to the end of its input meanwhile', async () => {
    const { job, threads } = await startJob({ checkpoints, restart: onFailure });
    const restarted = job.restart();
    threads.last.finish(reportOf('completed'));
    await expect(restarted).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'end of input' });
  });

  it('does not follow a failure that no other try can mend', async () => {
    const { job, threads } = await startJob({ checkpoints, restart: onFailure });
    void job.restart().catch(() => {});
    const error = { code: 'FENCED' as const, message: 'another one has the key', retryable: false };
    threads.last.finish(reportOf('failed', { error }));
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error });
    expect(job.state).toBe('failed');
  });

  it('is refused for a job that waits in the queue, drains or has ended', async () => {
    const { job, supervisor, threads } = await startJob();
    void job.drain();
    await expect(job.restart()).rejects.toMatchObject({ code: 'JOB_STATE' });
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    await job.outcome;
    await expect(job.restart()).rejects.toMatchObject({ code: 'JOB_STATE' });
    void supervisor.close();
    const full = startSupervisor({ maxThreads: 1 });
    full.supervisor.submit(specOf('a'));
    const queued = full.supervisor.submit(specOf('b'));
    await expect(queued.restart()).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('is ended by a close like any other run', async () => {
    const { job, threads, supervisor } = await startJob();
    void job.restart().catch(() => {});
    const closed = supervisor.close();
    threads.last.finish(suspended);
    await closed;
    expect(job.state).toBe('stopped');
  });
});

describe('a restart by hand of a job with bounds', () => {
  const inMs = (ms: number) => 1_700_000_001_000 + ms; // where a `ManualClock` begins

  it('does not begin its duration anew', async () => {
    const { job, threads, clock, run } = await startJob({ checkpoints, bounds: { maxDurationMs: 10_000 } });
    clock.advance(6_000);
    void job.restart();
    threads.last.finish(suspended);
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    await run();
    clock.advance(3_999);
    expect(job.state).toBe('running');
    clock.advance(1);
    expect(job.state).toBe('draining');
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'duration' });
  });

  it.each([
    ['its rows, whatever its policy', { maxRows: 5 }, { reason: 'bounded', bound: 'rows' }],
    ['the rows of its slice', { isSlice: true, maxRows: 5 }, { reason: 'sliced', bound: 'rows' }],
  ] as const)('does not begin another run after %s', async (_, bounds, end) => {
    const { job, threads } = await startJob({
      checkpoints,
      bounds,
      restart: { ...onFailure, policy: 'always' },
    });
    const restarted = job.restart();
    threads.last.finish(reportOf('completed', end));
    await expect(restarted).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await job.outcome).toMatchObject({ outcome: 'completed', ...end });
  });

  it.each([
    ['is stopped with the run that ends', {}, { outcome: 'stopped', reason: 'suspended' }],
    [
      'completes, if it is a slice',
      { isSlice: true },
      { outcome: 'completed', reason: 'sliced', bound: 'until' },
    ],
  ] as const)('%s when its last instant comes meanwhile', async (_, slice, end) => {
    const { job, threads, clock } = await startJob({
      checkpoints,
      bounds: { ...slice, untilMs: inMs(5_000) },
      restart: onFailure,
    });
    const restarted = job.restart();
    clock.advance(5_000);
    expect(job.state).toBe('draining');
    threads.last.finish(suspended);
    await expect(restarted).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await job.outcome).toMatchObject(end);
    expect(job.inspect().history.at(-2)).toMatchObject({ reason: 'its last instant has come' });
    expect([threads.runs.length, clock.timersArmed]).toEqual([1, 0]);
  });
});
