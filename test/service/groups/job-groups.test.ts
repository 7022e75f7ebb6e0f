import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../../src/core/clock.js';
import type { JobHandle, RuntimeEvent } from '../../../src/supervision/job.js';
import { TopicRegistry } from '../../../src/topics/topic-registry.js';
import { until } from '../../supervision/fake-threads.js';
import { crash, reportOf } from '../../supervision/job-fixtures.js';
import { startGroups, stateOf } from './group-rig.js';

const states = (jobs: readonly JobHandle[]) => jobs.map(stateOf);
const ofType = <Type extends RuntimeEvent['type']>(events: readonly RuntimeEvent[], type: Type) =>
  events.filter((event): event is RuntimeEvent & { type: Type } => event.type === type);

const topic = { use: 'topic', options: { topic: 'ticks', schema: { kind: 'custom', columns: [] } } };

/** Three jobs of a group at work. */
async function startThree(settings: object, more: Parameters<typeof startGroups>[1] = {}) {
  const rig = startGroups({ feeds: settings }, more);
  const [a, b, c] = ['a', 'b', 'c'].map((name) => rig.submit(name, 'feeds')) as [
    JobHandle,
    JobHandle,
    JobHandle,
  ];
  await rig.settle();
  rig.events.length = 0;
  return { ...rig, a, b, c };
}

describe('a group of one for one', () => {
  it('starts a job again alone, and counts it', async () => {
    const { b, fail, comeAgain, attempts, service, events } = await startThree({ strategy: 'one-for-one' });
    await fail(b);
    expect(ofType(events, 'group.restarting')).toMatchObject([
      { name: 'feeds', cause: { id: b.id, job: 'b', error: crash }, jobs: [b.id], restarts: 1 },
    ]);
    await comeAgain();
    expect(attempts()).toEqual([1, 2, 1]);
    expect(service.groups()).toMatchObject([{ name: 'feeds', state: 'steady', restarts: 1 }]);
  });

  it('counts each job that fails, also while another one backs off', async () => {
    const { a, b, c, fail, events } = await startThree({ strategy: 'one-for-one', maxRestarts: 2 });
    await fail(a);
    await fail(b);
    await fail(c);
    expect(ofType(events, 'group.dead')).toMatchObject([{ name: 'feeds', cause: { job: 'c' } }]);
    await until(() => [a, b, c].every((job) => stateOf(job) === 'dead'));
  });
});

