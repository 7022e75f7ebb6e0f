import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { ThreadPool } from '../../src/hosts/thread-pool.js';
import type { JobReport } from '../../src/supervision/job.js';
import { Supervisor } from '../../src/supervision/supervisor.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { firstComeFirstServed } from '../supervision/first-come-first-served.js';
import { countThreads, discard, endless, moduleOperator, startRuntime, until } from './threads-support.js';

/** Runs a job that loses its thread beside one that must not notice. */
async function loseBesideAnother(process: string, options = {}): Promise<JobReport> {
  const runtime = await startRuntime(options);
  const bystander = await runtime.submit({ name: 'bystander', source: endless, sink: discard });
  await until(() => bystander.inspect().counters.rowsIn > 0);
  const job = await runtime.submit({
    name: 'doomed',
    source: endless,
    operators: [moduleOperator(process)],
    sink: discard,
  });
  const report = await job.outcome;

  const { rowsIn } = bystander.inspect().counters;
  await until(() => bystander.inspect().counters.rowsIn > rowsIn);
  expect(await bystander.drain()).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  expect(job.inspect()).toMatchObject({ state: 'failed', error: report.error });
  expect(job.inspect().history.filter(({ state }) => state === 'failed')).toHaveLength(1);
  return report;
}

describe('a thread that is lost', () => {
  it('fails its job alone, after an exception that nobody caught', async () => {
    const report = await loseBesideAnother(`
      emit(batch);
      setTimeout(() => { throw new TypeError('thrown by a timer'); });
    `);
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'THREAD_CRASHED', message: expect.stringContaining('thrown by a timer') },
    });
    expect(report.error?.stack).toContain('operator.mjs');
    expect(report.counters.rowsIn).toBeGreaterThan(0);
  });

  it('fails its job alone, after a rejection that nobody handled', async () => {
    const report = await loseBesideAnother(`
      emit(batch);
      void Promise.reject(new RangeError('rejected unseen'));
    `);
    expect(report.error).toMatchObject({
      code: 'THREAD_CRASHED',
      message: expect.stringContaining('rejected unseen'),
    });
  });

  it('fails its job alone, after an overflow of its heap', async () => {
    const report = await loseBesideAnother(
      `
      const hoard = [];
      for (;;) hoard.push(new Array(10_000).fill(0).map((_, i) => ({ i })));
    `,
      { maxHeapMb: 32 },
    );
    expect(report.error).toMatchObject({
      code: 'THREAD_OUT_OF_MEMORY',
      message: expect.stringContaining('32 MB'),
    });
  });

  it('fails its job alone, after process.exit', async () => {
    const report = await loseBesideAnother('process.exit(3);');
    expect(report.error).toMatchObject({
      code: 'THREAD_EXITED',
      message: expect.stringContaining('code 3'),
    });
  });
});

describe('the counts of a thread that is lost', () => {
  it('add up to the row, though it ends right behind what was flushed', async () => {
    const runtime = await startRuntime();
    const isLast = `batch.controls.some(({ record }) => record.type === 'end')`;
    const job = await runtime.submit({
      name: 'flushed',
      source: { use: 'synthetic', rows: 20_000, symbols: 7 },
      operators: [
        { use: 'filter', where: 'bidSize > 10' },
        { use: 'bars', every: '1s', price: 'bid' },
        moduleOperator(`if (${isLast}) process.exit(3); emit(batch);`),
      ],
      batcher: { maxRows: 3 },
      sink: discard,
    });
    const report = await job.outcome;
    expect(report.error).toMatchObject({ code: 'THREAD_EXITED' });
    const { rowsIn, rowsOut, rowsDerived, rowsFolded, rowsFiltered } = report.counters;
    expect(rowsIn).toBe(20_000);
    expect(rowsOut).toBeGreaterThan(100);
    expect(rowsIn).toBe(rowsFolded + rowsFiltered);
    expect(report.rowsPending).toBe(rowsDerived - rowsOut);
    expect(report.rowsPending).toBeLessThan(3); // what stood open in the batcher
  });
});

describe('a job that does not start', () => {
  it.each([
    ['never ends', 'open: () => new Promise(() => {}),'],
    ['blocks its thread', 'open() { for (;;); },'],
  ])('is ended with the stage to blame when its open %s', async (_, open) => {
    const runtime = await startRuntime({ startDeadlineMs: 1_000 });
    const folder = await mkdtemp(join(tmpdir(), 'tickloom-'));
    const path = join(folder, 'operator.mjs');
    writeFileSync(
      path,
      `export default { plan: (_, input) => input, create: (_, output) => ({ output, ${open} process() {} }) };`,
    );
    const operators = [
      { use: 'filter', where: 'bid > 0' },
      { use: 'module', path },
    ] as const;
    const job = await runtime.submit({ name: 'hung', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'START_TIMED_OUT', message: expect.stringContaining('operators[1] ("module")') },
    });
    await rm(folder, { recursive: true });
  });

  it('is ended when a module does not finish loading in its thread', async () => {
    const runtime = await startRuntime({ startDeadlineMs: 1_000 });
    const hanging = moduleOperator('emit(batch);', {
      // The first time, it is loaded to be checked.
      top: `import { existsSync, writeFileSync } from 'node:fs';
        const seen = import.meta.filename + '.seen';
        if (existsSync(seen)) await new Promise(() => {});
        writeFileSync(seen, '');`,
    });
    const spec = { name: 'hung', source: endless, operators: [hanging], sink: discard };
    const report = await (await runtime.submit(spec)).outcome;
    expect(report.error).toMatchObject({
      code: 'START_TIMED_OUT',
      message: expect.stringContaining('modules were still loading'),
    });
  });
});

