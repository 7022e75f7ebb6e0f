import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findJobFiles } from '../../src/plan/paths/job-files.js';
import type { RuntimeEvent } from '../../src/supervision/job.js';
import type { JobOptions } from '../../src/supervision/supervisor.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { until } from './fake-threads.js';
import { crash, onFailure, reportOf, START_DEADLINE_MS, specOf, startSupervisor } from './job-fixtures.js';

const checkpoints = { path: join(tmpdir(), 'none'), everyMs: 1_000 };
const suspended = reportOf('stopped', { reason: 'suspended' });
const refused = reportOf('failed', {
  error: { code: 'SINK_FAILED', message: 'the table is locked', retryable: false },
});
const OTHER: ResolvedSpec = { ...specOf('a'), batchRows: 99 };

/** A job at work on a fake thread. */
async function startJob(options: JobOptions = { checkpoints }) {
  const rig = startSupervisor();
  const job = rig.supervisor.submit(specOf('a'), undefined, options);
  const run = async () => {
    await until(() => job.state === 'starting');
    rig.threads.last.answer();
    await until(() => job.state === 'running' || job.state === 'paused');
  };
  await run();
  /** An update, with what it came to. */
  const update = (spec: ResolvedSpec = OTHER, more: { readonly deadlineMs?: number } = {}) => {
    const update = { result: 'pending' };
    rig.supervisor.update(job, spec, undefined, more).then(
      () => (update.result = 'done'),
      (error) => (update.result = `${error.code}: ${error.message}`),
    );
    return update;
  };
  /** The run at work ends in order, and the next one is given a thread. */
  const suspend = async () => {
    rig.threads.last.finish(suspended);
    await until(() => job.state === 'backingOff');
    rig.clock.advance(0);
    await until(() => job.state === 'starting');
  };
  const batchRows = () => rig.threads.runs.map(({ task }) => task.spec.batchRows);
  const told = () => rig.events.filter((event) => event.type === 'job.updated') as UpdateEvent[];
  return { ...rig, job, run, update, suspend, batchRows, told };
}

type UpdateEvent = RuntimeEvent & { readonly type: 'job.updated' };