describe('a group of one for all', () => {
  it('suspends the others in reverse order, and starts all again in order', async () => {
    const { b, fail, settle, clock, steps, events, attempts, jobs } = await startThree({
      strategy: 'one-for-all',
    });
    await fail(b);
    await settle();
    expect(steps()).toEqual(['b backingOff', 'c restarting', 'c backingOff', 'a restarting', 'a backingOff']);
    expect(ofType(events, 'group.restarting')).toMatchObject([
      { jobs: jobs.map(({ id }) => id), restarts: 1 },
    ]);
    events.length = 0;
    clock.advance(60_000);
    await settle();
    expect(steps().filter((step) => step.endsWith('starting'))).toEqual([
      'a starting',
      'b starting',
      'c starting',
    ]);
    expect(attempts()).toEqual([2, 2, 2]);
    expect(states(jobs)).toEqual(['running', 'running', 'running']);
  });

  it('says in the steps of the others which failure they are started again for', async () => {
    const { b, c, fail, settle, events } = await startThree({ strategy: 'one-for-all' });
    await fail(b);
    await settle();
    const reason = 'group "feeds" restarts: job "b" failed: boom [THREAD_CRASHED]';
    expect(ofType(events, 'job.state').filter(({ id }) => id === c.id)).toMatchObject([
      { state: 'restarting', reason },
      {
        state: 'backingOff',
        reason,
        isRequested: true,
        nextStartAtMs: b.inspect().runs.at(-1)?.nextStartAtMs,
      },
    ]);
  });

  it('stops the others where there are no checkpoints', async () => {
    const { a, b, c, fail, lastRun } = await startThree(
      { strategy: 'one-for-all' },
      { hasCheckpoints: false },
    );
    await fail(b);
    expect([stateOf(a), stateOf(c), lastRun(c).timesEnded]).toEqual(['running', 'restarting', 1]);
    lastRun(c).lose(crash);
    await until(() => stateOf(a) === 'restarting');
  });

  it('starts none before all runs have ended', async () => {
    const { a, b, c, fail, settle, clock, hung, threads, lastRun } = await startThree({
      strategy: 'one-for-all',
    });
    hung.add(a);
    await fail(b);
    await settle();
    clock.advance(9_999);
    expect([stateOf(a), stateOf(b), stateOf(c), threads.runs.length]).toEqual([
      'restarting',
      'backingOff',
      'backingOff',
      3,
    ]);
    clock.advance(1);
    expect(lastRun(a).timesEnded).toBe(1);
    hung.delete(a);
    await settle();
    clock.advance(1_000);
    await settle();
    expect(threads.runs).toHaveLength(6);
  });

  it('spends none of the restarts that the others have', async () => {
    const { submit, fail, comeAgain, settle } = startGroups({ feeds: { strategy: 'one-for-all' } });
    const a = submit('a', 'feeds');
    const b = submit('b', 'feeds', { restart: { policy: 'on-failure', maxRestarts: 1 } });
    await settle();
    for (let time = 0; time < 3; time++) {
      await fail(a);
      await comeAgain();
    }
    await fail(b);
    await comeAgain();
    expect(stateOf(b)).toBe('running');
  });

  it('takes failures that come while it restarts for one incident', async () => {
    const { a, b, c, jobs, fail, comeAgain, attempts, service, events } = await startThree({
      strategy: 'one-for-all',
      maxRestarts: 1,
    });
    await fail(b);
    await fail(a);
    await fail(c);
    await comeAgain();
    expect(states(jobs)).toEqual(['running', 'running', 'running']);
    expect(attempts()).toEqual([2, 2, 2]);
    expect(ofType(events, 'group.restarting')).toHaveLength(1);
    expect(service.groups()).toMatchObject([{ restarts: 1 }]);
  });

  it('does not start again what has ended for good', async () => {
    const { a, b, c, fail, comeAgain, lastRun, attempts } = await startThree({ strategy: 'one-for-all' });
    lastRun(a).finish(reportOf('completed'));
    void c.stop();
    lastRun(c).finish(reportOf('stopped'));
    await c.outcome;
    await fail(b);
    await comeAgain();
    expect([stateOf(a), stateOf(b), stateOf(c)]).toEqual(['completed', 'running', 'stopped']);
    expect(attempts()).toEqual([1, 2, 1]);
  });

  it('is not asked about a failure that no other try can mend', async () => {
    const { a, b, fail, comeAgain, attempts } = await startThree({ strategy: 'one-for-all' });
    await fail(b, { code: 'LATE_ROW', message: 'late', retryable: false });
    await comeAgain();
    expect([stateOf(a), stateOf(b)]).toEqual(['running', 'failed']);
    expect(attempts()).toEqual([1, 1, 1]);
  });

  it('lets a job that is stopped, drained or to be paused while it restarts be so', async () => {
    const { a, b, c, fail, settle, clock, attempts } = await startThree({ strategy: 'one-for-all' });
    await fail(b);
    await a.pause();
    void c.stop();
    await settle();
    void b.drain();
    clock.advance(60_000);
    await settle();
    expect([stateOf(a), stateOf(b), stateOf(c)]).toEqual(['paused', 'stopped', 'stopped']);
    expect(attempts()).toEqual([2, 1, 1]);
  });

  it('leaves a job alone that still waits in the queue', async () => {
    const { submit, fail, settle, comeAgain, jobs } = startGroups({ feeds: { strategy: 'one-for-all' } });
    const a = submit('a', 'feeds');
    submit('b', 'feeds', { dependsOn: [{ job: 'later' }] });
    await settle();
    await fail(a);
    await comeAgain();
    expect(states(jobs)).toEqual(['running', 'queued']);
  });

  it('does not take a restart by hand for a failure', async () => {
    const { b, settle, comeAgain, attempts, events } = await startThree({ strategy: 'one-for-all' });
    void b.restart();
    await settle();
    await comeAgain();
    expect(attempts()).toEqual([1, 2, 1]);
    expect(ofType(events, 'group.restarting')).toEqual([]);
  });

  it('ends a producer of a topic before its consumers, which take its rows first', async () => {
    const topics = new TopicRegistry();
    const rig = startGroups({ feeds: { strategy: 'one-for-all' } }, { topics });
    rig.submit('producer', 'feeds', {}, { sink: topic });
    rig.submit('consumer', 'feeds', {}, { source: topic });
    const other = rig.submit('other', 'feeds');
    await rig.settle();
    rig.events.length = 0;
    await rig.fail(other);
    await rig.settle();
    expect(rig.steps().filter((step) => step.endsWith('restarting'))).toEqual([
      'producer restarting',
      'consumer restarting',
    ]);
    topics.close();
  });
});

