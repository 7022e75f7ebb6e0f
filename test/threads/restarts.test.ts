import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline } from '../../dist/src/index.js';
import type { JobState } from '../../src/supervision/job.js';
import { countThreads, discard, moduleOperator, rows, startRuntime, until } from './threads-support.js';

const ROWS = 120_000;
/** Rows with which a start that is to be killed has come far enough for some checkpoints. */
const KILL_AFTER_ROWS = 20_000;
/** At a rate, so that checkpoints have a chance to be taken between two kills. */
const source = { use: 'synthetic', rows: ROWS, symbols: 7, rate: 200_000 } as const;
const operators = [{ use: 'derive', columns: { mid: '(bid + ask) / 2' } }] as const;
const sinkIn = (folder: string) =>
  ({ use: 'jsonl', path: join(folder, 'out'), rotate: { rows: 10_000 } }) as const;

/** Restarts that come at once, so that tests need not wait. */
const atOnce = { policy: 'on-failure', backOff: '1ms', backOffMax: '1ms' } as const;

const EXIT = 'process.exit(3);';
const THROW = `setTimeout(() => { throw new TypeError('thrown by a timer'); });`;
const OVERFLOW = 'const hoard = []; for (;;) hoard.push(new Array(10_000).fill(0).map((_, i) => ({ i })));';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-restarts-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** All lines of the parts in a directory, in the order of their rows. */
const linesIn = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');

/** The lines of a run that nobody disturbs. */
async function undisturbed(): Promise<string[]> {
  const folder = temporaryFolder();
  const spec = {
    name: 'x',
    source: { ...source, rate: undefined },
    operators: [...operators],
    sink: sinkIn(folder),
  };
  expect(await createPipeline(spec).run()).toMatchObject({ outcome: 'completed' });
  return linesIn(join(folder, 'out'));
}

/** An operator that ends its thread in one way after the other, and then lets all rows pass. */
function killer(folder: string, ways: readonly string[]) {
  const log = join(folder, 'kills');
  writeFileSync(log, '');
  const path = JSON.stringify(log);
  return moduleOperator(
    `seen += batch.length;
     emit(batch);
     if (isKilling || seen < ${KILL_AFTER_ROWS}) return;
     const kills = readFileSync(${path}, 'utf8').length;
     if (kills >= ${ways.length}) return;
     isKilling = true;
     writeFileSync(${path}, 'x'.repeat(kills + 1));
     switch (kills) { ${ways.map((way, i) => `case ${i}: { ${way} } break;`).join('\n')} }`,
    {
      top: `import { readFileSync, writeFileSync } from 'node:fs';`,
      create: 'let seen = 0, isKilling = false;',
    },
  );
}

