import { describe, expect, it } from 'vitest';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import { until } from '../supervision/fake-threads.js';
import { reportOf } from '../supervision/job-fixtures.js';
import { startProcess } from './kept-jobs-rig.js';

/** One more than the ended jobs that a process remembers. */
const MORE_THAN_REMEMBERED = 1_001;

const namesIn = async (store: MemoryJobStore) => (await store.load()).jobs.map(({ name }) => name);

describe('the records of a service', () => {
  it('are all there after a close, with more jobs than ended ones are remembered', async () => {
    const store = new MemoryJobStore();
    const first = await startProcess({ store, maxThreads: 1 });
    for (let i = 0; i < MORE_THAN_REMEMBERED; i++) await first.submit(`job-of-${i}`);
    await first.run('job-of-0');
    const closed = first.service.close();
    await until(() => first.threads.last.asked.includes('suspend'));
    first.threads.last.finish(reportOf('stopped', { reason: 'suspended' }));
    await closed;
    const { jobs } = await store.load();
    expect(jobs).toHaveLength(MORE_THAN_REMEMBERED);
    expect(jobs.filter(({ state }) => state !== 'queued')).toEqual([]);
    const second = await startProcess({ store, clock: first.clock, maxThreads: 1 });
    expect(second.service.list().filter(({ state }) => state === 'queued')).toHaveLength(
      MORE_THAN_REMEMBERED - 1,
    );
  });

  it('stay of jobs that cannot go on here and now, however many of them and of others have ended', async () => {
    const store = new MemoryJobStore();
    const first = await startProcess({ store, maxThreads: 1 });
    const names = Array.from({ length: MORE_THAN_REMEMBERED }, (_, i) => `job-of-${i}`);
    for (const name of names) await first.submit(name);
    await first.kill();
    const second = await startProcess({ store, clock: first.clock, broken: names });
    expect(second.service.list()).toHaveLength(MORE_THAN_REMEMBERED);
    await second.settle();
    expect(await namesIn(store)).toEqual(names);
    const third = await startProcess({ store, clock: first.clock, broken: names.slice(1) });
    await third.submit(names[1]!); // it takes the place of the one that could not go on
    await third.settle();
    expect(
      (await store.load()).jobs.filter(({ name }) => name === names[1]).map(({ state }) => state),
    ).toEqual(['failed', 'starting']);
  });
});

describe('the next job of a name', () => {
  it.each([
    ['goes on after a slice', 'sliced', true],
    ['begins a new run after one that has completed', 'end of input', false],
  ] as const)('%s, in this process and the next', async (_, reason, goesOn) => {
    const first = await startProcess();
    const job = await first.submit('feed', goesOn ? { slice: { rows: 100 } } : {});
    await first.run('feed');
    first.checkpoints.set('feed', false);
    first.threads.last.finish(reportOf('completed', { reason }));
    await job.outcome;
    await first.settle();
    expect((await first.record('feed'))?.isContinued).toBe(goesOn ? true : undefined);
    const second = await startProcess({ ...first, checkpoints: new Map(first.checkpoints) });
    await first.submit('feed', { slice: { rows: 100 } });
    expect(first.checkpoints.has('feed')).toBe(goesOn);
    await second.submit('feed', { slice: { rows: 100 } });
    expect(second.checkpoints.has('feed')).toBe(goesOn);
  });

  it('goes on after one that was suspended in the queue, or as its process was killed', async () => {
    const first = await startProcess({ maxThreads: 1 });
    const running = await first.submit('running');
    await first.run('running');
    const queued = await first.submit('queued');
    first.checkpoints.set('running', false).set('queued', false);
    await queued.suspend();
    void running.suspend();
    await first.kill();
    const second = await startProcess({ ...first, maxThreads: 2 });
    await Promise.all([second.submit('running'), second.submit('queued')]);
    expect([...second.checkpoints.keys()]).toEqual(['running', 'queued']);
  });
});