describe('a group of rest for one', () => {
  it('starts again the jobs that were submitted after the one that failed', async () => {
    const { b, fail, comeAgain, steps, attempts } = await startThree({ strategy: 'rest-for-one' });
    await fail(b);
    await comeAgain();
    expect(attempts()).toEqual([1, 2, 2]);
    expect(steps().filter((step) => step.endsWith('restarting'))).toEqual(['c restarting']);
  });

  it('takes in the jobs before, if one of them fails meanwhile', async () => {
    const { a, c, fail, comeAgain, attempts, events } = await startThree({ strategy: 'rest-for-one' });
    await fail(c);
    await fail(a);
    await comeAgain();
    expect(attempts()).toEqual([2, 2, 2]);
    expect(ofType(events, 'group.restarting')).toHaveLength(1);
  });
});

describe('a group that has no restart left', () => {
  it('ends all of its jobs as dead, with a reason that names it and the first failure', async () => {
    const { a, b, c, jobs, fail, comeAgain, settle, events, steps, service } = await startThree({
      strategy: 'one-for-all',
      maxRestarts: 1,
      within: '5m',
    });
    await fail(a, { ...crash, message: 'the first boom' });
    await comeAgain();
    events.length = 0;
    await fail(b);
    await settle();
    expect(states(jobs)).toEqual(['dead', 'dead', 'dead']);
    const message =
      'Group "feeds" was restarted once within 5m, and is allowed no more ("maxRestarts", "within"). ' +
      'The first failure: job "a" failed: the first boom [THREAD_CRASHED]. ' +
      'The last one: job "b" failed: boom [THREAD_CRASHED]';
    expect(await c.outcome).toMatchObject({ outcome: 'failed', error: { code: 'GROUP_SPENT', message } });
    expect(a.inspect().history.at(-1)?.reason).toBe(message);
    expect(ofType(events, 'group.dead')).toMatchObject([
      { name: 'feeds', cause: { job: 'b' }, error: { code: 'GROUP_SPENT' }, jobs: jobs.map(({ id }) => id) },
    ]);
    expect(steps()).toEqual(['b backingOff', 'b dead', 'c draining', 'c dead', 'a draining', 'a dead']);
    expect(service.groups()).toMatchObject([{ state: 'dead', jobs: [], error: { code: 'GROUP_SPENT' } }]);
  });

  it('has all of them again once the time has passed', async () => {
    const { a, jobs, fail, comeAgain, clock } = await startThree({
      strategy: 'one-for-all',
      maxRestarts: 1,
      within: '10m',
    });
    await fail(a);
    await comeAgain();
    clock.advance(600_000);
    await fail(a);
    await comeAgain();
    expect(states(jobs)).toEqual(['running', 'running', 'running']);
  });

  it('takes no job while it ends its own, and begins anew with one after that', async () => {
    const { a, c, fail, settle, hung, submit, service, comeAgain } = await startThree({
      strategy: 'one-for-one',
      maxRestarts: 1,
    });
    await fail(a);
    await comeAgain();
    hung.add(c);
    await fail(a);
    await settle();
    expect(() => submit('d', 'feeds')).toThrow(expect.objectContaining({ code: 'GROUP_SPENT' }));
    hung.delete(c);
    await settle();
    const d = submit('d', 'feeds');
    await settle();
    expect(service.groups()).toMatchObject([{ state: 'steady', restarts: 0, jobs: [d.id] }]);
    await fail(d);
    await comeAgain();
    expect(stateOf(d)).toBe('running');
  });

  it('lets a job end as its user has asked for', async () => {
    const { a, b, fail, settle, comeAgain, hung } = await startThree({
      strategy: 'one-for-one',
      maxRestarts: 1,
    });
    await fail(a);
    await comeAgain();
    hung.add(b);
    void b.drain();
    await fail(a);
    hung.delete(b);
    await settle();
    expect([stateOf(a), stateOf(b)]).toEqual(['dead', 'stopped']);
  });
});

