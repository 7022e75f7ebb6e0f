import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { ThreadLostError } from '../../src/hosts/thread-lost-error.js';
import { findJobFiles, type JobFiles } from '../../src/plan/paths/job-files.js';
import type { JobHandle } from '../../src/supervision/job.js';
import type { JobEvent } from '../../src/supervision/job-context.js';
import { createJobMachine } from '../../src/supervision/job-machine.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { TopicRegistry } from '../../src/topics/topic-registry.js';
import { StartStep } from '../../src/wire/start-step.js';
import { until } from './fake-threads.js';
import {
  crash,
  ManualClock,
  queuedContext,
  reportOf,
  START_DEADLINE_MS,
  specOf,
  startSupervisor,
} from './job-fixtures.js';

/** The files of a job with dead letters alone. */
async function filesOf(name: string, path: string): Promise<JobFiles> {
  const deadLetter = { path: join(tmpdir(), 'tickloom-none', path), maxRows: 1 };
  return (await findJobFiles({ name, source: undefined, sink: undefined, deadLetter }))!;
}

describe('supervisor', () => {
  it('starts a job at once and tells its steps in order', async () => {
    const { supervisor, threads, events } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    expect(job.inspect().state).toBe('starting');
    threads.last.answer();
    await until(() => job.inspect().state === 'running');
    threads.last.finish(reportOf('completed'));
    expect(await job.outcome).toMatchObject({ outcome: 'completed', id: 'job-1', name: 'a' });
    expect(events.map((event) => (event.type === 'job.state' ? event.state : event.type))).toEqual([
      'queued',
      'starting',
      'running',
      'completed',
      'job.ended',
    ]);
  });

  it('refuses a name that a live job has, and takes it again after that one has ended', async () => {
    const { supervisor, threads } = startSupervisor();
    const first = supervisor.submit(specOf('a'));
    expect(() => supervisor.submit(specOf('a'))).toThrow(/"a" is starting \(job-1\)/);
    threads.last.finish(reportOf('completed'));
    await first.outcome;
    const second = supervisor.submit(specOf('a'));
    expect(supervisor.get('a').id).toBe(second.id);
    expect(supervisor.get('job-1').id).toBe('job-1');
    expect(supervisor.list().map(({ id, state }) => [id, state])).toEqual([
      ['job-1', 'completed'],
      ['job-2', 'starting'],
    ]);
    expect(() => supervisor.get('b')).toThrow(expect.objectContaining({ code: 'JOB_UNKNOWN' }));
  });

  it('queues jobs while all threads are taken, and starts them in order', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 1 });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => supervisor.submit(specOf(name)));
    expect([a, b, c].map((job) => job!.inspect().state)).toEqual(['starting', 'queued', 'queued']);
    expect(await b!.stop()).toMatchObject({ outcome: 'stopped', durationMs: 0 });
    threads.last.lose(crash);
    await a!.outcome;
    await until(() => c!.inspect().state === 'starting');
    expect(threads.runs.map(({ task }) => task.spec.name)).toEqual(['a', 'c']);
  });

  it('pauses and resumes through the actor, and says that it cannot after the end', async () => {
    const { supervisor, threads } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    threads.last.answer();
    await job.pause();
    await job.pause();
    expect(threads.last.asked).toEqual(['pause']);
    await until(() => job.inspect().state === 'paused');
    await job.resume();
    expect(threads.last.asked).toEqual(['pause', 'resume']);
    expect(await job.describe()).toHaveLength(1);
    threads.last.finish(reportOf('completed'));
    await job.outcome;
    await expect(job.pause()).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await job.describe()).toEqual([]);
  });

  it('waits ten seconds for the answer of a thread that is busy, and says what to do', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    threads.last.answer();
    await job.pause();
    await until(() => job.inspect().state === 'paused');
    threads.last.block();
    const calls = Promise.allSettled([job.resume(), job.describe()]);
    clock.advance(10_000);
    for (const call of await calls) {
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'THREAD_BUSY', retryable: true } });
    }
    expect(job.inspect().state).toBe('running');
  });

  it('keeps and tells no more of a crash than its beginning, however long it is', async () => {
    const { supervisor, threads, events } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    threads.last.answer();
    const thrown = new Error('x'.repeat(5_500_000));
    threads.last.fail(new ThreadLostError('THREAD_CRASHED', `The thread crashed: ${thrown.message}`, thrown));
    const { error } = await job.outcome;
    expect(error).toMatchObject({ message: expect.stringMatching(/^The thread crashed: x+…$/) });
    expect(error?.stack).toContain('supervisor.test.ts');
    expect(JSON.stringify([await job.outcome, job.inspect(), events]).length).toBeLessThan(100_000);
  });

  it('answers a call in flight when the thread dies', async () => {
    const { supervisor, threads } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    const calls = Promise.all([job.describe(), job.pause()]);
    threads.last.lose(crash);
    expect(await calls).toEqual([[], undefined]);
    expect((await job.outcome).error).toMatchObject({ code: 'THREAD_CRASHED', message: 'boom' });
  });

  it('tells what was delivered before the thread was lost, read from shared memory', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    const { counters } = threads.last;
    counters.set('rowsIn', 100);
    counters.set('rowsOut', 60);
    counters.set('rowsFiltered', 15);
    counters.set('firstRowAtNs', clock.now() + 4_000_000n);
    counters.set('heartbeatNs', clock.now());
    clock.advance(250);
    expect(job.inspect()).toMatchObject({ heartbeatAgeMs: 250, firstRowMs: 4 });
    threads.last.lose(crash);
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'failed', reason: 'error', rowsPending: 25, durationMs: 250 });
    expect(job.inspect()).not.toHaveProperty('heartbeatAgeMs');
  });

  it('ends the thread once a drain is late, and not before', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    threads.last.answer();
    await until(() => job.inspect().state === 'running');
    const drained = job.drain({ deadlineMs: 1_000 });
    await until(() => threads.last.asked.includes('drain'));
    clock.advance(999);
    expect(threads.last.timesEnded).toBe(0);
    clock.advance(1);
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    expect(await drained).toMatchObject({ outcome: 'stopped', error: { code: 'DRAIN_TIMED_OUT' } });
    expect(clock.timersArmed).toBe(0);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
    'refuses a drain deadline of %s',
    async (deadlineMs) => {
      const { supervisor } = startSupervisor();
      const job = supervisor.submit(specOf('a'));
      await expect(job.drain({ deadlineMs })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
      expect(job.inspect().state).toBe('starting');
    },
  );

  it.each([
    [StartStep.none, 'its thread did not begin'],
    [StartStep.making, 'its modules were still loading'],
    [StartStep.opening(0), 'source ("fake") was still opening'],
    [StartStep.opening(1), 'operators[0] ("module") was still opening'],
    [StartStep.opening(3), 'sink ("slow") was still opening'],
  ])('ends the thread of a job that does not start in time, at step %i: %s', async (step, pending) => {
    const { supervisor, threads, clock } = startSupervisor();
    const operators = [{ use: 'module', options: {} }];
    const job = supervisor.submit({ ...specOf('a', { use: 'slow' }), operators });
    threads.last.counters.set('startStep', step);
    clock.advance(START_DEADLINE_MS - 1);
    expect(threads.last.timesEnded).toBe(0);
    clock.advance(1);
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    const error = { code: 'START_TIMED_OUT', message: expect.stringContaining(pending) };
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error });
  });

  it('takes a job for started whose answer comes late, when shared memory says that it is', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const job = supervisor.submit(specOf('a'));
    threads.last.counters.set('startStep', StartStep.started);
    clock.advance(START_DEADLINE_MS);
    expect(job.inspect().state).toBe('running');
    threads.last.answer();
    threads.last.finish(reportOf('completed'));
    expect(await job.outcome).toMatchObject({ outcome: 'completed' });
    expect(threads.last.timesEnded).toBe(0);
  });

  it('ends the thread of a job that a listener stops as soon as it starts', async () => {
    const { supervisor, threads } = startSupervisor();
    supervisor.on((event) => {
      if (event.type === 'job.state' && event.state === 'starting') void supervisor.get(event.id).stop();
    });
    const job = supervisor.submit(specOf('a'));
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    expect(await job.outcome).toMatchObject({ outcome: 'stopped' });
  });

  it('takes the report of a pipeline that stops when asked, and ends the thread of one that does not', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const [asked, stuck] = ['asked', 'stuck'].map((name) => {
      const job = supervisor.submit(specOf(name));
      const thread = threads.last;
      thread.counters.set('startStep', StartStep.started);
      thread.answer();
      return { job, thread };
    });
    const stages = [
      {
        stage: 'sink',
        kind: 'sink',
        use: 'fake',
        health: { status: 'ok' },
        statistics: { rowsNotDurable: 7 },
      },
    ] as const;
    for (const { job } of [asked!, stuck!]) void job.stop();
    await until(() => asked!.thread.asked.includes('stop'));
    asked!.thread.finish(reportOf('stopped', { stages }));
    expect(await asked!.job.outcome).toMatchObject({ outcome: 'stopped', stages });
    clock.advance(249);
    expect(stuck!.thread.timesEnded).toBe(0);
    clock.advance(1);
    expect([asked!.thread.timesEnded, stuck!.thread.timesEnded]).toEqual([0, 1]);
    stuck!.thread.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    expect(await stuck!.job.outcome).toMatchObject({ outcome: 'stopped', stages: [] });
  });

  it('says of a process that it gives up that it is one', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1 });
    const job = supervisor.submit({ ...specOf('a'), isolation: 'process' });
    const run = threads.last;
    run.counters.set('startStep', StartStep.started);
    run.answer();
    await until(() => job.inspect().state === 'running');
    const drained = job.drain({ deadlineMs: 300 });
    clock.advance(300 + 50);
    clock.advance(1_000);
    const { error } = await drained;
    expect(error?.message).toMatch(/^The process did not end within 1000 ms/);
    expect(error?.message).not.toMatch(/execFileSync/);
  });

  it('gives up a thread that is not gone a second after it was ended, and takes its place back later', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1 });
    const job = supervisor.submit(specOf('a'));
    const run = threads.last;
    run.counters.set('startStep', StartStep.started);
    run.answer();
    await until(() => job.inspect().state === 'running');
    const drained = job.drain({ deadlineMs: 300 });
    clock.advance(300 + 50);
    expect(run.timesEnded).toBe(1);
    clock.advance(999);
    expect(job.inspect().state).toBe('draining');
    clock.advance(1);
    expect(await drained).toMatchObject({ outcome: 'stopped', error: { code: 'THREAD_LEFT_RUNNING' } });
    const next = supervisor.submit(specOf('b'));
    expect(next.inspect().state).toBe('queued');
    run.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    await until(() => next.inspect().state === 'starting');
    expect((await job.outcome).error?.code).toBe('THREAD_LEFT_RUNNING');
  });

  it('asks a thread with native code to stop, and never ends it by force', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1, isolation: 'thread' });
    const job = supervisor.submit(specOf('a', { use: 'duck', loads: 'native' }));
    const run = threads.last;
    run.answer();
    await until(() => job.inspect().state === 'running');
    const stopped = job.stop();
    await until(() => run.asked.includes('stop'));
    clock.advance(5_000);
    const report = await stopped;
    expect(report).toMatchObject({ outcome: 'stopped', error: { code: 'THREAD_LEFT_RUNNING' } });
    expect(report.error?.message).toContain('"duck"');
    expect(run.timesEnded).toBe(0);

    const next = supervisor.submit(specOf('b'));
    expect(next.inspect().state).toBe('queued'); // the thread is still taken
    run.finish(reportOf('stopped'));
    await until(() => next.inspect().state === 'starting');
    expect((await job.outcome).error?.code).toBe('THREAD_LEFT_RUNNING');
  });

  it('refuses a job that reads or writes what a queued or running one writes, and names that one', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 1 });
    const running = supervisor.submit(specOf('a'), await filesOf('a', 'a.jsonl'));
    const queued = supervisor.submit(specOf('b'), await filesOf('b', 'b.jsonl'));
    const submit = async (path: string) => supervisor.submit(specOf('c'), await filesOf('c', path));
    for (const [path, who] of [
      ['a.jsonl', 'job "a" (job-1, starting)'],
      ['./x/../b.jsonl', 'job "b" (job-2, queued)'],
    ] as const) {
      await expect(submit(path)).rejects.toMatchObject({
        code: 'SPEC_INVALID',
        problems: [
          {
            path: ['deadLetter', 'path'],
            message: expect.stringContaining(`deadLetter.path of ${who} writes`),
          },
        ],
      });
    }
    expect(supervisor.list()).toHaveLength(2);

    await queued.stop();
    expect((await submit('b.jsonl')).inspect().state).toBe('queued');
    threads.last.finish(reportOf('completed'));
    await running.outcome;
    await expect(submit('b.jsonl')).rejects.toMatchObject({ code: 'JOB_NAME_TAKEN' });
  });

  it('keeps the files of a job whose thread could not be ended, which may still write to them', async () => {
    const { supervisor, threads, clock } = startSupervisor({ isolation: 'thread' });
    const job = supervisor.submit(
      specOf('a', { use: 'duck', loads: 'native' }),
      await filesOf('a', 'a.jsonl'),
    );
    const run = threads.last;
    run.answer();
    await until(() => job.inspect().state === 'running');
    const stopped = job.stop();
    await until(() => run.asked.includes('stop'));
    clock.advance(5_000);
    await stopped;
    const submit = async () => supervisor.submit(specOf('b'), await filesOf('b', 'a.jsonl'));
    await expect(submit()).rejects.toThrow(/job "a" \(job-1, stopped, but its thread could not be ended\)/);
    run.finish(reportOf('stopped'));
    await until(() => supervisor.list().length === 1);
    await turnOfTheLoop();
    expect((await submit()).inspect().state).toBe('starting');
  });

  it('ends a process by force that does not report, with native code or without', async () => {
    const { supervisor, threads } = startSupervisor();
    const job = supervisor.submit(specOf('a', { use: 'duck', loads: 'native' }));
    const run = threads.last;
    expect([run.isolation, job.inspect().isolation]).toEqual([{ by: 'process' }, 'process']);
    run.answer();
    await until(() => job.inspect().state === 'running');
    const stopped = job.stop();
    await until(() => run.timesEnded > 0);
    run.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    expect(await stopped).toMatchObject({ outcome: 'stopped' });
  });

  it('takes the report of a native thread that stops when asked', async () => {
    const { supervisor, threads, clock } = startSupervisor({ isolation: 'thread' });
    const job = supervisor.submit(specOf('a', { loads: 'native' }));
    threads.last.answer();
    const stopped = job.stop();
    await until(() => threads.last.asked.includes('stop'));
    threads.last.finish(reportOf('stopped', { rowsPending: 7 }));
    expect(await stopped).toMatchObject({ outcome: 'stopped', rowsPending: 7 });
    expect(clock.timersArmed).toBe(0);
  });

  it('gives no second task to a thread that ran code of the user', () => {
    const { supervisor, threads } = startSupervisor();
    supervisor.submit(specOf('a'));
    supervisor.submit({ ...specOf('b'), operators: [{ use: 'module', options: {}, runsUserCode: true }] });
    expect(threads.runs.map(({ reusable }) => reusable)).toEqual([true, false]);
  });

  it('holds starts after five threads in a row that never came to life, and tries again later', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    for (let i = 0; i < 5; i++) {
      const job = supervisor.submit(specOf('a'));
      threads.last.lose({ code: 'THREAD_CRASHED', message: 'no such module', retryable: true });
      await job.outcome;
      await turnOfTheLoop();
    }
    const refused = await supervisor.submit(specOf('a')).outcome;
    expect(refused.error).toMatchObject({ code: 'THREAD_NOT_STARTED' });
    expect(refused.error?.message).toMatch(/last 5 threads .* no such module/);
    expect(threads.runs).toHaveLength(5);

    clock.advance(5_000);
    const tried = supervisor.submit(specOf('a'));
    expect((await supervisor.submit(specOf('b')).outcome).error?.code).toBe('THREAD_NOT_STARTED');
    threads.last.answer();
    threads.last.finish(reportOf('completed'));
    await tried.outcome;
    await turnOfTheLoop();
    expect(supervisor.submit(specOf('c')).inspect().state).toBe('starting');
  });

  it('does not hold starts for threads that came to life and crashed', async () => {
    const { supervisor, threads } = startSupervisor();
    for (let i = 0; i < 10; i++) {
      const job = supervisor.submit(specOf('a'));
      threads.last.counters.set('heartbeatNs', 1);
      threads.last.lose(crash);
      expect((await job.outcome).error?.code).toBe('THREAD_CRASHED');
      await turnOfTheLoop();
    }
  });

  it('fails a job whose machine broke, ends its thread, and gives that to the next one', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1 });
    const job = supervisor.submit(specOf('a'));
    const next = supervisor.submit(specOf('b'));
    threads.last.counters.set('startStep', StartStep.started);
    threads.last.answer();
    await until(() => job.inspect().state === 'running');
    const { wall } = clock;
    clock.wall = () => {
      throw new Error('no time');
    };
    void job.pause();
    const error = { code: 'INTERNAL', message: 'no time' };
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error });
    expect(job.inspect()).toMatchObject({ state: 'failed', error });
    expect(threads.last.timesEnded).toBe(1);
    expect(clock.timersArmed).toBe(0);
    clock.wall = wall;
    threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: false });
    await until(() => next.inspect().state === 'starting');
  });

  it('goes on when a listener throws, and tells no more to one that left', () => {
    const { supervisor, events } = startSupervisor();
    const seen: string[] = [];
    supervisor.on(() => {
      throw new Error('listener');
    });
    const leave = supervisor.on((event) => seen.push(event.type));
    supervisor.submit(specOf('a'));
    leave();
    supervisor.submit(specOf('b'));
    expect(seen).toHaveLength(2);
    expect(events).toHaveLength(4);
  });

  it('drains all jobs when it closes, and takes none afterwards', async () => {
    const { supervisor, threads } = startSupervisor({ maxThreads: 1 });
    const running = supervisor.submit(specOf('a'));
    const queued = supervisor.submit(specOf('b'));
    threads.last.answer();
    const closed = supervisor.close();
    const again = supervisor.close();
    await until(() => threads.last.asked.includes('drain'));
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    await Promise.all([closed, again]);
    expect([(await running.outcome).reason, (await queued.outcome).outcome]).toEqual(['drained', 'stopped']);
    expect(threads.runs).toHaveLength(1);
    expect(() => supervisor.submit(specOf('c'))).toThrow(expect.objectContaining({ code: 'RUNTIME_CLOSED' }));
  });

  it('ends the jobs that wait in the queue first when it closes, so that no producer waits for them', async () => {
    const topics = new TopicRegistry();
    const { supervisor, threads } = startSupervisor({ maxThreads: 1 }, { topics });
    const options = { topic: 'ticks', schema: { kind: 'custom', columns: [] } };
    supervisor.submit(specOf('maker', { use: 'topic', options }));
    const source = { use: 'topic', options };
    const queued = supervisor.submit({ ...specOf('reader'), source });
    threads.last.answer();
    const closed = supervisor.close();
    expect((await queued.outcome).outcome).toBe('stopped');
    await until(() => threads.last.asked.includes('drain'));
    threads.last.finish(reportOf('completed', { reason: 'drained' }));
    await closed;
    topics.close();
  });

  it('closes nothing when the deadline that it is given is none', async () => {
    const { supervisor } = startSupervisor();
    await expect(supervisor.close({ deadlineMs: Number.NaN })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    expect(supervisor.submit(specOf('a')).inspect().state).toBe('starting');
  });

  it('writes the lines of a thread with its job, those posted right before the end included', async () => {
    const lines: unknown[] = [];
    const logger = (bindings: object): Logger => ({
      ...silentLogger,
      warn: (fields, text) => lines.push({ ...bindings, ...fields, text }),
      child: (more) => logger({ ...bindings, ...more }),
    });
    const { supervisor, threads } = startSupervisor({}, { log: logger({}) });
    const job = supervisor.submit(specOf('a'));
    threads.last.task.logs.postMessage({ level: 'warn', fields: { rows: 3 }, text: 'late rows' });
    threads.last.finish(reportOf('completed'));
    await job.outcome;
    expect(lines).toEqual([{ job: 'a', rows: 3, text: 'late rows' }]);
    expect(threads.last.counters.get('logsTaken')).toBe(1);
  });
});