describe('an update', () => {
  it('suspends the run, and has the next one take the changed spec', async () => {
    const { job, threads, update, suspend, run, batchRows, told, clock } = await startJob();
    const { id } = job;
    const updating = update();
    await until(() => threads.last.asked.includes('suspend'));
    expect([job.state, job.inspect().revision]).toEqual(['restarting', 1]);
    await suspend();
    expect([updating.result, job.inspect().revision]).toEqual(['pending', 2]);
    await run();
    await until(() => updating.result === 'done');
    expect(batchRows()).toEqual([8, 99]);
    expect(job.inspect().runs.map(({ attempt, revision }) => [attempt, revision])).toEqual([
      [1, undefined],
      [2, 2],
    ]);
    expect(told()).toMatchObject([{ id, name: 'a', revision: 2 }]);
    expect(told()[0]).not.toHaveProperty('error');
    expect(clock.timersArmed).toBe(0);
  });

  it('goes by the spec of each run on whether a thread that cannot be ended is fenced', async () => {
    const fenced = { ...OTHER, sink: { ...OTHER.sink, facts: { isFenced: true } } };
    const { job, threads, clock, run, update, suspend, supervisor } = await startJob();
    const updating = update(fenced);
    await suspend();
    await run();
    await until(() => updating.result === 'done');
    void job.restart({ deadlineMs: 100 });
    clock.advance(100);
    clock.advance(11_000);
    await until(() => threads.runs.length === 3);
    expect(supervisor.threadsLeft.all).toBe(1);
    await run();
    update(OTHER);
    await suspend();
    await run();
    void job.restart({ deadlineMs: 100 }).catch(() => {});
    clock.advance(100);
    clock.advance(60_000);
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: 'THREAD_LEFT_RUNNING' } });
  });

  it.each([
    ['fails to open', refused],
    ['crashes', crash],
  ])('falls back to the spec before if the run with the changed one %s', async (_how, end) => {
    const { job, threads, update, suspend, run, clock, batchRows, told } = await startJob();
    const updating = update();
    await suspend();
    if ('outcome' in end) threads.last.finish(end);
    else threads.last.lose(end);
    await until(() => job.state === 'backingOff');
    expect([updating.result, job.inspect().revision]).toEqual(['pending', 1]);
    clock.advance(0);
    await run();
    await until(() => updating.result !== 'pending');
    expect(updating.result).toBe(
      'UPDATE_FELL_BACK: The changed spec of job "a" (revision 2) did not run, and the job goes on with the one before ' +
        `(revision 1): ${'outcome' in end ? 'the table is locked' : 'boom'}`,
    );
    expect(batchRows()).toEqual([8, 99, 8]);
    expect(told()).toMatchObject([{ revision: 1, error: { code: 'UPDATE_FELL_BACK' } }]);
    expect(job.inspect()).toMatchObject({ state: 'running', revision: 1 });
  });

  it('falls back if the run with the changed spec does not start in time', async () => {
    const { job, threads, update, suspend, run, clock, batchRows } = await startJob();
    const updating = update();
    await suspend();
    clock.advance(START_DEADLINE_MS);
    expect([job.state, threads.last.timesEnded]).toEqual(['draining', 1]);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    await run();
    await until(() => updating.result !== 'pending');
    expect(updating.result).toMatch(/^UPDATE_FELL_BACK: .* did not start before its deadline/);
    expect(batchRows()).toEqual([8, 99, 8]);
  });

  it('leaves the job to its policy if the spec before does not run either', async () => {
    const restart = { ...onFailure, maxRestarts: 1 };
    const { job, threads, update, suspend, clock, run, batchRows } = await startJob({ checkpoints, restart });
    const updating = update();
    await suspend();
    threads.last.finish(refused);
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    threads.last.lose(crash);
    await until(() => updating.result !== 'pending');
    expect(updating.result).toMatch(/^UPDATE_FELL_BACK: .* the table is locked$/);
    clock.advance(onFailure.backOffMs);
    await run();
    expect(batchRows()).toEqual([8, 99, 8, 8]);
    threads.last.lose(crash); // the one restart has been spent
    expect((await job.outcome).error?.code).toBe('RESTARTS_SPENT');
  });

  it('counts for no policy, and a run with the changed spec that crashes later does', async () => {
    const { job, threads, update, suspend, run, clock, batchRows } = await startJob({
      checkpoints,
      restart: { ...onFailure, maxRestarts: 1 },
    });
    for (let time = 0; time < 3; time++) {
      const updating = update({ ...OTHER, batchRows: 20 + time });
      await suspend();
      await run();
      await until(() => updating.result === 'done');
    }
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    clock.advance(onFailure.backOffMs);
    await run();
    expect(batchRows()).toEqual([8, 20, 21, 22, 22]);
    expect(job.inspect().revision).toBe(4);
  });

  it('goes on from the checkpoint before if the last one is not taken by the deadline', async () => {
    const { job, threads, update, run, clock, batchRows } = await startJob();
    const updating = update(OTHER, { deadlineMs: 500 });
    clock.advance(500);
    clock.advance(250);
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    await run();
    await until(() => updating.result === 'done');
    expect(batchRows()).toEqual([8, 99]);
  });

  it('begins no run beside a thread that could not be ended', async () => {
    const { job, threads, update, clock, batchRows } = await startJob();
    const updating = update(OTHER, { deadlineMs: 500 });
    clock.advance(500);
    clock.advance(250);
    clock.advance(10_000);
    await until(() => updating.result !== 'pending');
    expect(updating.result).toMatch(
      /^JOB_STATE: Job "a" is failed, and ended before it ran with the changed spec: /,
    );
    expect([job.state, batchRows()]).toEqual(['failed', [8]]);
    threads.last.lose(crash);
  });

  it.each(['stop', 'drain', 'suspend'] as const)(
    'gives way to a %s, whichever run is at work',
    async (ending) => {
      for (const isOnTrial of [false, true]) {
        const { job, threads, update, suspend, clock, batchRows } = await startJob();
        const updating = update();
        if (isOnTrial) await suspend();
        void job[ending]();
        expect(job.state).toBe('draining');
        threads.last.finish(suspended);
        await until(() => updating.result !== 'pending');
        expect(updating.result).toMatch(/^JOB_STATE: Job "a" is stopped, and ended before/);
        clock.advance(60_000);
        expect(batchRows()).toEqual(isOnTrial ? [8, 99] : [8]);
        expect(clock.timersArmed).toBe(0);
      }
    },
  );

  it('gives way to a stop while a start with the changed spec is given up', async () => {
    const { job, threads, update, suspend, clock, batchRows } = await startJob();
    const updating = update();
    await suspend();
    clock.advance(START_DEADLINE_MS);
    void job.stop();
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    await until(() => updating.result !== 'pending');
    expect(updating.result).toMatch(/^JOB_STATE/);
    expect([job.state, batchRows()]).toEqual(['failed', [8, 99]]);
  });

  it('is paused again with the changed spec, if it was paused', async () => {
    const { job, threads, update, suspend, run } = await startJob();
    void job.pause();
    const updating = update();
    await suspend();
    await run();
    await until(() => updating.result === 'done');
    expect([job.state, threads.last.asked]).toEqual(['paused', ['pause']]);
  });

  it('of a job that waits for its turn, or backs off, is of its next run', async () => {
    const rig = startSupervisor({ maxThreads: 1 });
    rig.supervisor.submit(specOf('first'));
    const waiting = rig.supervisor.submit(specOf('a'));
    await rig.supervisor.update(waiting, OTHER, undefined, {});
    expect(waiting.inspect()).toMatchObject({ state: 'queued', revision: 2 });
    rig.threads.last.finish(reportOf('completed'));
    await until(() => waiting.state === 'starting');
    expect(rig.threads.last.task.spec.batchRows).toBe(99);

    const { job, threads, supervisor, clock, batchRows } = await startJob({
      checkpoints,
      restart: onFailure,
    });
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    await supervisor.update(job, OTHER, undefined, {});
    clock.advance(onFailure.backOffMs);
    await until(() => job.state === 'starting');
    expect(batchRows()).toEqual([8, 99]);
  });

  it('is refused while another one is under way, while the job ends, and afterwards', async () => {
    const { job, threads, update, suspend, run } = await startJob();
    const first = update();
    const second = update();
    await until(() => second.result !== 'pending');
    expect(second.result).toBe('JOB_STATE: Job "a" is being updated: update it once it runs');
    await suspend();
    const third = update();
    await until(() => third.result !== 'pending');
    expect(third.result).toMatch(/^JOB_STATE: .* is being updated/);
    await run();
    await until(() => first.result === 'done');
    void job.drain();
    const late = update();
    await until(() => late.result !== 'pending');
    expect(late.result).toBe('JOB_STATE: Job "a" is draining and can no longer be updated');
    threads.last.finish(reportOf('completed'));
    await job.outcome;
    const over = update();
    await until(() => over.result !== 'pending');
    expect(over.result).toBe('JOB_STATE: Job "a" is completed and can no longer be updated');
  });

  it('is refused with a deadline that is none, and changes nothing', async () => {
    const { job, update, told } = await startJob();
    const updating = update(OTHER, { deadlineMs: -1 });
    await until(() => updating.result !== 'pending');
    expect(updating.result).toMatch(/^OPTIONS_INVALID/);
    expect([job.state, job.inspect().revision, told()]).toEqual(['running', 1, []]);
  });

  it('is over with a job that completes before it is suspended', async () => {
    const { job, threads, update } = await startJob();
    const updating = update();
    threads.last.finish(reportOf('completed'));
    await until(() => updating.result !== 'pending');
    expect(updating.result).toBe(
      'JOB_STATE: Job "a" is completed, and ended before it ran with the changed spec',
    );
    expect(job.state).toBe('completed');
  });
});