describe('a group in a group', () => {
  const tree = {
    all: { strategy: 'one-for-all', maxRestarts: 2 },
    left: { strategy: 'one-for-one', maxRestarts: 1, parent: 'all' },
    right: { strategy: 'rest-for-one', maxRestarts: 1, parent: 'all' },
  } as const;

  async function startTree(groups: Parameters<typeof startGroups>[0] = tree) {
    const rig = startGroups(groups);
    const [top, left, left2, right] = [
      rig.submit('top', 'all'),
      rig.submit('left', 'left'),
      rig.submit('left2', 'left'),
      rig.submit('right', 'right'),
    ] as const;
    await rig.settle();
    rig.events.length = 0;
    return { ...rig, top, left, left2, right };
  }

  it('restarts alone, as long as it has restarts left', async () => {
    const { left, fail, comeAgain, attempts, service } = await startTree();
    await fail(left);
    await comeAgain();
    expect(attempts()).toEqual([1, 2, 1, 1]);
    expect(service.groups().map(({ restarts }) => restarts)).toEqual([0, 1, 0]);
  });

  it('is a failed child of its parent then, and begins anew', async () => {
    const { left, fail, comeAgain, attempts, service, events } = await startTree();
    await fail(left);
    await comeAgain();
    await fail(left);
    await comeAgain();
    expect(attempts()).toEqual([2, 3, 2, 2]);
    expect(service.groups().map(({ restarts }) => restarts)).toEqual([1, 0, 0]);
    expect(ofType(events, 'group.restarting').at(-1)).toMatchObject({
      name: 'all',
      cause: { job: 'left', group: 'left' },
    });
  });

  it('is restarted as a whole by a parent of one for one', async () => {
    const { left, fail, comeAgain, attempts } = await startTree({
      ...tree,
      all: { strategy: 'one-for-one', maxRestarts: 2 },
    });
    for (let time = 0; time < 2; time++) {
      await fail(left);
      await comeAgain();
    }
    expect(attempts()).toEqual([1, 3, 2, 1]);
  });

  it('stands where its first job does, for a parent of rest for one', async () => {
    const { left, top, fail, comeAgain, attempts } = await startTree({
      ...tree,
      all: { strategy: 'rest-for-one', maxRestarts: 10 },
    });
    for (let time = 0; time < 2; time++) {
      await fail(left);
      await comeAgain();
    }
    expect(attempts()).toEqual([1, 3, 2, 2]);
    await fail(top);
    await comeAgain();
    expect(attempts()).toEqual([2, 4, 3, 3]);
  });

  it('is dead with its root, when that has no restart left', async () => {
    const { left, jobs, fail, comeAgain, settle, service } = await startTree();
    for (let time = 0; time < 5; time++) {
      await fail(left);
      await comeAgain();
    }
    expect(stateOf(left)).toBe('running');
    await fail(left);
    await settle();
    expect(states(jobs)).toEqual(['dead', 'dead', 'dead', 'dead']);
    expect(jobs[0]!.inspect().error?.message).toMatch(
      /^Group "all" was restarted 2 times .* and its group "left" had no restart left$/,
    );
    expect(service.groups().map(({ state }) => state)).toEqual(['dead', 'dead', 'dead']);
  });

  it('goes on with the restart of its parent, if that begins meanwhile', async () => {
    const { left, left2, top, right, hung, fail, settle, comeAgain, attempts } = await startTree({
      ...tree,
      left: { strategy: 'one-for-all', maxRestarts: 5, parent: 'all' },
    });
    hung.add(left2);
    await fail(left);
    await fail(top);
    await settle();
    expect([stateOf(left2), stateOf(right)]).toEqual(['restarting', 'backingOff']);
    hung.delete(left2);
    await comeAgain();
    expect(attempts()).toEqual([2, 2, 2, 2]);
  });
});