describe('a job whose thread is killed again and again', () => {
  it('goes on from its checkpoints, and its files are those of a run that nobody disturbed', async () => {
    const folder = temporaryFolder();
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const runtime = await startRuntime({ checkpoints, maxHeapMb: 48 });
    const ways = [EXIT, THROW, OVERFLOW, EXIT];
    const states: JobState[] = [];
    runtime.on((event) => void (event.type === 'job.state' && states.push(event.state)));
    const job = await runtime.submit(
      { name: 'killed', source, operators: [...operators, killer(folder, ways)], sink: sinkIn(folder) },
      { restart: atOnce },
    );
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: ROWS, rowsOut: ROWS } });
    expect(report.runs.map(({ attempt, epoch, error }) => [attempt, epoch, error?.code])).toEqual([
      [1, 1, 'THREAD_EXITED'],
      [2, 2, 'THREAD_CRASHED'],
      [3, 3, 'THREAD_OUT_OF_MEMORY'],
      [4, 4, 'THREAD_EXITED'],
      [5, 5, undefined],
    ]);
    expect(states.filter((state) => state === 'backingOff')).toHaveLength(4);
    expect(job.inspect().history.map(({ state }) => state)).toEqual(states);
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  }, 120_000);

  it('is dead with its history once its restarts are spent', async () => {
    const runtime = await startRuntime();
    const threads = countThreads();
    const job = await runtime.submit(
      { name: 'doomed', source: rows(100_000), operators: [moduleOperator(EXIT)], sink: discard },
      { restart: { ...atOnce, maxRestarts: 3 } },
    );
    const report = await job.outcome;
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'RESTARTS_SPENT', message: expect.stringContaining('[THREAD_EXITED]') },
    });
    expect(job.inspect().state).toBe('dead');
    expect(report.runs.map(({ outcome, error }) => [outcome, error?.code])).toEqual(
      Array(4).fill(['failed', 'THREAD_EXITED']),
    );
    const { history } = job.inspect();
    expect(history.filter(({ state }) => state === 'backingOff')).toHaveLength(3);
    expect(history.at(-1)).toMatchObject({ state: 'dead', reason: report.error?.message });
    expect(threads.started).toBeLessThanOrEqual(4 + 1); // and the one that planned the module
  });

  it('starts no thread without end for a module that ends its thread as it is loaded', async () => {
    const runtime = await startRuntime();
    const folder = temporaryFolder();
    const planned = JSON.stringify(join(folder, 'planned'));
    const once = moduleOperator('emit(batch);', {
      top: `import { existsSync, writeFileSync } from 'node:fs';
        if (existsSync(${planned})) process.exit(7);
        writeFileSync(${planned}, '');`,
    });
    const threads = countThreads();
    const job = await runtime.submit(
      { name: 'broken', source: rows(10), operators: [once], sink: discard },
      { restart: { ...atOnce, maxRestarts: 3 } },
    );
    expect((await job.outcome).error?.code).toBe('RESTARTS_SPENT');
    expect(threads.started).toBeLessThanOrEqual(4 + 1);
  });

  it('is not started again for a bug in an operator, which would come back', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit(
      {
        name: 'bug',
        source: rows(10),
        operators: [moduleOperator(`throw new Error('a bug');`)],
        sink: discard,
      },
      { restart: atOnce },
    );
    expect(await job.outcome).toMatchObject({ error: { code: 'OPERATOR_FAILED' }, runs: [{ attempt: 1 }] });
    expect(job.inspect().state).toBe('failed');
  });
});

describe('a job that is started again without a checkpoint store', () => {
  it('begins anew, and replaces what it had written', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime();
    const sink = { ...sinkIn(folder), ifExists: 'replace' } as const;
    const job = await runtime.submit(
      { name: 'anew', source, operators: [...operators, killer(folder, [EXIT, THROW])], sink },
      { restart: atOnce },
    );
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsOut: ROWS } });
    expect(report.runs.map(({ epoch }) => epoch)).toEqual([undefined, undefined, undefined]);
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  }, 60_000);

  it('is refused before it writes anything if its sink would have rows twice', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime();
    const path = join(folder, 'out');
    const job = await runtime.submit(
      { name: 'twice', source: rows(10), sink: { use: 'csv', path, ifExists: 'append' } },
      { restart: atOnce },
    );
    const report = await job.outcome;
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'SPEC_INVALID' },
      runs: [{ attempt: 1 }],
    });
    expect(report.error?.message).toMatch(/sink: expected .*"csv".*restart policy and no checkpoint store/);
    expect(existsSync(path)).toBe(false);
  });
});

describe('a job that is started again after it has completed', () => {
  it('is refused before it writes anything if its sink would have all rows again, with checkpoints, too', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
    const path = join(folder, 'out');
    const always = { restart: { ...atOnce, policy: 'always', maxRestarts: 2 } } as const;
    for (const ifExists of ['append', 'error'] as const) {
      const spec = { name: ifExists, source: rows(1_000), sink: { use: 'csv', path, ifExists } } as const;
      const { error } = await (await runtime.submit(spec, always)).outcome;
      expect(error).toMatchObject({
        code: 'SPEC_INVALID',
        message: expect.stringContaining('after it has completed'),
      });
      expect(existsSync(path)).toBe(false);
    }
    const spec = {
      name: 'replaces',
      source: rows(1_000),
      sink: { use: 'csv', path, ifExists: 'replace' },
    } as const;
    const report = await (await runtime.submit(spec, always)).outcome;
    expect(report.runs.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
    expect(linesIn(path)).toHaveLength(1_001);
  });
});