describe('a thread that is blocked', () => {
  const blocking = 'if (batch.length) emit(batch); for (;;) {}';

  async function startBlocked() {
    const runtime = await startRuntime();
    const job = await runtime.submit({
      name: 'blocked',
      source: endless,
      operators: [moduleOperator(blocking)],
      sink: discard,
    });
    await until(() => job.inspect().counters.rowsIn > 0);
    return job;
  }

  it('is ended by a stop, and what it had read and not delivered is told', async () => {
    const job = await startBlocked();
    const began = performance.now();
    const report = await job.stop();
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(report).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(report).not.toHaveProperty('error');
    expect(report.counters.rowsIn).toBeGreaterThan(0);
    expect(report.rowsPending).toBe(report.counters.rowsIn);
  });

  it('is ended by the deadline of a drain', async () => {
    const job = await startBlocked();
    const report = await job.drain({ deadlineMs: 100 });
    expect(report).toMatchObject({ outcome: 'stopped', error: { code: 'DRAIN_TIMED_OUT' } });
    expect(report.rowsPending).toBe(report.counters.rowsIn);
    expect(
      job
        .inspect()
        .history.map(({ state }) => state)
        .slice(-2),
    ).toEqual(['draining', 'stopped']);
  });

  it('shows by its heartbeat, while calls to it go unanswered', async () => {
    const job = await startBlocked();
    const described = job.describe();
    await until(() => (job.inspect().heartbeatAgeMs ?? 0) > 500);
    expect((await job.stop()).outcome).toBe('stopped');
    expect(await described).toEqual([]);
  });
});

describe('threads with a broken entry', () => {
  const spec: ResolvedSpec = {
    name: 'a',
    source: { use: 'synthetic', options: {} },
    operators: [],
    batcher: { use: 'smart', options: {} },
    sink: { use: 'null', options: {} },
    batchRows: 8,
    maxMemoryMb: 64,
    seed: 0,
  };

  async function superviseWith(entry: string) {
    const file = join(await mkdtemp(join(tmpdir(), 'tickloom-')), 'entry.mjs');
    writeFileSync(file, entry);
    const pool = new ThreadPool(
      { maxThreads: 4, idleThreadMs: 1_000, warmThreads: 0, maxHeapMb: 64 },
      { file },
    );
    const settings = { maxThreads: 4, startDeadlineMs: 500, drainDeadlineMs: 500, stopGraceMs: 500 };
    return {
      pool,
      supervisor: new Supervisor({
        clock: systemClock,
        threads: pool,
        log: silentLogger,
        settings,
        queue: firstComeFirstServed(),
      }),
    };
  }

  it('fail each job with the reason, hang none, and are not started for ever', async () => {
    const threads = countThreads();
    const { pool, supervisor } = await superviseWith('throw new Error("broken on load");');
    for (let i = 0; i < 12; i++) {
      const { error, outcome } = await supervisor.submit({ ...spec, name: `job${i}` }).outcome;
      expect(outcome).toBe('failed');
      expect(error?.message).toContain('broken on load');
      expect(error?.code).toBe(i < 5 ? 'THREAD_CRASHED' : 'THREAD_NOT_STARTED');
    }
    expect(threads.started).toBe(5);
    await pool.close();
    expect(pool.size).toBe(0);
  });

  it('fail a job whose thread never answers, once the time for a start is over', async () => {
    const { pool, supervisor } = await superviseWith('export default () => new Promise(() => {});');
    const { outcome, error } = await supervisor.submit(spec).outcome;
    expect([outcome, error?.code]).toEqual(['failed', 'START_TIMED_OUT']);
    await pool.close();
  });

  it('leave none behind when not all can be warmed up', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tickloom-'));
    const file = join(folder, 'entry.mjs');
    // One of two makes the folder, and comes to life.
    const taken = JSON.stringify(join(folder, 'taken'));
    writeFileSync(file, `import fs from 'node:fs'; fs.mkdirSync(${taken}); export function warm() {}`);
    const pool = new ThreadPool(
      { maxThreads: 4, idleThreadMs: 1_000, warmThreads: 2, maxHeapMb: 64 },
      { file },
    );
    await expect(pool.warm()).rejects.toMatchObject({ code: 'THREAD_CRASHED' });
    expect(pool.size).toBe(0);
    await rm(folder, { recursive: true });
  });

  it('fail a job whose thread exits while it loads', async () => {
    const { pool, supervisor } = await superviseWith('process.exit(7);');
    expect((await supervisor.submit(spec).outcome).error).toMatchObject({ code: 'THREAD_EXITED' });
    await pool.close();
  });

  it('are refused before there is a pool when the entry is missing', () => {
    const settings = { maxThreads: 4, idleThreadMs: 0, warmThreads: 0, maxHeapMb: 64 };
    expect(() => new ThreadPool(settings, { file: '/nowhere/entry.js' })).toThrow(
      /\/nowhere\/entry\.js, found no file/,
    );
  });
});
