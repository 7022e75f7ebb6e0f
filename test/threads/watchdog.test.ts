import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RuntimeEvent } from '../../dist/src/index.js';
import { discard, endless, moduleOperator, rows, startRuntime, until } from './threads-support.js';

const SOON = { loop: '1s', progress: '1s' } as const;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tickloom-watchdog-'));
  onTestFinished(() => {
    setTimeout(() => rmSync(path, { recursive: true, force: true }), 1_000);
  });
  return path;
}

describe('the watchdog of threads', () => {
  it('ends a run that loops for ever, and says where', async () => {
    const runtime = await startRuntime({ watchdog: SOON });
    const events: RuntimeEvent[] = [];
    runtime.on((event) => events.push(event));
    const operators = [moduleOperator('for (;;);')];
    const job = await runtime.submit({ name: 'loop', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'THREAD_STUCK', retryable: true, stage: 'operators[0]' },
    });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'job.stuck',
        error: expect.objectContaining({ code: 'THREAD_STUCK' }),
      }),
    );
  });

  it('starts a job again whose thread looped, and that loops no more', async () => {
    const looped = join(folder(), 'looped');
    const runtime = await startRuntime({
      watchdog: SOON,
      restart: { policy: 'on-failure', backOff: '10ms' },
    });
    const operator = moduleOperator(
      `if (!existsSync(${JSON.stringify(looped)})) { writeFileSync(${JSON.stringify(looped)}, ''); for (;;); } emit(batch);`,
      { top: `import { existsSync, writeFileSync } from 'node:fs';` },
    );
    const job = await runtime.submit({
      name: 'once',
      source: rows(100),
      operators: [operator],
      sink: discard,
    });
    expect(await job.outcome).toMatchObject({
      outcome: 'completed',
      counters: { rowsOut: 100 },
      runs: [{ error: { code: 'THREAD_STUCK' } }, { outcome: 'completed' }],
    });
  });

  it('tells of an operator that awaits for ever, and ends its run where that is asked for', async () => {
    const runtime = await startRuntime({ watchdog: { ...SOON, onStall: 'restart' } });
    const events: RuntimeEvent[] = [];
    runtime.on((event) => events.push(event));
    const operators = [moduleOperator('return new Promise(() => {});')];
    const job = await runtime.submit({ name: 'awaits', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'JOB_STALLED', retryable: true, stage: 'operators[0]' },
    });
    const told = events.filter(({ type }) => type === 'job.stalled');
    expect(told).toEqual([
      expect.objectContaining({ stage: 'operators[0]' }),
      expect.objectContaining({ error: expect.objectContaining({ code: 'JOB_STALLED' }) }),
    ]);
  });

  it('tells of rows that do not move, and no more once they do, and ends nothing', async () => {
    const runtime = await startRuntime({ watchdog: SOON });
    const go = join(folder(), 'go');
    const operator = moduleOperator(
      `emit(batch);
       if (waited) return;
       waited = true;
       return new Promise((resolve) => {
         const timer = setInterval(() => { if (existsSync(${JSON.stringify(go)})) { clearInterval(timer); resolve(); } }, 20);
       });`,
      { top: `import { existsSync } from 'node:fs'; let waited = false;` },
    );
    const told: string[] = [];
    runtime.on(({ type }) => told.push(type));
    const job = await runtime.submit({
      name: 'held',
      source: rows(100),
      operators: [operator],
      sink: discard,
    });
    await until(() => job.inspect().stalled !== undefined);
    expect(job.inspect()).toMatchObject({ state: 'running', stalled: { stage: 'operators[0]' } });
    writeFileSync(go, '');
    expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: 100 } });
    expect(told).toContain('job.stalled');
  });

  it('leaves a job alone whose neighbours take all processors', async () => {
    const runtime = await startRuntime({ watchdog: SOON });
    const busy = moduleOperator('const until = Date.now() + 100; while (Date.now() < until); emit(batch);');
    const submit = (name: string, operators: (typeof busy)[]) =>
      runtime.submit({ name, source: endless, operators, sink: discard });
    const jobs = await Promise.all([
      submit('quiet', []),
      ...Array.from({ length: 6 }, (_, i) => submit(`busy-${i}`, [busy])),
    ]);
    // Five deadlines and more, whatever the machine makes of them.
    await until(() => jobs.every((job) => job.inspect().counters.turns > 60));
    expect(jobs.map((job) => job.inspect().state)).toEqual(jobs.map(() => 'running'));
  });

  it('starts the next run beside a thread that does not end, if its sinks are fenced', async () => {
    const path = folder();
    const runtime = await startRuntime({
      maxThreads: 2,
      watchdog: SOON,
      checkpoints: { path: join(path, 'checkpoints') },
      restart: { policy: 'on-failure', backOff: '10ms' },
    });
    const [begun, released] = [join(path, 'begun'), join(path, 'released')];
    onTestFinished(() => writeFileSync(released, ''));
    const script = `touch ${begun}; while [ ! -e ${released} ]; do sleep 0.05; done`;
    const operator = moduleOperator(
      `if (!existsSync(${JSON.stringify(begun)})) execFileSync('sh', ['-c', ${JSON.stringify(script)}]); emit(batch);`,
      { top: `import { execFileSync } from 'node:child_process'; import { existsSync } from 'node:fs';` },
    );
    const out = join(path, 'out.csv');
    const job = await runtime.submit({
      name: 'fenced',
      source: rows(100),
      operators: [operator],
      sink: { use: 'csv', path: out },
    });
    const report = await job.outcome;
    expect(report).toMatchObject({
      outcome: 'completed',
      runs: [{ error: { code: 'THREAD_STUCK' } }, { outcome: 'completed' }],
    });
    expect(runtime.threadsLeft).toEqual({ all: 1, blocked: 1 });
    const written = readFileSync(out, 'utf8');
    expect(written.trim().split('\n')).toHaveLength(101);
    // Its place is not used: of two, one is left.
    const others = await Promise.all(
      ['a', 'b'].map((name) => runtime.submit({ name, source: endless, sink: discard })),
    );
    await until(() => others.some((other) => other.inspect().state === 'running'));
    expect(others.map((other) => other.inspect().state).sort()).toEqual(['queued', 'running']);
    writeFileSync(released, '');
    await until(() => others.every((other) => other.inspect().state === 'running'));
    expect(runtime.threadsLeft).toEqual({ all: 0, blocked: 0 });
    expect(readFileSync(out, 'utf8')).toBe(written);
    expect(existsSync(out)).toBe(true);
  });
});
