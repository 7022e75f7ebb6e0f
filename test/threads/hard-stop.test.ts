import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parsePartName } from '../../src/outputs/parts/part-name.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { until } from './threads-support.js';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

/** A folder of the test's own, and runs of the built program in it. */
function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-kill-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));

  /** @param rows - Without it, the run never ends by itself. */
  function run(sink: object, rows?: number) {
    const spec = join(folder, 'spec.json');
    writeFileSync(spec, JSON.stringify({ name: 'kill', source: { use: 'synthetic', rows }, sink }));
    const child = spawn(process.execPath, [MAIN, 'run', spec], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code));
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return { ended, kill: () => child.kill('SIGKILL') };
  }
  return { folder, run };
}

/** 0 where there is none: the run goes on and renames its files. */
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const partsIn = (path: string) => (existsSync(path) ? readdirSync(path).sort() : []);

describe('a process that is killed while it writes', () => {
  it.each([1, 4, 9])(
    'leaves whole Parquet parts and nothing else (after %i), and the next run removes the rest',
    async (parts) => {
      const { folder, run } = workplace();
      const out = join(folder, 'out');
      const sink = { use: 'parquet', path: out, rowGroupRows: 1_024, rotate: { rows: 20_000 } };
      const killed = run(sink);
      await until(() => partsIn(out).length >= parts && stagedBytes(folder) > 0);
      killed.kill();
      expect(await killed.ended).toBe('SIGKILL');

      const found = partsIn(out);
      expect(found.map((name) => parsePartName(name)?.sequence)).toEqual(found.map((_, i) => i + 1));
      const rows = await duckdb(
        `SELECT count(*)::INT AS n, sum(bid) > 0 AS ok FROM read_parquet('${out}/*.parquet', filename = true)
         GROUP BY filename`,
      );
      expect(rows).toEqual(found.map(() => ({ n: 20_000, ok: true })));

      expect(await run({ ...sink, ifExists: 'append' }, 5_000).ended).toBe(0);
      expect(partsIn(out)).toHaveLength(found.length + 1);
      expect(stagedBytes(folder)).toBe(0);
      const [total] = await duckdb(`SELECT count(*)::INT AS n FROM '${folder}/**/*.parquet'`);
      expect(total).toEqual({ n: 20_000 * found.length + 5_000 });
    },
  );

  it('leaves no file where there is to be one, and the next run removes what it wrote', async () => {
    const { folder, run } = workplace();
    const out = join(folder, 'out', 'ticks.csv');
    const killed = run({ use: 'csv', path: out });
    await until(() => stagedBytes(join(folder, 'out')) > 100_000);
    killed.kill();
    expect(await killed.ended).toBe('SIGKILL');
    expect(existsSync(out)).toBe(false);

    expect(await run({ use: 'csv', path: out }, 10).ended).toBe(0);
    expect(readdirSync(join(folder, 'out'))).toEqual(['.ticks.csv.tickloom', 'ticks.csv']);
    expect(stagedBytes(join(folder, 'out'))).toBe(0);
    expect(readFileSync(out, 'utf8').trimEnd().split('\n')).toHaveLength(11);
  });
});

/** Bytes of the files that are not whole yet. */
function stagedBytes(directory: string): number {
  if (!existsSync(directory)) return 0;
  const names = readdirSync(directory, { recursive: true }) as string[];
  return names
    .filter((name) => name.endsWith('.staged'))
    .reduce((sum, name) => sum + sizeOf(join(directory, name)), 0);
}
