import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const ROWS = 40_000;

function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-resume-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const spec = {
    name: 'feed',
    source: { use: 'synthetic', rows: ROWS, symbols: 3, rate: 10_000, seed: 1 },
    sink: { use: 'csv', path: 'out', rotate: { rows: 2_000 } },
  };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({ store: { path: 'jobs' }, checkpoints: { path: 'jobs/checkpoints', every: '10ms' } }),
  );
  const start = (args: readonly string[]) => {
    const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], { cwd: folder });
    onTestFinished(() => void child.kill('SIGKILL'));
    let [stdout, stderr] = ['', ''];
    child.stdout!.on('data', (data) => {
      stdout += data;
    });
    child.stderr!.on('data', (data) => {
      stderr += data;
    });
    const end = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
    return { child, end };
  };
  /** Ends a command once so many parts are complete. */
  const endAt = async ({ child, end }: ReturnType<typeof start>, parts: number, signal: NodeJS.Signals) => {
    while (child.exitCode === null && readParts().length < parts) await new Promise(setImmediate);
    child.kill(signal);
    return end;
  };
  const out = join(folder, 'out');
  const readParts = () => (existsSync(out) ? readdirSync(out).sort() : []);
  const rows = () =>
    readParts().flatMap((part) => readFileSync(join(out, part), 'utf8').trim().split('\n').slice(1));
  return { start, endAt, rows, folder };
}

const settings = ['--settings', 'settings.json'];

describe('tickloom resume', () => {
  it('drains all jobs after --duration', async () => {
    const { start, endAt } = workplace();
    await endAt(start(['run', 'spec.json', ...settings]), 1, 'SIGKILL');
    const { code, stdout } = await start(['resume', ...settings, '--duration', '1ms', '--json']).end;
    const [job] = JSON.parse(stdout).jobs;
    expect([code, job.reason]).toEqual([0, 'drained']);
  });

  it('is what "run --store" advises for a name in the store, of which it starts nothing', async () => {
    const { start, endAt } = workplace();
    await endAt(start(['run', 'spec.json', ...settings]), 1, 'SIGKILL');
    const list = ['jobs', 'show', 'feed', '--store', 'jobs', '--json'];
    const before = (await start(list).end).stdout;
    const { code, stderr } = await start(['run', 'spec.json', ...settings]).end;
    expect([code, stderr]).toEqual([1, expect.stringContaining('resume --settings settings.json')]);
    expect((await start(list).end).stdout).toBe(before);
  });

  it('can go on after a Ctrl-C that came while specs were submitted', async () => {
    const { start, folder } = workplace();
    const text = readFileSync(join(folder, 'spec.json'), 'utf8');
    const names = Array.from({ length: 30 }, (_, i) => `feed-${i}`);
    for (const name of names) {
      const spec = { ...JSON.parse(text), name, sink: { use: 'csv', path: `out-${name}` } };
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(spec));
    }
    const { child, end } = start(['run', ...names.map((name) => `${name}.json`), ...settings]);
    const log = join(folder, 'jobs', 'jobs.log');
    while (child.exitCode === null && !(existsSync(log) && readFileSync(log, 'utf8').includes('feed-'))) {
      await new Promise(setImmediate);
    }
    child.kill('SIGINT');
    const { code, stderr } = await end;
    expect([code, stderr]).toEqual([130, expect.not.stringContaining('PipelineError')]);
    expect(stderr).not.toContain('DRAIN_TIMED_OUT');
  });

  it('has a store as a place of checkpoints, for slices and for exactly-once', async () => {
    const { start } = workplace();
    const slice = ['run', 'spec.json', '--store', 'jobs', '--slice-rows', '1000', '--json'];
    const { code, stdout } = await start([...slice, '--set', 'delivery=exactly-once']).end;
    expect([code, JSON.parse(stdout).jobs[0]?.reason]).toEqual([0, 'sliced']);
  });

  it('goes on with what "run --store" began, after a kill and after Ctrl-C, row for row', async () => {
    const { start, endAt, rows } = workplace();
    expect((await endAt(start(['run', 'spec.json', ...settings]), 2, 'SIGKILL')).code).toBeNull();
    const { code, stderr } = await endAt(start(['resume', ...settings]), 5, 'SIGINT');
    expect([code, stderr]).toEqual([130, expect.stringContaining('taking the last checkpoints')]);
    const again = await start(['run', 'spec.json', ...settings]).end;
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('[JOB_NAME_TAKEN]')]);
    const last = await start(['resume', '--json', ...settings]).end;
    expect([last.code, JSON.parse(last.stdout).jobs]).toMatchObject([
      0,
      [{ name: 'feed', outcome: 'completed' }],
    ]);
    expect(rows()).toHaveLength(ROWS);
    expect(new Set(rows()).size).toBe(ROWS);
    const nothing = await start(['resume', ...settings]).end;
    expect([nothing.code, nothing.stderr]).toEqual([0, expect.stringContaining('nothing in the store')]);
  }, 180_000);

  it('refuses a store that is not there', async () => {
    const { start } = workplace();
    const { code, stderr } = await start(['resume', '--store', 'jobz']).end;
    expect([code, stderr]).toEqual([2, expect.stringContaining('there is no folder jobz')]);
  });
});
