import { tmpdir } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRuntime, type Logger, resolveSpec } from '../../dist/src/index.js';
import { VirtualClock } from '../../dist/src/testing/testing.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import {
  countThreads,
  discard,
  endless,
  moduleOperator,
  rows,
  startRuntime,
  until,
} from './threads-support.js';

describe('a runtime with real threads', () => {
  it('runs two jobs side by side, each in a thread of its own', async () => {
    const threads = countThreads();
    const runtime = await startRuntime();
    const jobs = await Promise.all([
      runtime.submit({ name: 'a', source: rows(100_000), sink: discard }),
      runtime.submit({ name: 'b', source: rows(50_000), sink: discard }),
    ]);
    const reports = await Promise.all(jobs.map(({ outcome }) => outcome));
    expect(reports.map(({ name, outcome, reason }) => [name, outcome, reason])).toEqual([
      ['a', 'completed', 'end of input'],
      ['b', 'completed', 'end of input'],
    ]);
    expect(
      reports.map(({ counters, rowsPending }) => [counters.rowsIn, counters.rowsOut, rowsPending]),
    ).toEqual([
      [100_000, 100_000, 0],
      [50_000, 50_000, 0],
    ]);
    expect(threads.started).toBe(2);
    expect(jobs[0]!.inspect().firstRowMs).toBeGreaterThan(0);
    expect(jobs[0]!.inspect().history.at(-1)).toMatchObject({ state: 'completed' });
  });

  it('refuses a spec that is wrong before it starts a thread', async () => {
    const threads = countThreads();
    const runtime = await startRuntime();
    // @ts-expect-error -- a number is no name
    await expect(runtime.submit({ name: 7, source: endless, sink: discard })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
    });
    expect([runtime.list(), threads.started]).toEqual([[], 0]);
  });

  it('starts a job once the one that it depends on has completed, and refuses terms that are wrong', async () => {
    const runtime = await startRuntime({ limits: { jobsByTenant: { desk: 1 } } });
    const report = await runtime.submit(
      { name: 'report', source: rows(10), sink: discard },
      { dependsOn: [{ job: 'load' }], tenant: 'desk', priority: 3 },
    );
    expect(report.inspect()).toMatchObject({ state: 'queued', waitsFor: [{ for: 'job', job: 'load' }] });
    const load = await runtime.submit({ name: 'load', source: rows(10), sink: discard }, { tenant: 'desk' });
    await report.outcome;
    const enteredAtMs = (job: typeof load, state: string) =>
      job.inspect().history.find((step) => step.state === state)!.atMs;
    expect(enteredAtMs(load, 'completed')).toBeLessThanOrEqual(enteredAtMs(report, 'starting'));
    await expect(
      runtime.submit(
        { name: 'other', source: rows(1), sink: discard },
        { priority: 11, dependsOn: [{ job: '' }] },
      ),
    ).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/submit.priority: .*-10 to 10.*submit.dependsOn\[0\].job: /s),
    });
    await runtime.delete('load');
    expect(runtime.list().map(({ name }) => name)).toEqual(['report']);
  });

  it('runs a job at each instant of a schedule, until it closes', async () => {
    const clock = new VirtualClock();
    const runtime = await startRuntime({ clock });
    const spec = { name: 'report', source: rows(10), sink: discard } as const;
    const schedule = await runtime.schedule(
      spec,
      { use: 'cron', pattern: '*/5 * * * *' },
      { tenant: 'desk' },
    );
    for (const ran of [1, 2]) {
      await clock.advance(schedule.inspect().nextMs! - Number(clock.wall() / 1_000_000n));
      await until(() => schedule.inspect().submitted === ran);
      const job = runtime.get(schedule.inspect().job!);
      expect(await job.outcome).toMatchObject({ name: 'report', outcome: 'completed' });
      expect(job.inspect().tenant).toBe('desk');
    }
    await expect(runtime.schedule(spec, { use: 'interval', everyMs: 1_000 })).rejects.toMatchObject({
      code: 'JOB_NAME_TAKEN',
    });
    await expect(
      runtime.schedule({ ...spec, name: 'other' }, { use: 'cron', pattern: '0 0 31 2 *' }),
    ).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/pattern: .*some date/),
    });
    expect(runtime.schedules()).toMatchObject([{ name: 'report', submitted: 2, skipped: 0, refused: 0 }]);
    await runtime.close();
    expect(runtime.schedules()).toEqual([]);
  });

  it('refuses settings with all that is wrong with them', async () => {
    await expect(createRuntime({ maxThreads: 0, warmThreads: 1.5, maxHeapMb: 1 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/maxThreads: expected 1 .*found 0.*warmThreads: .*maxHeapMb: /s),
    });
  });

  it('answers each wrong argument of its calls and of those of a job with an error that has a code', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'endless', source: endless, sink: discard });
    const calls: Readonly<Record<string, (wrong: never) => unknown>> = {
      submit: (wrong) => runtime.submit(wrong),
      submitResolved: (wrong) => runtime.submitResolved(wrong),
      'submitResolved of a part': (wrong) => runtime.submitResolved({ name: 'a', source: wrong } as never),
      get: (wrong) => runtime.get(wrong),
      on: (wrong) => runtime.on(wrong),
      close: (wrong) => runtime.close(wrong),
      'close by a deadline': (wrong) => runtime.close({ deadlineMs: wrong ?? Number.NaN }),
      drain: (wrong) => job.drain(wrong),
      'drain by a deadline': (wrong) => job.drain({ deadlineMs: wrong ?? Number.NaN }),
    };
    for (const [name, call] of Object.entries(calls)) {
      for (const wrong of [null, -1, 'text', true, [null], Symbol('wrong')]) {
        const thrown = await Promise.resolve()
          .then(() => call(wrong as never))
          .catch((error: unknown) => error);
        expect([name, wrong, thrown]).toEqual([
          name,
          wrong,
          expect.objectContaining({ code: expect.any(String) }),
        ]);
      }
    }
    expect(job.inspect().state).not.toBe('draining');
  });

  it('fails the job alone whose columns pass its limit, and says who holds them', async () => {
    const runtime = await startRuntime();
    const holder = moduleOperator('share.resize(share.bytes + 2_097_152); emit(batch);', {
      create: 'const share = context.memory.share("order book");',
    });
    const [greedy, other] = await Promise.all([
      runtime.submit({ name: 'a', source: endless, operators: [holder], sink: discard, maxMemoryMb: 16 }),
      runtime.submit({ name: 'b', source: rows(50_000), sink: discard, maxMemoryMb: 16 }),
    ]);
    expect(await greedy.outcome).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'MEMORY_EXHAUSTED',
        message: expect.stringMatching(
          /the 16 MB .*in use: order book 14.*; requested: 2\.0 MB for order book/,
        ),
      },
    });
    const report = await other.outcome;
    expect(report.outcome).toBe('completed');
    expect(report.columnBytesPeak).toBeGreaterThan(0);
  });

  it('refuses a logger that lacks a method, before a job finds out', async () => {
    // @ts-expect-error -- a console has no `child`
    await expect(createRuntime({ logger: console })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(
        'logger: expected the methods of a Pino logger, found none named child',
      ),
    });
  });

  it("gives a user's module the very classes that the thread itself works with", async () => {
    const runtime = await startRuntime();
    const packageUrl = new URL('../../dist/src/index.js', import.meta.url).href;
    const throwing = moduleOperator(
      `if (!(batch instanceof Batch)) throw new Error('two copies of Batch');
      throw new PipelineError('INPUT_MISSING', 'told by the module');`,
      { top: `import { Batch, PipelineError } from ${JSON.stringify(packageUrl)};` },
    );
    const job = await runtime.submit({
      name: 'a',
      source: rows(10),
      operators: [throwing],
      sink: discard,
    });
    // An error of another copy's class would arrive as OPERATOR_FAILED.
    const { error, stages } = await job.outcome;
    expect(error).toMatchObject({
      code: 'INPUT_MISSING',
      message: 'told by the module',
      stage: 'operators[0]',
    });
    expect(stages.map(({ health }) => health.status)).toEqual(['ok', 'failed', 'ok', 'ok']);
  });

  it('does not use a thread again in which a job left a timer behind', async () => {
    const runtime = await startRuntime();
    const leaving = moduleOperator('emit(batch);', { create: 'setInterval(() => {}, 1_000);' });
    const spec = await resolveSpec(
      { name: 'a', source: rows(10), operators: [leaving], sink: discard },
      { moduleFolders: [tmpdir()] },
    );
    // Taken for one of ours: that of a user is not used again in any case.
    const operators = spec.operators.map(({ use, options, file }) => ({
      use,
      options,
      ...(file && { file }),
    }));
    const threads = countThreads();
    for (let i = 0; i < 2; i++) {
      const job = await runtime.submitResolved({ ...spec, operators });
      expect((await job.outcome).outcome).toBe('completed');
    }
    expect(threads.started).toBe(2);
  });

  it('uses a thread again for the next job', async () => {
    const threads = countThreads();
    const runtime = await startRuntime();
    for (let i = 0; i < 20; i++) {
      const job = await runtime.submit({ name: 'quick', source: rows(1_000), sink: discard });
      expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: 1_000 } });
    }
    expect(threads.started).toBe(1);
    expect(runtime.list()).toHaveLength(20);
  });

  it('starts no more threads than it may, and runs all jobs all the same', async () => {
    const threads = countThreads();
    const runtime = await startRuntime({ maxThreads: 2 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const jobs = await Promise.all(
      names.map((name) => runtime.submit({ name, source: rows(1_000), sink: discard })),
    );
    const reports = await Promise.all(jobs.map(({ outcome }) => outcome));
    expect(reports.map(({ outcome }) => outcome)).toEqual(names.map(() => 'completed'));
    expect(threads.started).toBe(2);
  });

  it('has its warm threads ready before the first job', async () => {
    const threads = countThreads();
    const runtime = await startRuntime({ warmThreads: 2 });
    expect(threads.started).toBe(2);
    const job = await runtime.submit({ name: 'a', source: rows(1_000), sink: discard });
    await job.outcome;
    expect(threads.started).toBe(3); // the one that is kept ready in place of the job's
  });

  it('leaves no thread behind that was getting warm when it closed', async () => {
    const alive = new Set<Worker>();
    const add = (worker: Worker) => {
      alive.add(worker);
      worker.once('exit', () => alive.delete(worker));
    };
    process.on('worker', add);
    onTestFinished(() => {
      process.off('worker', add);
    });
    const runtime = await startRuntime({ warmThreads: 1 });
    // Its thread is not used again, so that a new one is warmed up as it ends.
    const spec = { name: 'a', source: rows(10), operators: [moduleOperator('emit(batch);')], sink: discard };
    await (await runtime.submit(spec)).outcome;
    await runtime.close();
    expect(alive.size).toBe(0);
  });

  it('keeps no state of a module from one job to the next', async () => {
    const runtime = await startRuntime();
    const once = moduleOperator('emit(batch);', {
      top: 'let jobs = 0;',
      create: 'if (++jobs > 1) throw new Error("not the first job here");',
    });
    for (let i = 0; i < 3; i++) {
      const job = await runtime.submit({ name: 'a', source: rows(10), operators: [once], sink: discard });
      expect(await job.outcome).toMatchObject({ outcome: 'completed' });
    }
  });

  it('stops reading while a job is paused, and goes on when it is resumed', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'a', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsIn > 0);
    await job.pause();
    // The batch that was on its way when the pause was answered may still be counted.
    for (let i = 0; i < 5; i++) await job.describe();
    const { rowsIn } = job.inspect().counters;
    for (let i = 0; i < 50; i++) await job.describe(); // the thread's loop turns meanwhile
    expect(job.inspect().counters.rowsIn).toBe(rowsIn);
    expect(job.inspect().state).toBe('paused');
    await job.resume();
    await until(() => job.inspect().counters.rowsIn > rowsIn);
    expect((await job.stop()).outcome).toBe('stopped');
  });

  it('delivers all that was read when an endless job is drained', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'a', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsIn > 0);
    const report = await job.drain();
    expect(report).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(report.counters.rowsOut).toBe(report.counters.rowsIn);
  });

  it('drains out of a pause', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'a', source: endless, sink: discard });
    await job.pause();
    expect(await job.drain()).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
  });

  it('stops a job that is only starting', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'a', source: endless, sink: discard });
    expect(job.inspect().state).toBe('starting');
    expect(await job.stop()).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    const next = await runtime.submit({ name: 'a', source: rows(10), sink: discard });
    expect((await next.outcome).outcome).toBe('completed');
  });

  it('drains what runs when it closes, and takes no job afterwards', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit({ name: 'a', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsIn > 0);
    await Promise.all([runtime.close(), runtime.close()]);
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    await expect(runtime.submit({ name: 'b', source: rows(1), sink: discard })).rejects.toMatchObject({
      code: 'RUNTIME_CLOSED',
    });
    await expect(runtime.warm()).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  });

  it('writes the lines of all threads to one logger, with job and thread', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = (bindings: object): Logger => ({
      ...silentLogger,
      warn: (fields, text) => lines.push({ ...bindings, ...fields, text }),
      child: (more) => logger({ ...bindings, ...more }),
    });
    const runtime = await startRuntime({ logger: logger({}) });
    const telling = moduleOperator('emit(batch);', {
      create: 'context.log.warn({ symbols: 3, callback: () => {} }, "told");',
    });
    const specs = ['a', 'b'].map((name) => ({ name, source: rows(10), operators: [telling], sink: discard }));
    const jobs = await Promise.all(specs.map((spec) => runtime.submit(spec)));
    await Promise.all(jobs.map(({ outcome }) => outcome));
    const told = lines
      .filter(({ text }) => text === 'told')
      .sort((x, y) => (String(x.job) < String(y.job) ? -1 : 1));
    expect(told).toMatchObject([
      { job: 'a', thread: expect.any(Number), symbols: 3, callback: expect.any(String) },
      { job: 'b', thread: expect.any(Number), symbols: 3 },
    ]);
    expect(told[0]!.thread).not.toBe(told[1]!.thread);
  });
});
