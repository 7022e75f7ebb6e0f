import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Schema } from '../../src/columns/schema.js';
import { inspectOutput } from '../../src/outputs/inspect/inspect-output.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { ParquetSinkOptions } from '../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../src/stages/sinks/parquet/parquet.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { batchOf, contextOf, ticks } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { scratchFolder } from '../support/recorded-data.js';

/** With it, the test insists: this Python has the packages of requirements.txt. */
const GIVEN = process.env.TICKLOOM_READERS_PYTHON;
const PYTHON = GIVEN ?? 'python3';
const SCRIPT = fileURLToPath(new URL('open_directory.py', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const PACKAGES = ['duckdb', 'numpy', 'pandas', 'polars', 'pyarrow'];
const PYTHON_READERS = 7;

const hasPackages =
  GIVEN !== undefined ||
  spawnSync(PYTHON, [
    '-c',
    `import importlib.util as u; exit(not all(map(u.find_spec, ${JSON.stringify(PACKAGES)})))`,
  ]).status === 0;
const title = hasPackages
  ? 'pandas, pyarrow, Polars and DuckDB in Python'
  : `pandas, pyarrow, Polars and DuckDB in Python (NOT RUN: ${PYTHON} has not all of ${PACKAGES.join(', ')})`;

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Outputs by what happened to them, each in a folder of its own. */
const OUTPUTS = [
  'several parts',
  'several runs',
  'no rows',
  'partitions',
  'killed',
  'killed after a checkpoint',
];
const pathOf = (name: string) => join(SCRATCH.folder, name.replaceAll(' ', '-'), 'quotes');

const ROWS = 5_000;
const run = (path: string, rows: number, options: object = {}) =>
  createPipeline({
    name: 'quotes',
    source: { use: 'synthetic', rows, seed: 7, interval: '1001ms' },
    sink: { use: 'parquet', path, rotate: { rows: 1_700 }, ...options },
  }).run();

beforeAll(async () => {
  expect(await run(pathOf('several parts'), ROWS)).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  for (const rows of [ROWS, 100]) await run(pathOf('several runs'), rows, { ifExists: 'append' });
  await createPipeline({
    name: 'quotes',
    source: { use: 'synthetic', rows: 100 },
    operators: [{ use: 'filter', where: 'bid < 0' }],
    sink: { use: 'parquet', path: pathOf('no rows') },
  }).run();
  await run(pathOf('partitions'), ROWS, { partitionBy: ['symbol'], rotate: undefined });
  await killProcess(pathOf('killed'));
  await dieWithCheckpoint(pathOf('killed after a checkpoint'));
});

/** A process that is killed once some of its parts are there. */
async function killProcess(path: string): Promise<void> {
  const spec = join(SCRATCH.folder, 'endless.json');
  const source = { use: 'synthetic', rate: 20_000, interval: '1001ms' };
  writeFileSync(
    spec,
    JSON.stringify({ name: 'endless', source, sink: { use: 'parquet', path, rotate: { rows: 1_000 } } }),
  );
  const child = spawn(process.execPath, [MAIN, 'run', spec], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const parts = () => (existsSync(path) ? readdirSync(path).length : 0);
  await vi.waitFor(() => expect(parts()).toBeGreaterThan(2), { timeout: 60_000, interval: 10 });
  child.kill('SIGKILL');
  await ended;
}

/** Whole parts that no checkpoint made visible, and an open one, stay beside the directory. */
async function dieWithCheckpoint(path: string): Promise<void> {
  const schema: Schema = {
    kind: 'custom',
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'symbol', type: 'string' },
      { name: 'bid', type: 'float64' },
    ],
  };
  mkdirSync(path, { recursive: true });
  const disk = new CrashingFileSystem();
  const context = contextOf('quotes', { checkpointed: true, dictionaries: new DictionarySet() });
  const options = ParquetSinkOptions.parse({ path, rotate: { rows: 2 } });
  const sink = parquetSink.create(options, schema, context, disk.fs);
  const rows = (count: number, from: number) =>
    batchOf(
      schema,
      ticks(count, from).map(({ price, ...row }) => ({ ...row, bid: price! })),
      context.dictionaries,
    );
  await sink.open();
  await sink.write(rows(4, 0));
  await sink.commit((await sink.prepare(false)).position);
  await sink.write(rows(5, 4));
  await sink.prepare(false);
  await disk.kill();
}

/** As DuckDB in Node reads the parts that are listed, by the same formula as the script. */
async function expected(path: string): Promise<{ rows: number; sum: number }> {
  const { files } = await inspectOutput(path);
  const parts = files.map(({ name }) => `'${join(path, name)}'`).join(', ');
  const [found] = await duckdb(
    `SELECT count(*)::DOUBLE AS rows,
       coalesce(sum(round(bid * 100000)::BIGINT * (epoch_ns(time) % 1009 + 1)), 0)::DOUBLE AS sum
     FROM read_parquet([${parts}])`,
  );
  return found as { rows: number; sum: number };
}

describe('a directory of parts', () => {
  it('has the rows that were written, and leftovers beside it where a run was killed', async () => {
    expect((await expected(pathOf('several parts'))).rows).toBe(ROWS);
    expect((await expected(pathOf('several runs'))).rows).toBe(ROWS + 100);
    expect(await expected(pathOf('no rows'))).toEqual({ rows: 0, sum: 0 });
    expect((await expected(pathOf('partitions'))).rows).toBe(ROWS);
    expect((await expected(pathOf('killed after a checkpoint'))).rows).toBe(4);
    const { rows } = await expected(pathOf('killed'));
    expect([rows > 0, rows % 1_000]).toEqual([true, 0]);
    const leftovers = OUTPUTS.filter((name) =>
      (readdirSync(stateFolderOf(pathOf(name)), { recursive: true }) as string[]).some((file) =>
        file.endsWith('.staged'),
      ),
    );
    // The process may have been killed with no part open.
    expect(leftovers).toContain('killed after a checkpoint');
  });

  it.each(OUTPUTS)('opens in DuckDB in Node with one glob (%s)', async (name) => {
    const path = pathOf(name);
    const { rows } = await expected(path);
    const globs = [`${path}/**`, `${path}/**/*.parquet`, `${join(path, '..')}/**/*.parquet`];
    if (name !== 'partitions') globs.push(`${path}/*.parquet`, `${path}/*`);
    for (const glob of globs) {
      const found = await duckdb(`SELECT count(*)::DOUBLE AS rows FROM read_parquet('${glob}')`);
      expect([glob, found]).toEqual([glob, [{ rows }]]);
    }
  });
});

describe.runIf(hasPackages)(title, () => {
  it('open it with one call, and read what counts', async () => {
    const paths = OUTPUTS.map(pathOf);
    const { stdout, stderr, status } = spawnSync(PYTHON, [SCRIPT, ...paths], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const found = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found).toHaveLength(PYTHON_READERS * OUTPUTS.length);
    for (const { reader, directory, version: _, ...read } of found) {
      const name = basename(join(String(directory), '..'));
      expect([reader, name, read]).toEqual([reader, name, await expected(String(directory))]);
    }
  });
});
