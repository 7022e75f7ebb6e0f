import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import type { WireError } from '../../src/core/errors.js';
import { findJobFiles } from '../../src/plan/paths/job-files.js';
import type { JobHandle } from '../../src/supervision/job.js';
import type { RestartPolicy } from '../../src/supervision/restart-policy.js';
import type { SupervisorContext, SupervisorSettings } from '../../src/supervision/supervisor.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { TopicRegistry } from '../../src/topics/topic-registry.js';
import { until } from './fake-threads.js';
import { crash, onFailure, reportOf, START_DEADLINE_MS, specOf, startSupervisor } from './job-fixtures.js';

/** A supervisor and a job with restarts, whose fake threads do what the test says. */
function startRestarted(
  policy: Partial<RestartPolicy> = {},
  settings: Partial<SupervisorSettings> = {},
  context: Partial<Omit<SupervisorContext, 'threads'>> = {},
  sink: Parameters<typeof specOf>[1] = {},
) {
  const rig = startSupervisor(settings, context);
  const { supervisor, threads, clock } = rig;
  const job = supervisor.submit(specOf('a', sink), undefined, { restart: { ...onFailure, ...policy } });
  const run = async () => {
    const before = threads.runs.length;
    await until(() => job.inspect().state === 'starting');
    threads.last.answer();
    await until(() => job.inspect().state === 'running' || job.inspect().state === 'paused');
    expect(threads.runs).toHaveLength(before);
  };
  const backOff = async (error: WireError = crash) => {
    threads.last.lose(error);
    await until(() => job.inspect().state === 'backingOff');
    await turnOfTheLoop();
  };
  /** Lets the time pass until the next start. */
  const comeAgain = () => clock.advance(waitOf(job));
  return { ...rig, job, run, backOff, comeAgain };
}

const waitOf = (job: JobHandle): number => {
  const { nextStartAtMs, endedAtMs } = job.inspect().runs.at(-1)!;
  return nextStartAtMs! - endedAtMs!;
};

const states = (job: JobHandle) => job.inspect().history.map(({ state }) => state);