describe('a job whose thread dies after it has published its last rows, and before it has said so', () => {
  it.each(['append', 'error', 'replace'] as const)(
    'has completed, and writes no row again (%s)',
    async (ifExists) => {
      const folder = temporaryFolder();
      const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
      const died = JSON.stringify(join(folder, 'died'));
      const dying = moduleOperator('emit(batch);', {
        top: `import { existsSync, writeFileSync } from 'node:fs';`,
        close: `if (existsSync(${died})) return;
          writeFileSync(${died}, '');
          process.exit(3);`,
      });
      const path = join(folder, 'out');
      const sink = { use: 'csv', path, ifExists } as const;
      const job = await runtime.submit(
        { name: 'done', source: rows(1_000), operators: [dying], sink },
        { restart: atOnce },
      );
      const report = await job.outcome;
      expect(report).toMatchObject({
        outcome: 'completed',
        reason: 'end of input',
        counters: { rowsIn: 1_000, rowsOut: 1_000 },
        rowsPending: 0,
      });
      expect(report.runs.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
        ['failed', 'THREAD_EXITED'],
        ['completed', undefined],
      ]);
      expect(linesIn(path)).toHaveLength(1_001);
    },
  );
});

describe('a job of a runtime that keeps checkpoints', () => {
  it('goes on with its run where a runtime before left it', async () => {
    const folder = temporaryFolder();
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const spec = { name: 'again', source, operators: [...operators], sink: sinkIn(folder) };
    const first = await startRuntime({ checkpoints });
    const stopped = await first.submit(spec);
    await until(() => stopped.inspect().counters.rowsOut > 30_000);
    expect(await stopped.stop()).toMatchObject({ outcome: 'stopped', runs: [{ epoch: 1 }] });
    await first.close();

    const second = await startRuntime({ checkpoints });
    const job = await second.submit(spec);
    expect(await job.outcome).toMatchObject({
      outcome: 'completed',
      counters: { rowsOut: ROWS },
      runs: [{ epoch: 2 }],
    });
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  }, 60_000);

  it('refuses a checkpoint of another spec, and does not try again', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints'), every: '10ms' } });
    const spec = { name: 'other', source, sink: discard };
    const stopped = await runtime.submit(spec);
    await until(() => stopped.inspect().counters.rowsOut > 10_000);
    await stopped.stop();
    const job = await runtime.submit({ ...spec, source: { ...source, symbols: 8 } }, { restart: atOnce });
    expect(await job.outcome).toMatchObject({
      error: { code: 'CHECKPOINT_INVALID' },
      runs: [{ attempt: 1 }],
    });
  }, 60_000);
});

describe('a job between two topics that is started again', () => {
  it('joins both of them again, and its consumer is told of what it has missed', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime();
    const path = join(folder, 'rows.jsonl');
    const live = { use: 'synthetic', rate: 50_000 } as const;
    await runtime.submit({ name: 'first', source: live, sink: { use: 'topic', topic: 'quotes' } });
    const between = await runtime.submit(
      {
        name: 'between',
        source: { use: 'topic', topic: 'quotes' },
        operators: [killer(folder, [EXIT])],
        sink: { use: 'topic', topic: 'same' },
      },
      { restart: atOnce },
    );
    const last = await runtime.submit({
      name: 'last',
      source: { use: 'topic', topic: 'same', producerLost: 'wait' },
      sink: { use: 'jsonl', path, controls: true },
    });
    await until(() => between.inspect().runs.length === 2 && between.inspect().counters.rowsOut > 0);
    const { rowsOut } = last.inspect().counters;
    await until(() => last.inspect().counters.rowsOut > rowsOut);
    expect(await last.drain()).toMatchObject({ outcome: 'completed' });
    const controls = readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => /"control":"(stale|gap)"/.exec(line)?.[1] ?? []);
    const since = controls.indexOf('stale');
    expect(controls.slice(since, since + 2)).toEqual(['stale', 'gap']);
  }, 60_000);
});