describe('a group with a thread that cannot be ended', () => {
  it('is dead, since two of them would be at work', async () => {
    const { a, b, c, jobs, hung, fail, settle, clock, events, threads } = await startThree({
      strategy: 'one-for-all',
      endDeadline: '100ms',
    });
    hung.add(c);
    await fail(b);
    await settle();
    clock.advance(100);
    clock.advance(60_000);
    await settle();
    expect(states(jobs)).toEqual(['dead', 'dead', 'failed']);
    expect(c.inspect().error?.code).toBe('THREAD_LEFT_RUNNING');
    expect(a.inspect().error?.message).toMatch(
      /^Group "feeds" could not be restarted, since the thread of job "c" could not be ended: /,
    );
    expect(ofType(events, 'group.dead')).toMatchObject([{ cause: { job: 'c' } }]);
    expect(threads.runs).toHaveLength(3);
  });

  it('restarts beside it, if all that it may still write is fenced', async () => {
    const rig = startGroups({ feeds: { strategy: 'one-for-all', endDeadline: '100ms' } });
    const sink = { use: 'fake', options: {}, facts: { isFenced: true } };
    const jobs = ['a', 'b', 'c'].map((name) => rig.submit(name, 'feeds', {}, { sink }));
    const [, b, c] = jobs;
    await rig.settle();
    rig.hung.add(c!);
    await rig.fail(b!);
    await rig.settle();
    rig.clock.advance(100);
    rig.clock.advance(60_000);
    rig.hung.delete(c!);
    await rig.comeAgain();
    expect(states(jobs)).toEqual(['running', 'running', 'running']);
    expect(rig.attempts()).toEqual([2, 2, 2]);
    expect(ofType(rig.events, 'group.dead')).toEqual([]);
    expect(rig.service.threadsLeft.all).toBe(1);
  });
});

describe('a group with bounds', () => {
  it('restarts without the job that comes to its bound meanwhile', async () => {
    const { a, b, c, jobs, hung, fail, settle, comeAgain, lastRun } = await startThree({
      strategy: 'one-for-all',
    });
    hung.add(c);
    await fail(b);
    await settle();
    lastRun(c).finish(reportOf('completed', { reason: 'bounded', bound: 'rows' }));
    await comeAgain();
    expect(states(jobs)).toEqual(['running', 'running', 'completed']);
    expect([a, b, c].map((job) => job.inspect().runs.length)).toEqual([2, 2, 1]);
  });
});

