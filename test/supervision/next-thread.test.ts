import { describe, expect, it } from 'vitest';
import type { PreparedThread } from '../../src/hosts/threads.js';
import { NextThread } from '../../src/supervision/next-thread.js';
import type { ResolvedSpec, ResolvedStage } from '../../src/wire/resolved-spec.js';
import { type ThreadNeeds, threadNeeds } from '../../src/wire/thread-needs.js';
import { FakeThreads, until } from './fake-threads.js';
import { crash, ManualClock, onFailure, specOf, startSupervisor } from './job-fixtures.js';

/** Notes which threads are made ready and given back. */
class PreparingThreads extends FakeThreads {
  readonly prepared: PreparedThread[] = [];
  readonly needs: ThreadNeeds[] = [];
  released = 0;

  prepare(needs: ThreadNeeds): PreparedThread {
    const prepared = { release: () => void this.released++ };
    this.prepared.push(prepared);
    this.needs.push(needs);
    return prepared;
  }
}

const NEEDS: ThreadNeeds = { stages: [], checkpoints: true };

function expecting(waitMs: number) {
  const clock = new ManualClock();
  const threads = new PreparingThreads();
  const next = new NextThread(clock, threads);
  next.expectIn(waitMs, NEEDS);
  return { clock, threads, next };
}

describe('the thread of the next run', () => {
  it('is made ready a second before the run is due, so that a long wait holds none', () => {
    const { clock, threads, next } = expecting(30_000);
    clock.advance(28_999);
    expect(threads.prepared).toHaveLength(0);
    clock.advance(1);
    expect(threads.needs).toEqual([NEEDS]);
    expect(next.take()).toBe(threads.prepared[0]);
    expect(threads.released).toBe(0);
  });

  it('is made ready at once where the wait is shorter', () => {
    expect(expecting(1).threads.prepared).toHaveLength(1);
  });

  it('is given to one run', () => {
    const { next, threads } = expecting(1);
    next.take();
    expect(next.take()).toBeUndefined();
    next.cancel();
    expect(threads.released).toBe(0);
  });

  it('is given back if no run follows', () => {
    const { threads, next } = expecting(1);
    next.cancel();
    next.cancel();
    expect(threads.released).toBe(1);
  });

  it('is not started any more if no run follows, or the run begins before', () => {
    for (const leave of ['cancel', 'take'] as const) {
      const { clock, threads, next } = expecting(30_000);
      next[leave]();
      clock.advance(60_000);
      expect(threads.prepared).toHaveLength(0);
    }
  });

  it('is left to the run where threads cannot be made ready', () => {
    const next = new NextThread(new ManualClock(), new FakeThreads());
    next.expectIn(1, NEEDS);
    expect(next.take()).toBeUndefined();
  });
});

describe('a job that backs off', () => {
  const start = () => {
    const threads = new PreparingThreads();
    const rig = startSupervisor({}, { threads });
    const job = rig.supervisor.submit(specOf('a'), undefined, { restart: onFailure });
    const backOff = async () => {
      threads.last.lose(crash);
      await until(() => job.state === 'backingOff');
    };
    return { ...rig, threads, job, backOff };
  };

  it('has its next thread made ready, and runs in it', async () => {
    const { threads, clock, job, backOff } = start();
    threads.last.answer();
    await until(() => job.state === 'running');
    await backOff();
    expect(threads.prepared).toHaveLength(1);
    clock.advance(1_000);
    expect(job.state).toBe('starting');
    expect(threads.last.prepared).toBe(threads.prepared[0]);
  });

  it('gives it back when it is stopped', async () => {
    const { threads, job, backOff } = start();
    threads.last.answer();
    await until(() => job.state === 'running');
    await backOff();
    await job.stop();
    expect(threads.released).toBe(1);
  });

  it('has none made ready after a thread that did not come up, which nobody would hear of', async () => {
    const { threads, backOff } = start();
    await backOff();
    expect(threads.prepared).toHaveLength(0);
  });
});

describe('what a thread can load ahead', () => {
  const of = (sink: Partial<ResolvedStage>): ResolvedSpec => specOf('a', sink);

  it('is all stages of the package', () => {
    const { stages, checkpoints } = threadNeeds(of({}), { checkpoints: true });
    expect(stages.map(({ kind, stage }) => [kind, stage.use])).toEqual([
      ['source', 'fake'],
      ['batcher', 'fake'],
      ['sink', 'fake'],
    ]);
    expect(checkpoints).toBe(true);
  });

  it.each<[string, Partial<ResolvedStage>]>([
    ['code of users, which only a run may run', { runsUserCode: true }],
    ['a component from outside', { outside: { module: 'theirs' } }],
    ['native code, whose thread could not be ended any more', { loads: 'native' }],
  ])('is never %s', (_, sink) => {
    const { stages } = threadNeeds(of(sink), { checkpoints: false });
    expect(stages.map(({ kind }) => kind)).toEqual(['source', 'batcher']);
  });
});
