import { describe, expect, it, vi } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import type { InspectMachine } from '../../src/core/machine-inspection.js';
import type { JobHandle, RuntimeEvent } from '../../src/supervision/job.js';
import { JobActor } from '../../src/supervision/job-actor.js';
import { until } from './fake-threads.js';
import { reportOf, specOf, startSupervisor } from './job-fixtures.js';

const FULL = { maxThreads: 1 };

/** How often one more submit looks at the state of jobs, beside so many that wait. */
function looksOfSubmit(jobsBefore: number): number {
  const { supervisor } = startSupervisor(FULL);
  for (let i = 0; i < jobsBefore; i++) supervisor.submit(specOf(`job${i}`));
  const looks = [vi.spyOn(JobActor.prototype, 'state', 'get'), vi.spyOn(JobActor.prototype, 'isLive', 'get')];
  supervisor.submit(specOf('one more'));
  const count = looks.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  for (const look of looks) look.mockRestore();
  return count;
}

describe('a supervisor with many jobs', () => {
  it('looks at no other job to take one more', () => {
    expect(looksOfSubmit(1_000)).toBe(looksOfSubmit(10));
  });

  it('shows a job that waits to an inspector', () => {
    const seen: unknown[] = [];
    const inspect: InspectMachine = ({ type, snapshot }) => {
      if (type === '@xstate.snapshot') seen.push((snapshot as { readonly value: unknown }).value);
    };
    const { supervisor } = startSupervisor(FULL, { inspect });
    for (const name of ['starts', 'waits']) supervisor.submit(specOf(name));
    expect(seen).toEqual(['queued', 'starting', 'queued']);
  });

  it('says of a job that waited when it was put in the queue, and when it left it', async () => {
    const { supervisor, threads, clock, events } = startSupervisor(FULL);
    supervisor.submit(specOf('first'));
    const queuedAtMs = Number(clock.wall() / 1_000_000n);
    const job = supervisor.submit(specOf('waits'));
    clock.advance(5_000);
    expect(job.inspect().history).toEqual([{ state: 'queued', atMs: queuedAtMs }]);
    expect(job.inspect().counters.rowsIn).toBe(0);
    threads.last.finish(reportOf('completed'));
    await until(() => stateOf(job) === 'starting');
    const steps = [
      { state: 'queued', atMs: queuedAtMs },
      { state: 'starting', atMs: queuedAtMs + 5_000 },
    ];
    expect(job.inspect().history).toEqual(steps);
    const told = events.filter((event) => event.type === 'job.state' && event.name === 'waits');
    expect(told).toEqual(steps.map((step) => ({ type: 'job.state', id: job.id, name: 'waits', ...step })));
  });

  it('starts only so many threads at a time, and the next one as soon as one has begun', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 100 }, { threadsStartingMax: 2 });
    const jobs = Array.from({ length: 6 }, (_, i) => supervisor.submit(specOf(`job${i}`)));
    expect(threads.runs).toHaveLength(2);
    threads.runs[1]!.begin();
    await until(() => threads.runs.length === 3);
    threads.runs[0]!.begin();
    threads.runs[2]!.begin();
    await until(() => threads.runs.length === 5);
    expect(jobs.map(stateOf)).toEqual([...Array(5).fill('starting'), 'queued']);
  });

  it('does not wait for starts that take long, since other threads have the processors', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 100 }, { threadsStartingMax: 2 });
    for (let i = 0; i < 6; i++) supervisor.submit(specOf(`job${i}`));
    clock.advance(99);
    expect(threads.runs).toHaveLength(2);
    clock.advance(1);
    expect(threads.runs).toHaveLength(4);
    clock.advance(100);
    expect(threads.runs).toHaveLength(6);
  });

  it('starts the next thread when one ends before it has begun', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 100 }, { threadsStartingMax: 1 });
    const first = supervisor.submit(specOf('a'));
    supervisor.submit(specOf('b'));
    void first.stop();
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    await until(() => threads.runs.length === 2);
    expect(stateOf(first)).toBe('stopped');
  });

  it('refuses any number of waiting jobs when no thread can be started, a hundred in a turn', async () => {
    const { supervisor, threads, events } = startSupervisor(FULL);
    const jobs = Array.from({ length: 5_000 }, (_, i) => supervisor.submit(specOf(`job${i}`)));
    for (let i = 0; i < 5; i++) {
      await until(() => threads.runs.length === i + 1);
      threads.last.lose({ code: 'THREAD_CRASHED', message: 'no such module', retryable: true });
    }
    const endsOfTurns = await untilAllEnded(events, jobs.length);
    expect(Math.max(...endsOfTurns)).toBeLessThanOrEqual(100 + 1); // and the one that had the thread
    expect(jobs.every((job) => stateOf(job) === 'failed')).toBe(true);
    expect((await jobs.at(-1)!.outcome).error?.code).toBe('THREAD_NOT_STARTED');
  });

  it('ends any number of waiting jobs when it closes, a hundred in a turn, and starts none of them', async () => {
    const { supervisor, threads, events } = startSupervisor(FULL);
    const jobs = Array.from({ length: 1_000 }, (_, i) => supervisor.submit(specOf(`job${i}`)));
    const closed = supervisor.close();
    threads.last.finish(reportOf('completed'));
    const endsOfTurns = await untilAllEnded(events, jobs.length);
    expect(Math.max(...endsOfTurns)).toBeLessThanOrEqual(100 + 1); // and the one that had the thread
    await closed;
    expect(threads.runs).toHaveLength(1);
    expect(jobs.slice(1).every((job) => stateOf(job) === 'stopped')).toBe(true);
  });

  it('runs all of them, in order', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 3 }, { threadsStartingMax: 2 });
    const jobs = Array.from({ length: 500 }, (_, i) => supervisor.submit(specOf(`job${i}`)));
    let ended = 0;
    while (ended < jobs.length) {
      const run = threads.runs[ended]!;
      run.begin();
      run.finish(reportOf('completed'));
      ended++;
      await until(() => threads.runs.length >= Math.min(ended + 1, jobs.length));
    }
    expect(threads.runs.map(({ task }) => task.spec.name)).toEqual(jobs.map(({ name }) => name));
  });
});

/** Returns how many jobs ended in each turn of the event loop from now on. */
async function untilAllEnded(events: readonly RuntimeEvent[], jobs: number): Promise<readonly number[]> {
  const ended = () => events.filter(({ type }) => type === 'job.ended').length;
  const inTurns: number[] = [];
  for (let before = ended(); before < jobs && inTurns.length < 10 * jobs; ) {
    await turnOfTheLoop();
    const now = ended();
    inTurns.push(now - before);
    before = now;
  }
  expect(ended()).toBe(jobs);
  return inTurns;
}

const stateOf = (job: JobHandle) => job.inspect().state;
