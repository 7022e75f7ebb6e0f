import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { duckdb } from '../stages/sinks/duckdb.js';
import { tried } from '../support/deep.js';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
/** `npm run test:rounds`: a round takes a second, and a busy machine takes several times as long. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(1, 2, 4));
const TIME_LIMIT = 120_000 + ROUNDS * 10_000;
const ROWS = 3_000;

function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  /** Runs one job in two processes that start at once. @returns Their exit codes. */
  const twice = (sink: object) => {
    const spec = join(folder, 'spec.json');
    writeFileSync(spec, JSON.stringify({ name: 'twin', source: { use: 'synthetic', rows: ROWS }, sink }));
    const ended = [1, 2].map(() => {
      const child = spawn(process.execPath, [MAIN, 'run', spec], { cwd: folder, stdio: 'ignore' });
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
      return new Promise<number | null>((resolve) => child.once('exit', resolve));
    });
    return Promise.all(ended);
  };
  return { folder, twice };
}

const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').length;

describe('two processes of one job that start at once', { timeout: TIME_LIMIT }, () => {
  it('both have their rows there when they append to a directory', async () => {
    const { folder, twice } = workplace();
    for (let round = 1; round <= ROUNDS; round++) {
      const sink = { use: 'parquet', path: join(folder, 'out'), ifExists: 'append', rotate: { rows: 1_000 } };
      expect(await twice(sink)).toEqual([0, 0]);
      expect(readdirSync(join(folder, 'out'))).toHaveLength(6 * round);
      for (const glob of ['out/*.parquet', 'out/**', '**/*.parquet']) {
        const [found] = await duckdb(`SELECT count(*)::INT AS n FROM read_parquet('${folder}/${glob}')`);
        expect(found).toEqual({ n: 2 * ROWS * round });
      }
    }
  });

  it('lose no row of one that ended well when they write one file', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { folder, twice } = workplace();
      const file = join(folder, 'out.csv');
      const codes = await twice({ use: 'csv', path: file, ifExists: 'append' });
      const wentWell = codes.filter((code) => code === 0).length;
      expect(wentWell).toBeGreaterThan(0);
      expect(lines(file)).toBe(1 + wentWell * ROWS);
    }
  });

  it('go through one alone when the directory is to be empty', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { folder, twice } = workplace();
      const codes = await twice({ use: 'csv', path: join(folder, 'out') });
      expect(codes.filter((code) => code === 0)).toHaveLength(1);
      const [file, ...others] = readdirSync(join(folder, 'out'));
      expect([lines(join(folder, 'out', file!)), others]).toEqual([1 + ROWS, []]);
    }
  });
});