describe('a job with a restart policy', () => {
  it('gets a thread again once it has backed off, and tells each step with its cause', async () => {
    const { job, threads, events, clock, run, backOff, comeAgain } = startRestarted();
    await run();
    await backOff();
    const { error, runs } = job.inspect();
    expect(error).toMatchObject({ code: 'THREAD_CRASHED' });
    expect(runs).toEqual([
      {
        attempt: 1,
        startedAtMs: expect.any(Number),
        endedAtMs: expect.any(Number),
        outcome: 'failed',
        error: { code: 'THREAD_CRASHED', message: 'boom', retryable: true },
        nextStartAtMs: expect.any(Number),
      },
    ]);
    clock.advance(waitOf(job) - 1);
    expect([job.inspect().state, threads.runs.length]).toEqual(['backingOff', 1]);
    clock.advance(1);
    expect([job.inspect().state, threads.runs.length]).toEqual(['starting', 2]);
    expect(job.inspect().error).toBeUndefined();
    await run();
    threads.last.finish(reportOf('failed'));
    await until(() => job.inspect().state === 'backingOff');
    comeAgain();
    await run();
    threads.last.finish(reportOf('completed'));
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'completed', reason: 'end of input' });
    expect(report.error).toBeUndefined();
    expect(report.runs.map(({ attempt, outcome, error }) => [attempt, outcome, error?.code])).toEqual([
      [1, 'failed', 'THREAD_CRASHED'],
      [2, 'failed', 'SOURCE_FAILED'],
      [3, 'completed', undefined],
    ]);
    expect(job.inspect().runs).toEqual(report.runs);
    const told = events.map((event) =>
      event.type === 'job.state' ? [event.state, event.reason, event.attempt] : [event.type],
    );
    expect(told).toEqual([
      ['queued', undefined, undefined],
      ['starting', undefined, undefined],
      ['running', undefined, undefined],
      ['backingOff', 'boom', undefined],
      ['starting', undefined, 2],
      ['running', undefined, undefined],
      ['backingOff', 'the feed broke', undefined],
      ['starting', undefined, 3],
      ['running', undefined, undefined],
      ['completed', 'end of input', undefined],
      ['job.ended'],
    ]);
    expect(clock.timersArmed).toBe(0);
  });

  it('is dead once its restarts are spent, with the error of each run', async () => {
    const { job, threads, clock, run, backOff, comeAgain } = startRestarted();
    for (let restart = 0; restart < onFailure.maxRestarts; restart++) {
      await run();
      await backOff();
      comeAgain();
    }
    await run();
    threads.last.lose(crash);
    const report = await job.outcome;
    expect(report).toMatchObject({
      outcome: 'failed',
      reason: 'error',
      error: { code: 'RESTARTS_SPENT', message: expect.stringContaining('boom [THREAD_CRASHED]') },
    });
    expect(job.inspect()).toMatchObject({ state: 'dead', error: report.error });
    expect(job.inspect().history.at(-1)).toMatchObject({ state: 'dead', reason: report.error?.message });
    expect(report.runs.map(({ error }) => error?.code)).toEqual(Array(4).fill('THREAD_CRASHED'));
    expect(threads.runs).toHaveLength(4);
    clock.advance(1_000_000);
    expect(threads.runs).toHaveLength(4);
    expect(clock.timersArmed).toBe(0);
  });

  it('does not try again what no retry can help', async () => {
    const { job, threads, run } = startRestarted();
    await run();
    const error = { code: 'LATE_ROW' as const, message: 'late', retryable: false };
    threads.last.finish(reportOf('failed', { error }));
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error });
    expect(job.inspect().state).toBe('failed');
  });

  it('waits as long as a provider that is throttled asks', async () => {
    const { job, threads, run } = startRestarted();
    await run();
    const error = {
      code: 'PROVIDER_THROTTLED' as const,
      message: '429',
      retryable: true,
      retryAfterMs: 90_000,
    };
    threads.last.finish(reportOf('failed', { error }));
    await until(() => job.inspect().state === 'backingOff');
    expect(waitOf(job)).toBeGreaterThanOrEqual(90_000);
  });

  it.each(['stop', 'drain'] as const)('ends at once on a %s while it backs off', async (how) => {
    const { job, threads, clock, run, backOff } = startRestarted();
    await run();
    threads.last.counters.set('rowsIn', 5);
    await backOff();
    expect(await job[how]()).toMatchObject({
      outcome: 'stopped',
      reason: 'stopped',
      rowsPending: 5,
      error: { code: 'THREAD_CRASHED' },
    });
    expect(clock.timersArmed).toBe(0);
    expect(threads.runs).toHaveLength(1);
  });

  it('is stopped, not failed, when it is stopped after a run that reported its failure', async () => {
    const { job, threads, run } = startRestarted();
    await run();
    threads.last.finish(reportOf('failed'));
    await until(() => job.inspect().state === 'backingOff');
    expect(await job.stop()).toMatchObject({ outcome: 'stopped', error: { code: 'SOURCE_FAILED' } });
    expect(states(job).at(-1)).toBe('stopped');
  });

  it('may be stopped by a listener that is told that it backs off', async () => {
    const { job, supervisor, threads, run } = startRestarted({}, { maxThreads: 1 });
    supervisor.on((event) => {
      if (event.type === 'job.state' && event.state === 'backingOff') void job.stop();
    });
    await run();
    threads.last.lose(crash);
    expect(await job.outcome).toMatchObject({ outcome: 'stopped' });
    await turnOfTheLoop();
    expect(supervisor.submit(specOf('b')).inspect().state).toBe('starting');
  });

  it('stays paused when it starts, if it was paused while it backed off', async () => {
    const { job, threads, run, backOff, comeAgain } = startRestarted();
    await run();
    await backOff();
    await job.pause();
    expect(job.inspect().state).toBe('backingOff');
    comeAgain();
    await run();
    expect(job.inspect().state).toBe('paused');
    expect(threads.last.asked).toEqual(['pause']);
    await backOff(); // a crash does not end the pause either
    comeAgain();
    await run();
    expect(threads.last.asked).toEqual(['pause']);
    await job.resume();
    expect(job.inspect().state).toBe('running');
  });

  it('is not started again after a crash in the middle of a drain', async () => {
    const { job, threads, run } = startRestarted();
    await run();
    const drained = job.drain();
    await until(() => threads.last.asked.includes('drain'));
    threads.last.lose(crash);
    expect(await drained).toMatchObject({ outcome: 'failed', error: { code: 'THREAD_CRASHED' } });
  });

  it('counts a start that takes too long, and obeys a stop that comes while its thread is being ended', async () => {
    const { job, threads, clock } = startRestarted();
    const ended: WireError = { code: 'THREAD_STOPPED', message: 'ended', retryable: false };
    threads.last.begin();
    clock.advance(START_DEADLINE_MS);
    expect(threads.last.timesEnded).toBe(1);
    threads.last.lose(ended);
    await until(() => job.inspect().state === 'backingOff');
    expect(job.inspect().runs.at(-1)?.error).toMatchObject({ code: 'START_TIMED_OUT' });
    clock.advance(waitOf(job));
    threads.last.begin();
    clock.advance(START_DEADLINE_MS);
    const stopped = job.stop();
    threads.last.lose(ended);
    expect(await stopped).toMatchObject({ outcome: 'failed', error: { code: 'START_TIMED_OUT' } });
    expect(threads.runs).toHaveLength(2);
  });

  it('gives up a thread sooner if no run is to follow it', async () => {
    const { job, threads, clock } = startRestarted();
    threads.last.begin();
    clock.advance(START_DEADLINE_MS);
    clock.advance(9_999);
    expect(job.inspect().state).toBe('draining');
    const stopped = job.stop();
    clock.advance(1_000);
    expect(await stopped).toMatchObject({ outcome: 'failed', error: { code: 'START_TIMED_OUT' } });
    expect(threads.runs).toHaveLength(1);
  });

  it('starts no thread without end if none ever comes up', async () => {
    const { job, threads, clock } = startRestarted({ maxRestarts: 8 });
    const broken: WireError = { code: 'THREAD_CRASHED', message: 'no such module', retryable: true };
    for (let second = 0; second < 300 && job.inspect().state !== 'dead'; second++) {
      const { state } = job.inspect();
      if (state === 'starting') threads.last.lose(broken);
      await turnOfTheLoop();
      clock.advance(1_000);
    }
    expect(job.inspect().state).toBe('dead');
    expect(threads.runs).toHaveLength(9);
  });

  it('counts a start that was given up among the threads that do not come up, by the error of its run', async () => {
    const { supervisor, job, threads, clock } = startRestarted({
      maxRestarts: 100,
      backOffMs: 1,
      backOffMaxMs: 1,
    });
    for (let i = 0; i < 5; i++) {
      expect(threads.runs).toHaveLength(i + 1);
      clock.advance(START_DEADLINE_MS);
      threads.last.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
      await until(() => job.inspect().state === 'backingOff');
      await turnOfTheLoop();
      clock.advance(10);
    }
    expect([threads.runs.length, job.inspect().state]).toEqual([5, 'backingOff']);
    const { outcome } = supervisor.submit(specOf('b'));
    expect((await outcome).error?.message).toContain('The job did not start before its deadline');
  });

  it('reports how long its last run took, without the time in which it backed off', async () => {
    const { job, threads, clock, run } = startRestarted({ backOffMs: 86_400_000, backOffMaxMs: 86_400_000 });
    await run();
    clock.advance(5_000);
    threads.last.lose(crash);
    await until(() => job.inspect().state === 'backingOff');
    clock.advance(1_000);
    expect((await job.stop()).durationMs).toBe(5_000);
  });

  it('says that its thread did not go, and so no run follows, if a start was given up', async () => {
    const { job, threads, clock } = startRestarted();
    threads.last.begin();
    clock.advance(START_DEADLINE_MS);
    clock.advance(10_000);
    const { error } = await job.outcome;
    expect(error).toMatchObject({
      code: 'THREAD_LEFT_RUNNING',
      retryable: false,
      message: expect.stringMatching(/No other run follows.*did not start before its deadline/),
      causes: [expect.stringContaining('did not start before its deadline')],
    });
    expect(threads.runs).toHaveLength(1);
  });

  it('refuses a pause once its end was asked for while a start was given up', async () => {
    const { job, threads, clock } = startRestarted();
    threads.last.begin();
    clock.advance(START_DEADLINE_MS);
    const stopped = job.stop();
    await expect(job.pause()).rejects.toMatchObject({ code: 'JOB_STATE' });
    threads.last.lose(crash);
    await stopped;
  });

  it('spends no restart while threads cannot be started: a due job waits for the next try', async () => {
    const { supervisor, job, threads, clock } = startRestarted({
      backOffMs: 1,
      backOffMaxMs: 1,
      maxRestarts: 100,
    });
    const broken: WireError = { code: 'THREAD_CRASHED', message: 'no such module', retryable: true };
    let ms = 0;
    for (; ms < 30_000; ms += 100) {
      if (job.inspect().state === 'starting') threads.last.lose(broken);
      await turnOfTheLoop();
      clock.advance(100);
    }
    // Five at once, and then one each five seconds.
    expect(threads.runs.length).toBeGreaterThan(9);
    expect(threads.runs.length).toBeLessThan(13);
    expect(job.inspect().runs.at(-1)?.attempt).toBe(threads.runs.length);
    await Promise.all([job.stop(), supervisor.close()]);
  });

  it('backs off as well if no thread could be started when it left the queue, and keeps its place then', async () => {
    const { supervisor, threads, clock } = startSupervisor({ maxThreads: 1 });
    for (let i = 0; i < 5; i++) {
      const other = supervisor.submit(specOf('other'));
      threads.last.lose({ code: 'THREAD_CRASHED', message: 'no such module', retryable: true });
      await other.outcome;
      await turnOfTheLoop();
    }
    const job = supervisor.submit(specOf('a'), undefined, {
      restart: { ...onFailure, backOffMs: 6_000, backOffMaxMs: 6_000 },
    });
    expect(job.inspect()).toMatchObject({ state: 'backingOff', error: { code: 'THREAD_NOT_STARTED' } });
    const next = supervisor.submit(specOf('b'));
    expect(next.inspect().state).toBe('queued');
    clock.advance(6_000);
    expect([job.inspect().state, next.inspect().state]).not.toContain('failed');
  });

  it('is not started again beside a thread that could not be ended', async () => {
    const { job, threads, clock } = startRestarted(
      {},
      { isolation: 'thread' },
      {},
      { use: 'duck', loads: 'native' },
    );
    clock.advance(START_DEADLINE_MS);
    clock.advance(5_000);
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: 'THREAD_LEFT_RUNNING' } });
    expect(threads.runs).toHaveLength(1);
    expect(job.inspect().state).toBe('failed');
  });

  it('keeps its place while it backs off, and comes before the jobs in the queue', async () => {
    const { job, supervisor, threads, run, backOff, comeAgain } = startRestarted({}, { maxThreads: 1 });
    await run();
    const next = supervisor.submit(specOf('b'));
    await backOff();
    expect(next.inspect().state).toBe('queued');
    comeAgain();
    expect([job.inspect().state, next.inspect().state]).toEqual(['starting', 'queued']);
    await backOff();
    void job.stop();
    await until(() => next.inspect().state === 'starting');
    expect(threads.runs.map(({ task }) => task.spec.name)).toEqual(['a', 'a', 'b']);
  });

  it('waits for its turn if many threads are starting when its next run is due', async () => {
    const { job, supervisor, threads, clock, run, backOff } = startRestarted(
      {},
      {},
      { threadsStartingMax: 1 },
    );
    await run();
    await backOff();
    clock.advance(waitOf(job) - 1);
    supervisor.submit(specOf('b'));
    clock.advance(1);
    expect(job.inspect().state).toBe('backingOff');
    threads.of('b').begin();
    await until(() => job.inspect().state === 'starting');
  });

  it('keeps its files while it backs off, and gives them back when it ends there', async () => {
    const { supervisor, threads, job: other } = startRestarted();
    void other.stop();
    threads.last.lose(crash);
    const filesOf = async (name: string) => {
      const deadLetter = { path: join(tmpdir(), 'tickloom-none', 'a.jsonl'), maxRows: 1 };
      return (await findJobFiles({ name, source: undefined, sink: undefined, deadLetter }))!;
    };
    const job = supervisor.submit(specOf('w'), await filesOf('w'), { restart: onFailure });
    threads.last.lose(crash);
    await until(() => job.inspect().state === 'backingOff');
    const submit = async () => supervisor.submit(specOf('x'), await filesOf('x'));
    await expect(submit()).rejects.toThrow(/job "w" \(job-2, backingOff\)/);
    expect(() => supervisor.submit(specOf('w'))).toThrow(/"w" is backingOff/);
    await job.stop();
    expect((await submit()).inspect().state).toBe('starting');
  });

  it('ends with the runtime at once while it backs off', async () => {
    const { job, supervisor, run, backOff } = startRestarted();
    await run();
    await backOff();
    await supervisor.close();
    expect(await job.outcome).toMatchObject({ outcome: 'stopped' });
  });

  it('ends with the runtime before the producer that waits for it, while it backs off', async () => {
    const topics = new TopicRegistry();
    const { supervisor, threads, clock } = startSupervisor({}, { topics });
    const schema = { kind: 'custom', columns: [] } as const;
    const sink = { use: 'topic', options: { topic: 'ticks', schema } };
    const source = { use: 'topic', options: { topic: 'ticks' } };
    const producer = supervisor.submit(specOf('p', sink));
    const consumer = supervisor.submit({ ...specOf('c'), source }, undefined, { restart: onFailure });
    for (const run of threads.runs) run.answer();
    await until(() => producer.state === 'running' && consumer.state === 'running');
    threads.of('c').lose(crash);
    await until(() => consumer.state === 'backingOff');
    const closed = supervisor.close();
    expect(await consumer.outcome).toMatchObject({ outcome: 'stopped' });
    threads.of('p').finish(reportOf('completed'));
    await closed;
    expect(clock.timersArmed).toBe(0);
  });

  it('does not take what an earlier thread said for the words of the next one', async () => {
    const { job, threads, backOff, comeAgain } = startRestarted();
    const first = threads.last;
    await backOff();
    comeAgain();
    first.answer();
    first.counters.set('rowsIn', 99);
    for (let turn = 0; turn < 20; turn++) await turnOfTheLoop();
    expect(job.inspect()).toMatchObject({ state: 'starting', counters: { rowsIn: 0 } });
  });

  it('waits no longer than before the first restart after runs that were stable, and longer after others', async () => {
    const longest = async (after: (rig: ReturnType<typeof startRestarted>) => void, claims = false) => {
      const rig = startRestarted({ maxRestarts: 1_000, stableAfterMs: 10_000 });
      const waits: number[] = [];
      for (let round = 0; round < 30; round++) {
        const { threads, clock, job } = rig;
        if (claims) threads.last.claim(round + 1, 500);
        await rig.run();
        threads.last.counters.set('firstOutAtNs', clock.now());
        threads.last.counters.set('lastOutAtNs', clock.now());
        after(rig);
        await rig.backOff();
        waits.push(waitOf(job));
        rig.comeAgain();
      }
      return Math.max(...waits);
    };
    const deliver = (rowsOut: number, ms: number) => (rig: ReturnType<typeof startRestarted>) => {
      rig.threads.last.counters.set('rowsOut', rowsOut);
      rig.clock.advance(ms);
      rig.threads.last.counters.set('lastOutAtNs', rig.clock.now());
    };
    const fallSilent = (rig: ReturnType<typeof startRestarted>) => {
      deliver(1, 1_000)(rig);
      rig.clock.advance(60_000);
    };
    expect(await longest(fallSilent)).toBeGreaterThan(2_000);
    expect(await longest(deliver(1, 10_000))).toBeLessThanOrEqual(1_000);
    expect(await longest(deliver(501, 10_000), true)).toBeLessThanOrEqual(1_000);
    // Too short, without a row, and without one more than the checkpoint had.
    expect(await longest(deliver(1, 9_999))).toBeGreaterThan(2_000);
    expect(await longest(deliver(0, 60_000))).toBeGreaterThan(2_000);
    expect(await longest(deliver(500, 60_000), true)).toBeGreaterThan(2_000);
  });

  it('has the epoch of each run that claimed its checkpoint, also of one that crashed at once', async () => {
    const { job, threads, run, backOff, comeAgain } = startRestarted();
    threads.last.claim(4);
    threads.last.lose(crash);
    await until(() => job.inspect().state === 'backingOff');
    comeAgain();
    threads.last.claim(5);
    await run();
    expect(job.inspect().runs.map(({ epoch }) => epoch)).toEqual([4, 5]);
    await backOff();
    comeAgain();
    expect(job.inspect().runs.at(-1)?.epoch).toBeUndefined();
  });

  it('tells its thread which start it follows, unless a run has completed since', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const checkpoints = { path: 'checkpoints', everyMs: 10_000 };
    const restart = { ...onFailure, policy: 'always', maxRestarts: 10 } as const;
    const job = supervisor.submit(specOf('a'), undefined, { restart, checkpoints });
    const follows: (number | undefined)[] = [];
    const next = async (end: () => void) => {
      follows.push(threads.last.task.checkpoints?.followsEpoch);
      const { attempt } = job.inspect().runs.at(-1)!;
      end();
      await until(() => job.inspect().state === 'backingOff');
      clock.advance(waitOf(job));
      expect(job.inspect().runs.at(-1)?.attempt).toBe(attempt + 1);
    };
    const lose = () => threads.last.lose(crash);
    await next(() => {
      threads.last.claim(4);
      lose();
    });
    await next(lose); // before it has claimed
    await next(() => threads.last.finish(reportOf('completed')));
    await next(lose);
    follows.push(threads.last.task.checkpoints?.followsEpoch);
    expect(follows).toEqual([undefined, 4, 4, undefined, undefined]);
  });

  it('tells its thread where the checkpoints are, and that another run may follow', () => {
    const { supervisor, threads } = startSupervisor();
    const checkpoints = { path: 'checkpoints', everyMs: 10_000 };
    supervisor.submit(specOf('a'), undefined, { restart: onFailure, checkpoints });
    expect(threads.last.task).toMatchObject({ checkpoints, restarts: 'on-failure' });
    supervisor.submit(specOf('b'));
    expect(threads.last.task.checkpoints ?? threads.last.task.restarts).toBeUndefined();
  });

  it('writes into the log that a run ended and another one follows, and that it is dead', async () => {
    const lines: object[] = [];
    const logger = (bindings: object): Logger => ({
      ...silentLogger,
      warn: (fields, text) => lines.push({ level: 'warn', ...bindings, ...fields, text }),
      error: (fields, text) => lines.push({ level: 'error', ...bindings, ...fields, text }),
      child: (more) => logger({ ...bindings, ...more }),
    });
    const { job, threads, backOff, comeAgain } = startRestarted({ maxRestarts: 1 }, {}, { log: logger({}) });
    await backOff();
    comeAgain();
    threads.last.lose(crash);
    await job.outcome;
    expect(lines).toMatchObject([
      {
        level: 'warn',
        job: 'a',
        state: 'backingOff',
        reason: 'boom',
        err: crash,
        nextStartAtMs: expect.any(Number),
      },
      { level: 'error', job: 'a', state: 'dead', reason: expect.stringContaining('boom') },
    ]);
  });

  it('runs again after it has completed if it says always, and no oftener than it may', async () => {
    const { job, threads, run, comeAgain } = startRestarted({ policy: 'always', maxRestarts: 2 });
    for (let i = 0; i < 2; i++) {
      await run();
      threads.last.finish(reportOf('completed'));
      await until(() => job.inspect().state === 'backingOff');
      comeAgain();
    }
    await run();
    threads.last.finish(reportOf('completed'));
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'RESTARTS_SPENT', message: expect.stringContaining('its last run completed') },
    });
  });
});
