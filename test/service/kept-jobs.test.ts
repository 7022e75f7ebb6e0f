import { describe, expect, it } from 'vitest';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import { until } from '../supervision/fake-threads.js';
import { crash, reportOf } from '../supervision/job-fixtures.js';
import { type RigSettings, startProcess } from './kept-jobs-rig.js';

type Process = Awaited<ReturnType<typeof startProcess>>;

/** The next process on the store of one that was killed, or has closed. */
const next = ({ store, clock, checkpoints }: Process, more: RigSettings = {}) =>
  startProcess({ store, clock, checkpoints, ...more });

const onFailure = { restart: { policy: 'on-failure' } } as const;

describe('a service with a store', () => {
  it('has each submit in the store before it is answered, under an id that is unique beyond the process', async () => {
    const first = await startProcess();
    const job = await first.submit('feed', { priority: 3 });
    expect(job.id).toMatch(/^job-[0-9a-z]{10}-1$/);
    expect(await first.record('feed')).toMatchObject({
      id: job.id,
      name: 'feed',
      sequence: 1,
      options: { priority: 3 },
      wish: 'run',
      state: 'queued',
    });
  });

  it('starts no job before it is durable, and takes no job that the store refuses', async () => {
    const store = new MemoryJobStore();
    const refused = new Error('no room');
    store.putJob = async () => {
      throw refused;
    };
    const process = await startProcess({ store });
    await expect(process.submit('feed')).rejects.toBe(refused);
    expect(process.started()).toEqual([]);
    expect(process.service.list()).toEqual([]);
    expect(process.events.filter(({ type }) => type === 'store.failed')).toHaveLength(1);
    await expect(process.submit('other')).rejects.toBe(refused);
  });

  it('goes on with a job that ran when the process was killed, with its id, options and history', async () => {
    const first = await startProcess();
    const { id } = await first.submit('feed', { priority: 3, labels: { team: 'fx' }, ...onFailure });
    await first.run('feed');
    await first.kill();
    const second = await next(first);
    expect(second.started()).toEqual(['feed']);
    const info = second.service.get(id).inspect();
    expect(info).toMatchObject({ id, name: 'feed', state: 'starting', priority: 3, labels: { team: 'fx' } });
    expect(info.history.map(({ state }) => state)).toEqual([
      'queued',
      'starting',
      'running',
      'queued',
      'starting',
    ]);
    expect(info.runs).toMatchObject([
      { attempt: 1, outcome: 'failed', error: { code: 'PROCESS_ENDED' } },
      { attempt: 2 },
    ]);
  });

  it('gives later jobs numbers above those of the process before, and lists all in order of submission', async () => {
    const first = await startProcess();
    await first.submit('a');
    await first.submit('b');
    await first.kill();
    const second = await next(first);
    await second.submit('c');
    expect(second.service.list().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(new Set(second.service.list().map(({ id }) => id)).size).toBe(3);
  });

  it('gives places back to those that had begun, before others of a higher priority', async () => {
    const first = await startProcess({ maxThreads: 1 });
    await first.submit('running');
    await first.run('running');
    await first.submit('low');
    await first.submit('high', { priority: 5 });
    await first.kill();
    const second = await next(first, { maxThreads: 1 });
    expect(second.started()).toEqual(['running']);
    second.threads.last.finish(reportOf('completed'));
    await until(() => second.started().length === 2);
    expect(second.started()).toEqual(['running', 'high']);
  });

  it('keeps a job paused that was paused, also one in the queue', async () => {
    const first = await startProcess({ maxThreads: 1 });
    const job = await first.submit('running');
    await first.run('running');
    await Promise.all([job.pause(), first.submit('queued').then((queued) => queued.pause())]);
    await first.kill();
    const second = await next(first, { maxThreads: 2 });
    await Promise.all([second.run('running'), second.run('queued')]);
    expect([second.stateOf('running'), second.stateOf('queued')]).toEqual(['paused', 'paused']);
    await second.service.get('queued').resume();
    expect(await second.record('queued')).toMatchObject({ wish: 'run' });
  });

  it.each(['stop', 'drain', 'suspend'] as const)(
    'ends a job whose process died while it was to %s',
    async (what) => {
      const first = await startProcess();
      const job = await first.submit('feed', onFailure);
      await first.run('feed');
      void job[what]();
      await first.kill();
      const second = await next(first);
      expect(second.started()).toEqual([]);
      const { state, history } = second.service.get('feed').inspect();
      expect([state, history.at(-1)?.reason]).toEqual([
        'stopped',
        'its end had been requested when the process ended',
      ]);
      await second.settle();
      expect(await second.record('feed')).toMatchObject({ state: 'stopped' });
      expect((await second.service.get('feed').outcome).outcome).toBe('stopped');
    },
  );

  it('goes on with a back-off to its instant, with the waits that it has used', async () => {
    const first = await startProcess();
    await first.submit('feed', { restart: { policy: 'on-failure', backOff: '10s' } });
    await first.run('feed');
    first.threads.last.lose(crash);
    await until(() => first.stateOf('feed') === 'backingOff');
    await first.kill();
    const { deadlineAtMs } = (await first.record('feed'))!;
    const second = await next(first);
    expect(second.stateOf('feed')).toBe('backingOff');
    expect(second.started()).toEqual([]);
    const leftMs = deadlineAtMs! - Number(second.clock.wall() / 1_000_000n);
    expect(leftMs).toBeGreaterThan(0);
    second.clock.advance(leftMs);
    expect(second.started()).toEqual(['feed']);
    expect(second.service.get('feed').inspect().runs.at(-1)).toMatchObject({ attempt: 2 });
  });

  it('ends a job that is stopped while it backs off after a restart of the process', async () => {
    const first = await startProcess();
    await first.submit('feed', onFailure);
    await first.run('feed');
    first.threads.last.lose(crash);
    await until(() => first.stateOf('feed') === 'backingOff');
    await first.kill();
    const second = await next(first);
    expect((await second.service.get('feed').stop()).outcome).toBe('stopped');
    await second.kill();
    const third = await next(second);
    expect([third.stateOf('feed'), third.started()]).toEqual(['stopped', []]);
  });

  it.each([
    ['with a policy', { restart: { policy: 'on-failure', maxRestarts: 2 } } as const, 2],
    ['without a policy', {}, 10],
  ])('lets a job %s kill the process no more often than it may be restarted', async (_, options, max) => {
    let process = await startProcess();
    await process.submit('killer', options);
    for (let death = 0; death < max; death++) {
      await process.run('killer');
      await process.kill();
      process = await next(process);
      expect(process.stateOf('killer')).toBe('starting');
    }
    await process.kill();
    process = await next(process);
    expect(process.stateOf('killer')).toBe('dead');
    expect(process.service.get('killer').inspect().error).toMatchObject({ code: 'RESTARTS_SPENT' });
    await process.kill();
    expect((await next(process)).stateOf('killer')).toBe('dead');
  });

  it('counts no death of the process for a job that was stable', async () => {
    let process = await startProcess();
    await process.submit('feed', { restart: { policy: 'on-failure', maxRestarts: 1, stableAfter: '10s' } });
    for (let death = 0; death < 3; death++) {
      await process.run('feed');
      const { counters } = process.threads.last;
      counters.set('rowsOut', 5);
      counters.set('firstOutAtNs', 1);
      counters.set('lastOutAtNs', 1 + 10_000 * 1e6);
      process.clock.advance(1_000);
      await process.kill();
      expect(await process.record('feed')).toMatchObject({ isStable: true });
      process = await next(process);
      expect(process.stateOf('feed')).toBe('starting');
    }
  });

  it('suspends what runs when it closes, keeps the wish, and counts nothing', async () => {
    const first = await startProcess({ maxThreads: 1 });
    await first.submit('feed', { restart: { policy: 'on-failure', maxRestarts: 1 } });
    await first.submit('queued');
    await first.run('feed');
    const closed = first.service.close();
    await until(() => first.threads.last.asked.includes('suspend'));
    first.threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    await closed;
    expect(await first.record('feed')).toMatchObject({ wish: 'run', state: 'queued' });
    expect(await first.record('queued')).toMatchObject({ wish: 'run', state: 'queued' });
    const second = await next(first, { maxThreads: 1 });
    expect(second.started()).toEqual(['feed']);
    expect(second.service.get('feed').inspect().runs).toMatchObject([{ outcome: 'stopped' }, { attempt: 2 }]);
    expect((await second.record('feed'))?.restarts?.decidedAtMs).toEqual([]);
  });

  it('runs no job again that had delivered all when the process was killed', async () => {
    const first = await startProcess();
    await first.submit('load');
    await first.run('load');
    await first.kill();
    first.checkpoints.set('load', true);
    const second = await next(first);
    expect([second.stateOf('load'), second.started()]).toEqual(['completed', []]);
    await second.submit('load');
    expect(second.checkpoints.has('load')).toBe(false);
    expect(second.started()).toEqual(['load']);
  });

  it.each([
    ['begins a new run for the name of a job that was stopped', 'stop', false],
    ['goes on with the run of a job that was suspended by hand', 'suspend', true],
  ] as const)('%s', async (_, what, goesOn) => {
    const first = await startProcess();
    const job = await first.submit('feed');
    await first.run('feed');
    first.checkpoints.set('feed', false);
    void job[what]();
    first.threads.last.finish(reportOf('stopped', { reason: what === 'stop' ? 'stopped' : 'suspended' }));
    await job.outcome;
    await first.kill();
    const second = await next(first);
    expect(second.stateOf('feed')).toBe('stopped');
    await second.submit('feed');
    expect(second.checkpoints.has('feed')).toBe(goesOn);
  });

  it('lets dependencies on jobs of the process before count', async () => {
    const first = await startProcess();
    const load = await first.submit('load');
    await first.submit('waits', { dependsOn: [{ job: 'load' }] });
    await first.submit('later', { dependsOn: [{ job: 'comes' }] });
    await first.submit('comes');
    await first.run('load');
    await first.kill();
    const second = await next(first);
    expect(second.service.get('waits').inspect().waitsFor).toEqual([
      { for: 'job', job: 'load', on: 'succeeded' },
    ]);
    second.threads.of('load').finish(reportOf('completed'));
    await until(() => second.stateOf('waits') === 'starting');
    await second.run('comes');
    second.threads.of('comes').finish(reportOf('completed'));
    await until(() => second.stateOf('later') === 'starting');
    await second.kill();
    const third = await next(second);
    await third.submit('report', { dependsOn: [{ job: load.id }] });
    expect(third.stateOf('report')).toBe('starting');
  });

  it('keeps a job that cannot go on for the next start, with those that wait for it', async () => {
    const first = await startProcess();
    await first.submit('feed');
    await first.submit('after', { dependsOn: [{ job: 'feed' }] });
    await first.run('feed');
    await first.kill();
    const second = await next(first, { broken: ['feed'] });
    expect([second.stateOf('feed'), second.stateOf('after')]).toEqual(['failed', 'failed']);
    await second.kill();
    const third = await next(second);
    expect([third.stateOf('feed'), third.stateOf('after')]).toEqual(['starting', 'queued']);
  });

  it('deletes an ended job with its record and checkpoints, and no live one', async () => {
    const first = await startProcess();
    const job = await first.submit('feed');
    await expect(first.service.remove('feed')).rejects.toMatchObject({ code: 'JOB_STATE' });
    first.threads.last.finish(reportOf('completed'));
    await job.outcome;
    first.checkpoints.set('feed', true);
    await first.service.remove('feed');
    expect([await first.record('feed'), first.checkpoints.size]).toEqual([undefined, 0]);
    expect((await next(first)).service.list()).toEqual([]);
  });
});
