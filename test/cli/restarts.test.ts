import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

/** Ends its thread with each start, until it was started often enough. */
const killer = (starts: number) => `
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
export default {
  plan: (options, input) => input,
  create: (options, input) => ({
    output: input,
    process(batch, emit) {
      const before = existsSync('starts') ? Number(readFileSync('starts', 'utf8')) : 0;
      if (before < ${starts}) {
        writeFileSync('starts', String(before + 1));
        process.exit(3);
      }
      emit(batch);
    },
  }),
};`;

function workplace(starts: number) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'killer.mjs'), killer(starts));
  const spec = {
    name: 'killed',
    source: { use: 'synthetic', rows: 100 },
    operators: [{ use: 'module', path: './killer.mjs' }],
    sink: { use: 'csv', path: 'out/rows.csv' },
  };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({ restart: { backOff: '1ms', backOffMax: '1ms', maxRestarts: 3 } }),
  );
  const run = async (args: readonly string[], onText?: (text: string, child: ChildProcess) => void) => {
    const child = spawn(
      process.execPath,
      [MAIN, 'run', 'spec.json', '--settings', 'settings.json', ...args],
      { cwd: folder },
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
      onText?.(stderr, child);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  };
  return { folder, run };
}

describe('tickloom run --checkpoints', () => {
  it('suspends on a signal, and the next one goes on without a row that comes twice', async () => {
    const { folder, run } = workplace(0);
    const spec = {
      name: 'suspended',
      source: { use: 'synthetic', rows: 60_000, rate: 40_000 },
      sink: { use: 'csv', path: 'out', ifExists: 'append', rotate: { rows: 10_000 } },
    };
    writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
    const args = ['--checkpoints', 'checkpoints', '--json'];
    const first = await run(args, (text, child) => {
      if (text.includes('suspended: running')) child.kill('SIGTERM');
    });
    expect(first.code).toBe(143);
    expect(first.stderr).toContain('SIGTERM: taking the last checkpoints');
    expect(JSON.parse(first.stdout)).toMatchObject({ jobs: [{ outcome: 'stopped', reason: 'suspended' }] });
    expect((await run(args)).code).toBe(0);
    const lines = readdirSync(join(folder, 'out')).flatMap((name) =>
      readFileSync(join(folder, 'out', name), 'utf8')
        .trimEnd()
        .split('\n')
        .slice(1),
    );
    expect([lines.length, new Set(lines).size]).toEqual([60_000, 60_000]);
  });
});

describe('tickloom run --restart', () => {
  it('starts a job again after a crash, tells each step, and ends with 0 if it completed in the end', async () => {
    const { folder, run } = workplace(2);
    const { code, stdout, stderr } = await run([
      '--restart',
      'on-failure',
      '--checkpoints',
      'checkpoints',
      '--json',
    ]);
    expect(code).toBe(0);
    const [job] = JSON.parse(stdout).jobs;
    expect(job).toMatchObject({ name: 'killed', outcome: 'completed', rowsOut: 100, error: null });
    expect(
      job.runs.map(({ epoch, outcome }: { epoch: number; outcome: string }) => [epoch, outcome]),
    ).toEqual([
      [1, 'failed'],
      [2, 'failed'],
      [3, 'completed'],
    ]);
    const told = stderr.split('\n').filter((line) => /backing off|run \d/.test(line));
    expect(told).toEqual([
      expect.stringMatching(/^killed: backing off, starts again in .* \(The thread exited with code 3/),
      'killed: starting, run 2',
      expect.stringMatching(/^killed: backing off/),
      'killed: starting, run 3',
    ]);
    expect(readFileSync(join(folder, 'out/rows.csv'), 'utf8').trimEnd().split('\n')).toHaveLength(101);
  });

  it('ends with 1 once the restarts are spent, and says so with the last error', async () => {
    const { run } = workplace(100);
    const { code, stdout, stderr } = await run(['--restart', 'on-failure']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^killed failed: The job was started again 3 times within .* \[THREAD_EXITED\] \[RESTARTS_SPENT\]$/m,
    );
    expect(stderr.match(/RESTARTS_SPENT/g)).toHaveLength(1);
    expect(stdout).toMatch(/runs/);
  });

  it('has one run without it', async () => {
    const { run } = workplace(1);
    const { code, stdout } = await run(['--json']);
    expect([code, JSON.parse(stdout).jobs[0].runs.length]).toEqual([1, 1]);
  });
});