describe('a supervised job', () => {
  const EVENTS: JobEvent[] = [
    { type: 'thread.assigned', deadlineAtMs: START_DEADLINE_MS },
    { type: 'actor.ready' },
    { type: 'pause.requested' },
    { type: 'resume.requested' },
    { type: 'drain.requested', deadlineAtMs: 2_000 },
    { type: 'drain.requested', deadlineAtMs: 1_000 },
    { type: 'stop.requested' },
    { type: 'deadline.passed' },
    { type: 'pipeline.ended', report: reportOf('completed') },
    { type: 'pipeline.ended', report: reportOf('stopped') },
    { type: 'pipeline.ended', report: reportOf('failed') },
    { type: 'thread.lost', error: crash },
  ];
  const machine = createJobMachine(new ManualClock());
  const situation = (value: unknown, context: object) => JSON.stringify([value, context]);
  const paths = getShortestPaths(machine, {
    input: queuedContext,
    events: EVENTS,
    // A queued job has no thread to lose: it loses it when none can be had, which has its own test.
    filterEvents: (state, event) =>
      state.can(event) && !(state.value === 'queued' && event.type === 'thread.lost'),
    serializeState: ({ value, context: { pauseWanted, ending, deadlineAtMs, error, report } }, _, before) =>
      situation(value, {
        pauseWanted,
        ending,
        deadlineAtMs,
        error: error?.code,
        report: report?.outcome,
        // Each way into a situation is a path of its own, so that every transition is walked.
        before: before && [before.value, before.context.ending, before.context.pauseWanted],
      }),
  });

  /** Does to a real supervisor what an event of the machine stands for. */
  async function walk(events: readonly JobEvent[], states: readonly string[]): Promise<JobHandle> {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1 });
    supervisor.submit(specOf('holds the only thread'));
    const job = supervisor.submit(specOf('walked'));
    for (const [step, event] of events.entries()) {
      const run = threads.of('walked');
      switch (event.type) {
        case 'thread.assigned':
          threads.of('holds the only thread').finish(reportOf('completed'));
          break;
        case 'actor.ready':
          run.answer();
          break;
        case 'pause.requested':
          void job.pause().catch(() => {});
          break;
        case 'resume.requested':
          void job.resume().catch(() => {});
          break;
        case 'drain.requested':
          void job.drain({ deadlineMs: event.deadlineAtMs });
          break;
        case 'stop.requested':
          void job.stop();
          break;
        case 'deadline.passed':
          clock.advance(states[step] === 'starting' ? START_DEADLINE_MS : 2_000);
          break;
        case 'pipeline.ended':
          run.finish(event.report);
          break;
        case 'thread.lost':
          run.lose(event.error);
      }
      await until(() => job.inspect().state === states[step + 1]);
    }
    return job;
  }

  it('follows the machine along every transition', async () => {
    expect(paths.length).toBeGreaterThan(50);
    for (const { steps } of paths) {
      const events = steps.map(({ event }) => event).filter(({ type }) => !type.startsWith('xstate.'));
      const model = createActor(machine, { input: queuedContext }).start();
      const states = ['queued'];
      for (const event of events) {
        model.send(event);
        states.push(String(model.getSnapshot().value));
      }
      const job = await walk(events, states);
      const info = job.inspect();
      const { value, status, context } = model.getSnapshot();
      expect(info.history.map(({ state }) => state)).toEqual(context.history.map(({ state }) => state));
      expect(info.error?.code).toBe(context.error?.code);
      if (status === 'done') expect((await job.outcome).outcome).toBe(value);
    }
  });
});