describe('a whole group', () => {
  it('is drained with the producers of topics first, with an outcome for each job', async () => {
    const topics = new TopicRegistry();
    const rig = startGroups({ feeds: {} }, { topics });
    const consumer = rig.submit('consumer', 'feeds', {}, { source: topic });
    const producer = rig.submit('producer', 'feeds', {}, { sink: topic });
    await rig.settle();
    const drained = rig.service.group('feeds').drain({ deadlineMs: 5_000 });
    expect([stateOf(producer), stateOf(consumer)]).toEqual(['draining', 'running']);
    rig.lastRun(producer).finish(reportOf('completed', { reason: 'drained' }));
    await until(() => stateOf(consumer) === 'draining');
    rig.clock.advance(5_000);
    rig.lastRun(consumer).lose(crash);
    expect(await drained).toMatchObject([
      { name: 'consumer', outcome: 'stopped', error: { code: 'DRAIN_TIMED_OUT' } },
      { name: 'producer', outcome: 'completed' },
    ]);
    topics.close();
  });

  it('starts nothing again while it is drained, also what was about to be', async () => {
    const { b, jobs, fail, settle, clock, service, threads } = await startThree({ strategy: 'one-for-all' });
    await fail(b);
    const drained = service.group('feeds').drain();
    clock.advance(1_000);
    await settle();
    await drained;
    clock.advance(60_000);
    await settle();
    expect(states(jobs)).toEqual(['stopped', 'stopped', 'stopped']);
    expect(threads.runs).toHaveLength(3);
  });

  it('refuses a wrong deadline, and changes nothing', async () => {
    const { service, jobs } = await startThree({});
    await expect(service.group('feeds').drain({ deadlineMs: -1 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    expect(states(jobs)).toEqual(['running', 'running', 'running']);
  });

  it('is stopped at once, with those inside', async () => {
    const rig = startGroups({ all: {}, part: { parent: 'all' } });
    rig.submit('a', 'all');
    rig.submit('b', 'part');
    await rig.settle();
    const stopped = rig.service.group('all').stop();
    await rig.settle();
    expect((await stopped).map(({ outcome }) => outcome)).toEqual(['stopped', 'stopped']);
  });

  it('is not restarted once the runtime closes', async () => {
    const { b, service, fail, settle, clock, threads, jobs } = await startThree({ strategy: 'one-for-all' });
    const closed = service.close();
    await fail(b);
    await settle();
    clock.advance(10_000);
    await settle();
    await closed;
    expect(threads.runs).toHaveLength(3);
    expect(states(jobs)).toEqual(['stopped', 'failed', 'stopped']);
  });
});

describe('groups of settings', () => {
  it('refuse a job of a group that there is not', () => {
    const { submit } = startGroups({ feeds: {} });
    expect(() => submit('a', 'fedes')).toThrow(
      /There is no group "fedes" in "groups" of the settings; there are "feeds"/,
    );
  });

  it('refuse a parent that there is not, and groups that are parts of each other', () => {
    expect(() => startGroups({ a: { parent: 'b' } })).toThrow('expected the name of another group');
    const circle = { a: { parent: 'b' }, b: { parent: 'a' } };
    expect(() => startGroups(circle)).toThrow('expected a group that is not a part of this one');
  });

  it('show the group with its jobs', async () => {
    const { submit, service, settle } = startGroups({
      feeds: { strategy: 'rest-for-one' },
      part: { parent: 'feeds' },
    });
    const a = submit('a', 'part');
    await settle();
    await turnOfTheLoop();
    expect(a.inspect().group).toBe('part');
    expect(service.groups()).toEqual([
      { name: 'feeds', strategy: 'rest-for-one', state: 'steady', jobs: [], groups: ['part'], restarts: 0 },
      {
        name: 'part',
        strategy: 'one-for-one',
        parent: 'feeds',
        state: 'steady',
        jobs: [a.id],
        groups: [],
        restarts: 0,
      },
    ]);
  });
});
