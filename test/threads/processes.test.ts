import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline } from '../../dist/src/index.js';
import { tried } from '../support/deep.js';
import { discard, endless, moduleOperator, rows, startRuntime, until } from './threads-support.js';

const OWNER = fileURLToPath(new URL('../support/process-owner.mjs', import.meta.url));

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; whoever is to collect its code has not done so yet.
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

const linesIn = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');

/** An operator that says which process it is in, and runs some code with the first batch. */
function telling(folder: string, code = '') {
  const file = join(folder, 'pid');
  const operator = moduleOperator(
    `emit(batch);
     if (existsSync(${JSON.stringify(file)})) return;
     writeFileSync(${JSON.stringify(`${file}.new`)}, String(process.pid));
     renameSync(${JSON.stringify(`${file}.new`)}, ${JSON.stringify(file)});
     ${code}`,
    {
      top: `import { existsSync, renameSync, writeFileSync } from 'node:fs';
            import { execFileSync } from 'node:child_process';`,
    },
  );
  return { operator, pid: () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0) };
}

const isolation = 'process';

describe('the process of a job', () => {
  it('is another one than that of the runtime, is shown with the job, and is gone with it', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime();
    const { operator, pid } = telling(folder);
    const spec = { name: 'own', source: endless, operators: [operator], sink: discard };
    const job = await runtime.submit(spec, { isolation });
    await until(() => pid() > 0);
    expect(job.inspect()).toMatchObject({ isolation, pid: pid() });
    expect(pid()).not.toBe(process.pid);
    await job.drain();
    expect(job.inspect().pid).toBeUndefined();
    expect(isAlive(pid())).toBe(false);
  });

  it('has the environment, and none of the flags, of the process of the runtime', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'told');
    const runtime = await startRuntime();
    process.env.TICKLOOM_TEST_KEY = 'of a client';
    onTestFinished(() => {
      delete process.env.TICKLOOM_TEST_KEY;
    });
    const code = `emit(batch); writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.env.TICKLOOM_TEST_KEY, process.execArgv]));`;
    const operators = [moduleOperator(code, { top: `import { writeFileSync } from 'node:fs';` })];
    const job = await runtime.submit(
      { name: 'env', source: rows(10), operators, sink: discard },
      { isolation },
    );
    await job.outcome;
    const [key, flags] = JSON.parse(readFileSync(file, 'utf8'));
    expect(key).toBe('of a client');
    expect(flags.map((flag: string) => flag.split('=')[0])).toEqual([
      '--max-old-space-size',
      '--max-semi-space-size',
    ]);
  });

  it.each([
    ['a crash of native code', 'process.abort();', /ended by SIGABRT/],
    ['a signal', `process.kill(process.pid, 'SIGSEGV'); for (;;);`, /ended by SIGSEGV/],
    [
      'what it printed last',
      `process.stderr.write('the last key is apiKey=abcdef123\\n'); process.abort();`,
      /the last key is apiKey=\[redacted\]/,
    ],
  ])('fails its job with the reason, and touches no other: %s', async (_, code, message) => {
    const runtime = await startRuntime();
    const other = await runtime.submit({ name: 'other', source: endless, sink: discard }, { isolation });
    const operators = [moduleOperator(`emit(batch); ${code}`)];
    const job = await runtime.submit(
      { name: 'crash', source: endless, operators, sink: discard },
      { isolation },
    );
    const { outcome, error } = await job.outcome;
    expect(outcome).toBe('failed');
    expect(error).toMatchObject({ code: 'PROCESS_CRASHED', retryable: true });
    expect(error?.message).toMatch(message);
    expect(other.inspect().state).toBe('running');
    expect((await other.drain()).outcome).toBe('completed');
  });

  it('is ended when its code sends what is no message of ours', async () => {
    const runtime = await startRuntime();
    const other = await runtime.submit({ name: 'other', source: endless, sink: discard }, { isolation });
    for (const [fd, bytes] of [
      [3, 'Buffer.from([3, 0, 0, 0, 1, 2, 3])'],
      [4, `Buffer.from('{"type":"memory"}')`],
      [
        3,
        '(() => { const bytes = serialize({ for: "actor", type: "outcome" }); const length = Buffer.alloc(4); length.writeUint32LE(bytes.length, 0); return Buffer.concat([length, bytes]); })()',
      ],
    ] as const) {
      const operators = [
        moduleOperator(`writeSync(${fd}, ${bytes}); emit(batch);`, {
          top: `import { writeSync } from 'node:fs'; import { serialize } from 'node:v8';`,
        }),
      ];
      const job = await runtime.submit(
        { name: 'forges', source: endless, operators, sink: discard },
        { isolation },
      );
      const { error } = await job.outcome;
      expect(error?.code).toBe('PROCESS_CRASHED');
      expect(error?.message).toMatch(/Expected a message of a process of tickloom, found/);
    }
    expect(other.inspect().state).toBe('running');
  });

  it('is ended when its code asks for the task again', async () => {
    const runtime = await startRuntime();
    const top = `import { writeSync } from 'node:fs'; import { serialize } from 'node:v8';`;
    const code = `const bytes = serialize({ for: 'actor', type: 'hello', nowNs: process.hrtime.bigint() });
      const length = Buffer.alloc(4);
      length.writeUint32LE(bytes.length, 0);
      writeSync(3, Buffer.concat([length, bytes]));
      emit(batch);`;
    const operators = [moduleOperator(code, { top })];
    const job = await runtime.submit(
      { name: 'again', source: endless, operators, sink: discard },
      { isolation },
    );
    expect((await job.outcome).error).toMatchObject({
      code: 'PROCESS_CRASHED',
      message: expect.stringMatching(/a second one that asks for its task/),
    });
  });

  it('that exits after an error that its code has caught has exited, and not crashed by that error', async () => {
    const runtime = await startRuntime();
    const code = `process.on('uncaughtException', () => setTimeout(() => process.exit(3), 50));
      setTimeout(() => { throw new Error('caught') }, 0); emit(batch);`;
    const job = await runtime.submit(
      { name: 'caught', source: endless, operators: [moduleOperator(code)], sink: discard },
      { isolation },
    );
    const { error } = await job.outcome;
    expect(error).toMatchObject({ code: 'PROCESS_EXITED' });
    expect(error?.message).toMatch(/exited with code 3/);
  });

  it('that crashes takes what it has started with it', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'pid');
    const runtime = await startRuntime();
    const code = `const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
      writeFileSync(${JSON.stringify(file)}, String(pid)); process.abort();`;
    const top = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs';`;
    const operators = [moduleOperator(code, { top })];
    const job = await runtime.submit(
      { name: 'leaves', source: endless, operators, sink: discard },
      { isolation },
    );
    expect((await job.outcome).error?.code).toBe('PROCESS_CRASHED');
    await until(() => !isAlive(Number(readFileSync(file, 'utf8'))));
  });

  it('that crashes as soon as it is there does not keep others from being started', async () => {
    const runtime = await startRuntime();
    for (let i = 0; i < 6; i++) {
      const operators = [moduleOperator('', { create: 'process.abort();' })];
      const job = await runtime.submit(
        { name: `c${i}`, source: endless, operators, sink: discard },
        { isolation },
      );
      expect((await job.outcome).error?.code).toBe('PROCESS_CRASHED');
    }
    const job = await runtime.submit({ name: 'well', source: rows(10), sink: discard }, { isolation });
    expect((await job.outcome).outcome).toBe('completed');
  });

  it('prints into the log of its job, bounded, and not to the console of the runtime', async () => {
    const texts: string[] = [];
    const log = (fields: object, text: string) => {
      if ('stream' in fields) texts.push(text);
    };
    const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
    const runtime = await startRuntime({ logger });
    const operators = [
      moduleOperator(
        `console.log('by the console'); process.stdout.write('raw, token=abcdef123\\n'); process.stderr.write('x'.repeat(100_000)); emit(batch);`,
      ),
    ];
    const job = await runtime.submit(
      { name: 'prints', source: rows(10), operators, sink: discard },
      { isolation },
    );
    expect(await job.outcome).toMatchObject({ outcome: 'completed' });
    expect([...new Set(texts)].sort()).toEqual([
      'by the console',
      'raw, token=[redacted]',
      expect.stringMatching(/^x+/),
    ]);
    expect(texts.every((text) => text.length <= 8_300)).toBe(true);
  });

  it('can be ended in a call of the system, with what that has started, also with native code', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ stopGraceMs: 60_000 });
    const { operator, pid } = telling(folder, `execFileSync('sleep', ['600']);`);
    const operators = [{ ...operator, loads: 'native' as const }];
    const job = await runtime.submit({ name: 'hangs', source: endless, operators, sink: discard });
    await until(() => pid() > 0);
    expect(job.inspect().isolation).toBe('process');
    const children = () =>
      readFileSync(`/proc/${pid()}/task/${pid()}/children`, 'utf8').trim().split(' ').map(Number);
    await until(() => children()[0]! > 0);
    const [sleeping] = children();
    expect(await job.stop()).toMatchObject({ outcome: 'stopped' });
    await until(() => !isAlive(pid()) && !isAlive(sleeping!));
    expect(runtime.threadsLeft.all).toBe(0);
  });

  it('is ended above its limit of memory, with what it had and what it may have', async () => {
    const runtime = await startRuntime();
    const hoard = `hoard.push(Buffer.alloc(8 << 20, 1)); emit(batch);`;
    const operators = [moduleOperator(hoard, { create: 'const hoard = [];' })];
    const job = await runtime.submit(
      { name: 'hoards', source: endless, operators, sink: discard },
      { maxProcessMb: 200 },
    );
    expect(job.inspect().isolation).toBe('process');
    const { error } = await job.outcome;
    expect(error?.code).toBe('PROCESS_OUT_OF_MEMORY');
    expect(error?.message).toMatch(
      /had \d+ MB in memory, more than the 200 MB that it may have \("maxProcessMb"\)/,
    );
  });

  it('gets no more memory from the system than its limit and some, however fast it asks', async () => {
    const runtime = await startRuntime();
    const operators = [
      moduleOperator(`emit(batch); for (;;) hoard.push(Buffer.alloc(256 << 20));`, {
        create: 'const hoard = [];',
      }),
    ];
    const job = await runtime.submit(
      { name: 'asks', source: endless, operators, sink: discard },
      { maxProcessMb: 200 },
    );
    const { error } = await job.outcome;
    expect(['OPERATOR_FAILED', 'PROCESS_OUT_OF_MEMORY']).toContain(error?.code);
  });

  it('is not started for a spec that shares budgets or topics, which says what to do', async () => {
    const runtime = await startRuntime();
    const sink = { use: 'topic', topic: 'ticks' } as const;
    await expect(runtime.submit({ name: 'shares', source: endless, sink }, { isolation })).rejects.toThrow(
      /isolation: expected "thread", since topics cannot reach into another process yet/,
    );
  });

  it('leaves nothing behind, however often one is started and ended', async () => {
    const runtime = await startRuntime();
    const openFiles = () => readdirSync('/proc/self/fd').length;
    const resources = () => process.getActiveResourcesInfo().filter((kind) => /Process|Pipe/.test(kind));
    const run = async (i: number) => {
      const source = i % 2 === 0 ? rows(10) : endless;
      const job = await runtime.submit({ name: `n${i}`, source, sink: discard }, { isolation });
      await until(
        () =>
          job.inspect().pid !== undefined ||
          job.inspect().error !== undefined ||
          job.inspect().state === 'completed',
      );
      const { pid } = job.inspect();
      if (i % 2 === 1) await job.stop();
      await job.outcome;
      return pid;
    };
    await run(0);
    // A handle closes in a turn of its own, after the end was told.
    await until(() => !resources().includes('ProcessWrap'));
    const before = openFiles();
    const resourcesBefore = resources();
    const pids: (number | undefined)[] = [];
    const count = tried(20, 60, 1_000);
    for (let i = 1; i <= count; i += 2) pids.push(...(await Promise.all([run(i), run(i + 1)])));
    expect(pids.filter((pid) => pid !== undefined && isAlive(pid))).toEqual([]);
    expect(openFiles()).toBeLessThanOrEqual(before + 2);
    await until(() => resources().length <= resourcesBefore.length);
    expect(resources()).toEqual(resourcesBefore);
  });
});

