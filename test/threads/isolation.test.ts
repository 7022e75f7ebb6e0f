import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline, type RuntimeEvent } from '../../dist/src/index.js';
import { discard, endless, moduleOperator, rows, startRuntime, until } from './threads-support.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-isolation-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const linesIn = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');

const source = { use: 'synthetic', rows: 60_000, symbols: 7, rate: 200_000 } as const;
const sinkIn = (folder: string) =>
  ({ use: 'jsonl', path: join(folder, 'out'), rotate: { rows: 10_000 } }) as const;

async function undisturbed(): Promise<string[]> {
  const folder = temporaryFolder();
  const spec = { name: 'x', source: { ...source, rate: undefined }, sink: sinkIn(folder) };
  expect(await createPipeline(spec).run()).toMatchObject({ outcome: 'completed' });
  return linesIn(join(folder, 'out'));
}

interface Line {
  readonly fields: Record<string, unknown>;
  readonly text: string;
}

function keptLog() {
  const lines: Line[] = [];
  const bound = (bindings: object) => {
    const log = (fields: object, text: string) =>
      void lines.push({ fields: { ...bindings, ...fields }, text });
    return {
      debug: log,
      info: log,
      warn: log,
      error: log,
      child: (more: object) => bound({ ...bindings, ...more }),
    };
  };
  return { lines, logger: bound({}) };
}

const LOSSES = {
  thread: { exit: 'THREAD_EXITED', thrown: 'THREAD_CRASHED', heap: 'THREAD_OUT_OF_MEMORY' },
  process: { exit: 'PROCESS_EXITED', thrown: 'PROCESS_CRASHED', heap: 'PROCESS_OUT_OF_MEMORY' },
} as const;