describe('options of a restart', () => {
  it('are checked when a job is submitted, and those of the settings count for jobs without their own', async () => {
    const runtime = await startRuntime({ restart: { ...atOnce, maxRestarts: 1 } });
    const spec = { name: 'a', source: rows(10), operators: [moduleOperator(EXIT)], sink: discard };
    const wrong = { policy: 'sometimes', backOff: '1', more: 1 } as never;
    await expect(runtime.submit(spec, { restart: wrong })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      problems: [
        expect.stringContaining('submit.restart.policy: expected never, on-failure'),
        expect.stringContaining('submit.restart.backOff'),
        expect.stringContaining('submit.restart.more: there is no'),
      ],
    });
    const restarted = await runtime.submit(spec);
    expect((await restarted.outcome).runs).toHaveLength(2);
    const once = await runtime.submit(spec, { restart: { policy: 'never' } });
    expect((await once.outcome).runs).toHaveLength(1);
  });
});

describe('a job with checkpoints whose runtime is closed', () => {
  const parts = (folder: string) => linesIn(join(folder, 'out')).filter((line) => !line.startsWith('time'));
  /** So slow that it is at work until somebody ends it, however busy the machine is. */
  const slow = { ...source, rate: 10_000 };
  const fast = { ...source, rate: undefined };
  const spec = (folder: string, rows: typeof slow | typeof fast) => ({
    name: 'suspended',
    source: rows,
    sink: { use: 'csv', path: join(folder, 'out'), ifExists: 'append', rotate: { rows: 10_000 } } as const,
  });
  const start = async (folder: string, rows: typeof slow | typeof fast) => {
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints'), every: '10ms' } });
    return { runtime, job: await runtime.submit(spec(folder, rows)) };
  };

  it('is suspended, and goes on in the next runtime without a row that comes twice', async () => {
    const folder = temporaryFolder();
    const { runtime, job } = await start(folder, slow);
    await until(() => job.inspect().counters.rowsOut > 0);
    await runtime.close();
    expect(await job.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    const next = await start(folder, fast);
    expect(await next.job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: ROWS } });
    expect(parts(folder)).toHaveLength(ROWS);
    expect(new Set(parts(folder)).size).toBe(ROWS);
  });

  it('begins a new run after a drain', async () => {
    const folder = temporaryFolder();
    const { job } = await start(folder, slow);
    await until(() => job.inspect().counters.rowsOut > 0);
    const first = await job.drain();
    expect(first).toMatchObject({ outcome: 'completed', reason: 'drained' });
    const next = await start(folder, fast);
    expect(await next.job.outcome).toMatchObject({ outcome: 'completed' });
    expect(parts(folder)).toHaveLength(first.counters.rowsOut + ROWS);
  });

  it('takes the rows of its topic before it is suspended, and joins it again', async () => {
    const folder = temporaryFolder();
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const submit = async (rows: typeof slow | typeof fast) => {
      const runtime = await startRuntime({ checkpoints });
      const sink = { use: 'jsonl', path: join(folder, 'out'), ifExists: 'append' } as const;
      const producer = await runtime.submit({
        name: 'p',
        source: rows,
        sink: { use: 'topic', topic: 'rows' },
      });
      const consumer = await runtime.submit({
        name: 'c',
        source: { use: 'topic', topic: 'rows', overflow: 'block' },
        sink,
      });
      return { runtime, producer, consumer };
    };
    const { runtime, producer, consumer } = await submit(slow);
    await until(() => consumer.inspect().counters.rowsOut > 0);
    await runtime.close();
    expect(await producer.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    expect(await consumer.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    const next = await submit(fast);
    expect(await next.producer.outcome).toMatchObject({ outcome: 'completed' });
    expect(await next.consumer.outcome).toMatchObject({ outcome: 'completed' });
    expect(linesIn(join(folder, 'out'))).toHaveLength(ROWS);
  });
});