/** A process with a runtime that runs one job in a process of its own. */
function startOwner(folder: string, options: object): ChildProcess {
  const owner = spawn(process.execPath, [OWNER, JSON.stringify({ folder, ...options })], {
    stdio: 'inherit',
  });
  onTestFinished(() => void owner.kill('SIGKILL'));
  return owner;
}

describe('a process whose runtime has gone', () => {
  it.each([
    ['runs', ''],
    ['loops for ever', 'for (;;);'],
    ['is in a call of the system', `execFileSync('sleep', ['600']);`],
  ])('ends by itself while it %s', async (_, code) => {
    const folder = temporaryFolder();
    const { operator, pid } = telling(folder, code);
    const owner = startOwner(folder, { operators: [operator] });
    await until(() => pid() > 0);
    owner.kill('SIGKILL');
    await until(() => !isAlive(pid()));
  });

  it('is ended by the next runtime with its store before a job goes on, and one of another store is not', async () => {
    const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()];
    const mine = telling(folder, 'for (;;);');
    const other = telling(elsewhere, 'for (;;);');
    const store = join(folder, 'store');
    const owner = startOwner(folder, { operators: [mine.operator], store });
    const otherOwner = startOwner(elsewhere, {
      operators: [other.operator],
      store: join(elsewhere, 'store'),
    });
    await until(() => mine.pid() > 0 && other.pid() > 0);
    const ended = new Promise((resolve) => owner.once('exit', resolve));
    owner.kill('SIGKILL');
    await ended;
    const warnings: object[] = [];
    const log = () => {};
    const warn = (fields: object) => void warnings.push(fields);
    const logger = { debug: log, info: log, warn, error: log, child: () => logger };
    await startRuntime({ store: { path: store }, logger });
    expect(isAlive(mine.pid())).toBe(false);
    expect(warnings).toContainEqual({ process: mine.pid() });
    expect(isAlive(other.pid())).toBe(true);
    otherOwner.kill('SIGKILL');
    await until(() => !isAlive(other.pid()));
  });

  it('drains its job where there are no checkpoints, and loses no row', async () => {
    const folder = temporaryFolder();
    const { operator, pid } = telling(folder);
    const out = join(folder, 'out.jsonl');
    const owner = startOwner(folder, {
      spec: { source: { use: 'synthetic', rate: 1_000 }, sink: { use: 'jsonl', path: out } },
      operators: [operator],
    });
    await until(() => pid() > 0);
    owner.kill('SIGKILL');
    await until(() => !isAlive(pid()));
    expect(readFileSync(out, 'utf8').trim().split('\n').length).toBeGreaterThan(0);
  });

  it('suspends its job, which then goes on with the rows of a run that nobody disturbed', async () => {
    const folder = temporaryFolder();
    const source = { use: 'synthetic', rows: 60_000, symbols: 7 } as const;
    const spec = (at: string) => ({
      name: 'orphan',
      source,
      sink: { use: 'jsonl', path: join(at, 'out'), rotate: { rows: 10_000 } } as const,
    });
    const { operator, pid } = telling(folder);
    const owner = startOwner(folder, {
      spec: { ...spec(folder), source: { ...source, rate: 20_000 } },
      operators: [operator],
      checkpoints: '1h', // so that only a suspend takes one
    });
    await until(() => pid() > 0);
    owner.kill('SIGKILL');
    await until(() => !isAlive(pid()));
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const runtime = await startRuntime({ checkpoints });
    const job = await runtime.submit({ ...spec(folder), operators: [operator] });
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 60_000, rowsOut: 60_000 } });
    expect(report.firstBatchMs).toBeDefined();
    const plain = temporaryFolder();
    expect(await createPipeline(spec(plain)).run()).toMatchObject({ outcome: 'completed' });
    expect(linesIn(join(folder, 'out'))).toEqual(linesIn(join(plain, 'out')));
  });
});