describe.each(['thread', 'process'] as const)('a job in a %s', (isolation) => {
  it('ends with the same report as anywhere else', async () => {
    const runtime = await startRuntime({ isolation });
    const operators = [{ use: 'filter', where: 'bid > 0' }] as const;
    const job = await runtime.submit({
      name: 'whole',
      source: rows(20_000),
      operators: [...operators],
      sink: discard,
    });
    expect(job.inspect().isolation).toBe(isolation);
    const report = await job.outcome;
    expect(report).toMatchObject({
      outcome: 'completed',
      reason: 'end of input',
      rowsPending: 0,
      counters: { rowsIn: 20_000, rowsOut: 20_000, startStep: expect.any(Number) },
    });
    expect(report.stages.map(({ stage }) => stage)).toEqual(['source', 'operators[0]', 'batcher', 'sink']);
    expect(job.inspect().counters).toEqual(report.counters);
  });

  it('pauses, tells of its stages, reads on and is drained', async () => {
    const runtime = await startRuntime({ isolation });
    const job = await runtime.submit({ name: 'asked', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsOut > 0);
    await job.pause();
    const { turns } = job.inspect().counters;
    const stages = await job.describe();
    expect(stages.map(({ stage }) => stage)).toEqual(['source', 'batcher', 'sink']);
    await job.describe();
    expect(job.inspect().counters.turns).toBe(turns);
    await job.resume();
    await until(() => job.inspect().counters.turns > turns);
    const report = await job.drain();
    expect(report).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(report.counters.rowsIn).toBe(report.counters.rowsOut);
  });

  it('is stopped without delivery, and says what it had counted', async () => {
    const runtime = await startRuntime({ isolation });
    const job = await runtime.submit({ name: 'stopped', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsOut > 0);
    const report = await job.stop();
    expect(report).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(report.counters.rowsOut).toBeGreaterThan(0);
  });

  it('goes on from its checkpoint after a suspend, with the rows of a run that nobody disturbed', async () => {
    const folder = temporaryFolder();
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const runtime = await startRuntime({ isolation, checkpoints });
    const spec = { name: 'suspended', source: { ...source, rate: 20_000 }, sink: sinkIn(folder) };
    const first = await runtime.submit(spec);
    await until(() => first.inspect().counters.rowsOut > 0);
    expect(await first.suspend()).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    const second = await runtime.submit(spec);
    expect(await second.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: 60_000 } });
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  });

  it('logs under its name, whatever is printed hides credentials, and a flood of lines is counted', async () => {
    const { lines, logger } = keptLog();
    const runtime = await startRuntime({ isolation, logger, secrets: ['hunter22'] });
    const operator = moduleOperator(
      `if (!said) for (let i = 0; i < 2_000; i++) context.log.info({ i }, 'said');
       said = true; emit(batch);`,
      { create: `let said = false; context.log.warn({ key: 'hunter22' }, 'with hunter22');` },
    );
    const job = await runtime.submit({
      name: 'talks',
      source: rows(10),
      operators: [operator],
      sink: discard,
    });
    await job.outcome;
    const own = lines.filter(({ fields }) => fields.job === 'talks');
    expect(own.find(({ text }) => text === 'with [redacted]')?.fields).toMatchObject({ key: '[redacted]' });
    const said = own.filter(({ text }) => text === 'said');
    const numbers = said.map(({ fields }) => fields.i as number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.length).toBeGreaterThan(100);
    const { logsDropped } = job.inspect().counters;
    expect(said.length + logsDropped).toBeGreaterThanOrEqual(2_000);
    expect(own.some(({ text }) => text === 'log lines of the thread dropped')).toBe(logsDropped > 0);
  });

  it('fails with what a stage threw, and where', async () => {
    const runtime = await startRuntime({ isolation });
    const operators = [moduleOperator(`throw new RangeError('row 7 is odd');`)];
    const job = await runtime.submit({ name: 'throws', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'OPERATOR_FAILED', stage: 'operators[0]', causes: ['row 7 is odd'] },
    });
  });

  it.each([
    ['exit', 'process.exit(3);', /exited with code 3/],
    ['thrown', `setTimeout(() => { throw new TypeError('thrown by a timer'); });`, /thrown by a timer/],
    [
      'heap',
      'const hoard = []; for (;;) hoard.push(new Array(10_000).fill(0).map((_, i) => ({ i })));',
      /48 MB of heap/,
    ],
  ] as const)('fails by itself alone when its code ends it (%s)', async (way, code, message) => {
    const runtime = await startRuntime({ isolation, maxHeapMb: 48 });
    const other = await runtime.submit({ name: 'other', source: endless, sink: discard });
    const job = await runtime.submit({
      name: 'lost',
      source: endless,
      operators: [moduleOperator(`emit(batch); ${code}`)],
      sink: discard,
    });
    const { outcome, error } = await job.outcome;
    expect([outcome, error?.code]).toEqual(['failed', LOSSES[isolation][way]]);
    expect(error?.message).toMatch(message);
    expect(other.inspect().state).toBe('running');
  });

  it('is started again where it was, and has the rows of a run that nobody disturbed', async () => {
    const folder = temporaryFolder();
    const checkpoints = { path: join(folder, 'checkpoints'), every: '10ms' } as const;
    const runtime = await startRuntime({
      isolation,
      checkpoints,
      restart: { policy: 'on-failure', backOff: '1ms', backOffMax: '1ms' },
    });
    const kills = join(folder, 'kills');
    writeFileSync(kills, '');
    const killer = moduleOperator(
      `seen += batch.length; emit(batch);
       const kills = readFileSync(${JSON.stringify(kills)}, 'utf8').length;
       if (seen < 10_000 || kills >= 3) return;
       writeFileSync(${JSON.stringify(kills)}, 'x'.repeat(kills + 1));
       process.exit(3);`,
      { top: `import { readFileSync, writeFileSync } from 'node:fs';`, create: 'let seen = 0;' },
    );
    const job = await runtime.submit({ name: 'killed', source, operators: [killer], sink: sinkIn(folder) });
    const report = await job.outcome;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 60_000, rowsOut: 60_000 } });
    expect(report.runs.map(({ error }) => error?.code)).toEqual([
      ...Array.from({ length: 3 }, () => LOSSES[isolation].exit),
      undefined,
    ]);
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  });

  it('is found stuck in a loop by the watchdog, at the stage where it is', async () => {
    const runtime = await startRuntime({ isolation, watchdog: { loop: '1s', progress: '1s' } });
    const events: RuntimeEvent[] = [];
    runtime.on((event) => events.push(event));
    const operators = [moduleOperator('for (;;);')];
    const job = await runtime.submit({ name: 'loop', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'THREAD_STUCK', retryable: true, stage: 'operators[0]' },
    });
  });

  it('is found to be stalled by the watchdog, at the stage that awaits', async () => {
    const runtime = await startRuntime({
      isolation,
      watchdog: { loop: '0s', progress: '1s', onStall: 'restart' },
    });
    const operators = [moduleOperator('return new Promise(() => {});')];
    const job = await runtime.submit({ name: 'awaits', source: endless, operators, sink: discard });
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'JOB_STALLED', stage: 'operators[0]' },
    });
  });

  it('ends at the deadline of a drain in a loop that never returns, and says what it had counted', async () => {
    const folder = temporaryFolder();
    const there = join(folder, 'there');
    const runtime = await startRuntime({ isolation });
    const operators = [
      moduleOperator(`writeFileSync(${JSON.stringify(there)}, ''); for (;;);`, {
        top: `import { writeFileSync } from 'node:fs';`,
      }),
    ];
    const job = await runtime.submit({ name: 'late', source: endless, operators, sink: discard });
    await until(() => existsSync(there) && job.inspect().counters.rowsIn > 0);
    expect(await job.drain({ deadlineMs: 10 })).toMatchObject({
      outcome: 'stopped',
      error: { code: 'DRAIN_TIMED_OUT' },
    });
  });
});