describe('the files of an update', () => {
  const filesOf = (path: string) =>
    findJobFiles({ name: path, sink: { use: 'csv', options: { path, ifExists: 'error' } } });

  it('are those of nobody else, and those of neither spec are given away before it is known which counts', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const submit = async (name: string, path: string) =>
      supervisor.submit(specOf(name), await filesOf(path), { checkpoints });
    const job = await submit('a', '/data/a.csv');
    await submit('b', '/data/b.csv');
    threads.of('a').answer();
    await until(() => job.state === 'running');
    const update = async (path: string) => supervisor.update(job, OTHER, await filesOf(path), {});
    await expect(update('/data/b.csv')).rejects.toThrow('job "b"');
    expect([job.state, job.inspect().revision]).toEqual(['running', 1]);

    const updating = update('/data/c.csv');
    await until(() => threads.of('a').asked.includes('suspend'));
    for (const path of ['/data/a.csv', '/data/c.csv']) {
      await expect(submit('d', path)).rejects.toThrow('job "a"');
    }
    threads.of('a').finish(suspended);
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    threads.last.answer();
    await updating;
    await expect(submit('d', '/data/c.csv')).rejects.toThrow('job "a"');
    await submit('d', '/data/a.csv');
  });

  it('may be its own, and are given back if the changed spec does not run', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const job = supervisor.submit(specOf('a'), await filesOf('/data/a.csv'), { checkpoints });
    threads.last.answer();
    await until(() => job.state === 'running');
    const updating = supervisor.update(job, OTHER, await filesOf('/data/c.csv'), {});
    threads.last.finish(suspended);
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    threads.last.finish(refused);
    await until(() => job.state === 'backingOff');
    clock.advance(0);
    threads.last.answer();
    await expect(updating).rejects.toMatchObject({ code: 'UPDATE_FELL_BACK' });
    const other = supervisor.submit(specOf('b'), await filesOf('/data/c.csv'));
    expect(other.state).toBe('starting');
    await expect(
      filesOf('/data/a.csv').then((files) => supervisor.submit(specOf('d'), files)),
    ).rejects.toThrow('job "a"');
    void supervisor.update(job, OTHER, await filesOf('/data/a.csv'), {});
    expect(job.state).toBe('restarting');
  });
});
