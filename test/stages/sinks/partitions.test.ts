import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { inspectOutput } from '../../../src/outputs/inspect/inspect-output.js';
import { stateFolderOf } from '../../../src/outputs/runs/state-folder.js';
import { csvSink } from '../../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../../src/stages/sinks/csv/options.js';
import { jsonlSink } from '../../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../../src/stages/sinks/jsonl/options.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { duckdb as query } from './duckdb.js';
import { batchOf, contextOf, temporaryDirectory } from './sink-rows.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'level', type: 'int32' },
    { name: 'ok', type: 'boolean' },
    { name: 'price', type: 'float64' },
  ],
};
const DAY = 86_400_000_000_000n;
const START = 1_704_067_200_000_000_000n; // 2024-01-01

function makeSink(
  options: Record<string, unknown>,
  path = join(temporaryDirectory(), 'out'),
  more: { readonly resuming?: boolean; readonly checkpointed?: boolean } = {},
) {
  const warnings: unknown[] = [];
  const dictionaries = new DictionarySet();
  const context = contextOf('job', { dictionaries, ...more });
  const log = { ...context.log, warn: (...of: unknown[]) => void warnings.push(of) };
  const sink = parquetSink.create(ParquetSinkOptions.parse({ path, ...options }), SCHEMA, {
    ...context,
    log,
  } as typeof context);
  const write = (rows: readonly Row[]) => sink.write(batchOf(SCHEMA, rows, dictionaries));
  return { sink, path, write, warnings };
}

async function writeAll(options: Record<string, unknown>, batches: readonly (readonly Row[])[]) {
  const run = makeSink(options);
  await run.sink.open();
  for (const rows of batches) await run.write(rows);
  await run.sink.flush();
  await run.sink.close();
  return run;
}

const row = (i: number, symbol: string | null = `S${i % 3}`): Row => ({
  time: START + BigInt(i) * (DAY / 4n),
  symbol,
  level: (i % 5) - 2,
  ok: i % 2 === 0,
  price: i,
});
const rows = (count: number) => Array.from({ length: count }, (_, i) => row(i));

const foldersOf = (path: string): string[] =>
  (readdirSync(path, { recursive: true }) as string[])
    .filter((name) => name.includes('=') && !name.includes('job-'))
    .sort();
const filesOf = (path: string): string[] =>
  (readdirSync(path, { recursive: true }) as string[]).filter((name) => name.endsWith('.parquet')).sort();

function problemsOf(options: Record<string, unknown>, schema = SCHEMA): string[] {
  const problems: string[] = [];
  const add = (path: readonly PropertyKey[], message: string) =>
    void problems.push(`${path.join('.')}: ${message}`);
  csvSink.plan(CsvSinkOptions.parse(options), schema, { add } as never);
  return problems;
}

describe('rows by partition', () => {
  it('are read back by DuckDB with the columns of their folders', async () => {
    const { path } = await writeAll({ partitionBy: ['symbol', 'day'] }, [rows(50), rows(120).slice(50)]);
    expect(foldersOf(path).slice(0, 3)).toEqual([
      'symbol=S0',
      'symbol=S0/day=2024-01-01',
      'symbol=S0/day=2024-01-02',
    ]);
    const found = await query(
      `SELECT symbol, day::VARCHAR AS day, price FROM read_parquet('${path}/**/*.parquet', hive_partitioning = true) ORDER BY price`,
    );
    expect(found).toEqual(
      rows(120).map(({ symbol, time, price }) => ({
        symbol,
        day: new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(0, 10),
        price,
      })),
    );
    const columns = await query(
      `DESCRIBE SELECT * FROM read_parquet('${path}/symbol=S0/day=2024-01-01/*.parquet', hive_partitioning = false)`,
    );
    expect(columns.map(({ column_name }) => column_name)).toEqual(['time', 'level', 'ok', 'price']);
  });

  it('may have any value, which leads nowhere else', async () => {
    const symbols = ['../../x', 'BTC/USD', 'a=b', 'ü €', '', null, 'NUL\0', '.', '..', 'a b'];
    const all = symbols.map((symbol, i) => row(i, symbol));
    const { path } = await writeAll({ partitionBy: ['symbol'] }, [all]);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.out.tickloom', 'out']);
    expect(readdirSync(path).sort()).toEqual(
      [
        'symbol=',
        'symbol=%C3%BC%20%E2%82%AC',
        'symbol=.',
        'symbol=..',
        'symbol=..%2F..%2Fx',
        'symbol=BTC%2FUSD',
        'symbol=NUL%00',
        'symbol=__HIVE_DEFAULT_PARTITION__',
        'symbol=a%20b',
        'symbol=a%3Db',
      ].sort(),
    );
    const found = await query(
      `SELECT symbol, price FROM read_parquet('${path}/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)
       WHERE symbol NOT LIKE 'NUL%' ORDER BY price`,
    );
    expect(found.map(({ price }) => price)).toHaveLength(symbols.length - 1 - 1); // without the one that is null
    expect(found.map(({ symbol }) => symbol)).toEqual(
      symbols.filter((symbol) => symbol !== null && symbol !== 'NUL\0'),
    );
  });

  it('are those of a file each, whatever the batches and however few files may be open', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 200 })), { maxLength: 40 }), {
          maxLength: 8,
        }),
        fc.subarray(['symbol', 'level', 'ok', 'hour', 'month', 'year'], { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 5 }),
        async (batches, partitionBy, openPartsMax) => {
          let price = 0;
          const made = batches.map((batch) =>
            batch.map(([symbol, at]) => ({ ...row(at, `S${symbol}`), price: price++ }) as Row),
          );
          const { path } = await writeAll({ partitionBy, openPartsMax }, made);
          if (price === 0) return;
          const found = await query(
            `SELECT price, filename FROM read_parquet('${path}/**/*.parquet', filename = true) ORDER BY price`,
          );
          const folders = made.flat().map(({ symbol, level, ok, time }) => {
            const iso = new Date(Number((time as bigint) / 1_000_000n)).toISOString();
            const values: Record<string, unknown> = { symbol, level, ok };
            const times = { hour: iso.slice(0, 13), month: iso.slice(0, 7), year: iso.slice(0, 4) };
            return partitionBy.map((by) => `${by}=${{ ...values, ...times }[by]}`).join('/');
          });
          expect(
            found.map(({ filename }) =>
              String(filename)
                .slice(path.length + 1)
                .replace(/\/job-.*/, ''),
            ),
          ).toEqual(folders);
          expect(found.map((one) => one.price)).toEqual(folders.map((_, i) => i));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('end in small files where they come for more partitions than may be open, which is told once', async () => {
    const many = Array.from({ length: 60 }, (_, i) => row(i, `S${i % 6}`));
    const run = makeSink({ partitionBy: ['symbol'], openPartsMax: 2 });
    await run.sink.open();
    for (const one of many) await run.write([one]);
    expect(run.sink.statistics()).toMatchObject({ parts: 58, partsOpen: 2 });
    await run.sink.flush();
    await run.sink.close();
    expect(filesOf(run.path)).toHaveLength(60);
    expect(run.warnings).toHaveLength(1);
  });

  it('count one that was rotated no more among those that are open', async () => {
    const run = makeSink({ partitionBy: ['symbol'], openPartsMax: 2, rotate: { rows: 2 } });
    await run.sink.open();
    for (const symbol of ['B', 'A', 'A', 'C']) await run.write([row(0, symbol)]);
    expect(run.sink.statistics()).toMatchObject({ parts: 1, partsOpen: 2 });
    expect(foldersOf(run.path)).toEqual(['symbol=A']);
    await run.write([row(0, 'B')]);
    await run.sink.flush();
    await run.sink.close();
    expect(filesOf(run.path)).toHaveLength(3);
    expect(run.warnings).toEqual([]);
  });

  it.each([1, 2, 3, 8])(
    'go on with fewer open where only %i may be, and lose no row',
    async (openPartsMax) => {
      const context = { checkpointed: true };
      const first = makeSink({ partitionBy: ['symbol'] }, undefined, context);
      await first.sink.open();
      for (let i = 0; i < 12; i++) await first.write([row(i, `S${i % 4}`)]);
      const { position } = await first.sink.prepare(false);

      const second = makeSink({ partitionBy: ['symbol'], openPartsMax }, first.path, {
        ...context,
        resuming: true,
      });
      await second.sink.open();
      await second.sink.resume(JSON.parse(JSON.stringify(position)));
      expect(second.sink.statistics()).toMatchObject({ partsOpen: Math.min(4, openPartsMax) });
      await second.write([row(12, 'S3'), row(13, 'S3')]);
      const last = await second.sink.prepare(true);
      expect(last.rows).toBe(2);
      await second.sink.commit(last.position);
      await second.sink.flush();
      await second.sink.close();
      await first.sink.close();
      expect(second.warnings).toEqual([]);
      const found = await query(
        `SELECT price, filename FROM read_parquet('${first.path}/*/*.parquet', filename = true) ORDER BY price`,
      );
      expect(found.map(({ price }) => price)).toEqual(Array.from({ length: 14 }, (_, i) => i));
      // The one that rows came for last went on.
      expect(new Set(found.map(({ filename }) => filename)).size).toBe(4);
    },
  );

  it('keep memory for a bounded number of rows that wait for their row group', async () => {
    const run = makeSink({ partitionBy: ['symbol'], rowGroupRows: 1_048_576 });
    await run.sink.open();
    let written = 0;
    for (let i = 0; i < 90; i++) {
      const batch = Array.from({ length: 20_000 }, (_, j) => ({
        ...row(j),
        symbol: `S${j % 20}`,
        price: Math.sqrt(i * 20_000 + j),
      }));
      await run.write(batch);
      written += batch.length;
    }
    // Some were written down though no row group was full.
    expect(run.sink.bytesOut).toBeGreaterThan(4_000_000);
    await run.sink.flush();
    await run.sink.close();
    const [found] = await query(
      `SELECT count(*)::INTEGER AS rows FROM read_parquet('${run.path}/*/*.parquet')`,
    );
    expect(found).toEqual({ rows: written });
  });

  it.each(['Öl', '-x', 'a b', '%41', 'µ=/..'])(
    'are found again whatever their column is called: %s',
    async (column) => {
      const schema: Schema = {
        kind: 'custom',
        columns: [...SCHEMA.columns, { name: column, type: 'string' }],
      };
      const path = join(temporaryDirectory(), 'out');
      const start = (ifExists: string) => {
        const context = contextOf();
        const options = JsonlSinkOptions.parse({ path, partitionBy: ['symbol', column], ifExists });
        const sink = jsonlSink.create(options, schema, context);
        const write = () =>
          sink.write(batchOf(schema, [{ ...row(0), [column]: '.-é' }], context.dictionaries));
        return { sink, write };
      };
      const first = start('error');
      await first.sink.open();
      await first.write();
      await first.sink.flush();
      await first.sink.close();
      const found = () =>
        readdirSync(path, { recursive: true }).filter((name) => /\.jsonl$/.test(String(name)));
      expect(found()).toHaveLength(1);
      await expect(start('error').sink.open()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
      const second = start('replace');
      await second.sink.open();
      await second.write();
      await second.sink.flush();
      await second.sink.close();
      expect(found()).toHaveLength(1);
      expect((await inspectOutput(path)).files.map(({ part }) => part?.sequence)).toEqual([1]);
    },
  );

  it('leave no file where there is no row', async () => {
    const { path } = await writeAll({ partitionBy: ['symbol'] }, []);
    expect(readdirSync(path)).toEqual([]);
  });

  it('are added to or replaced as in one directory, and empty folders go', async () => {
    const first = await writeAll({ partitionBy: ['symbol'] }, [rows(9)]);
    const again = (options: Record<string, unknown>) => makeSink(options, first.path);
    await expect(again({ partitionBy: ['symbol'] }).sink.open()).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
    await expect(again({ partitionBy: ['day'], ifExists: 'append' }).sink.open()).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('symbol partition'),
    });
    const more = again({ partitionBy: ['symbol'], ifExists: 'append' });
    await more.sink.open();
    await more.write([row(1)]);
    await more.sink.flush();
    await more.sink.close();
    expect(filesOf(first.path)).toHaveLength(4);
    const other = again({ partitionBy: ['symbol'], ifExists: 'replace' });
    await other.sink.open();
    await other.write([row(1)]);
    await other.sink.flush();
    await other.sink.close();
    expect(foldersOf(first.path)).toEqual(['symbol=S1']);
    expect(filesOf(first.path)).toHaveLength(1);
    expect(readdirSync(join(stateFolderOf(first.path)))).not.toContain('replacing');
  });

  it.each([false, true])(
    'are replaced by none where no row comes, with a store: %s',
    async (checkpointed) => {
      const first = await writeAll({ partitionBy: ['symbol'] }, [rows(9)]);
      const options = { partitionBy: ['symbol'], ifExists: 'replace' };
      const { sink, path } = makeSink(options, first.path, { checkpointed });
      await sink.open();
      if (checkpointed) await sink.commit((await sink.prepare(true)).position);
      expect(filesOf(path)).toHaveLength(3);
      await sink.flush();
      await sink.close();
      expect(readdirSync(path)).toEqual([]);
    },
  );

  it.each(['link', 'file'])('do not go where a %s stands in the place of their folder', async (kind) => {
    const run = makeSink({ partitionBy: ['symbol'] });
    await run.sink.open();
    await run.write([row(0)]);
    const elsewhere = temporaryDirectory();
    mkdirSync(run.path, { recursive: true });
    if (kind === 'link') symlinkSync(elsewhere, join(run.path, 'symbol=S0'));
    else writeFileSync(join(run.path, 'symbol=S0'), '');
    await expect(run.sink.flush()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining(`found a ${kind}`),
    });
    await run.sink.close();
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it('are refused where their folder would have too long a name', async () => {
    const run = makeSink({ partitionBy: ['symbol'] });
    await run.sink.open();
    await expect(run.write([row(0, 'x'.repeat(300))])).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('at most 255 bytes, found one of 307'),
    });
    await run.sink.close();
  });
});

describe('a spec with partitions', () => {
  const path = 'out';
  it.each([
    [
      { path, partitionBy: ['symbl'] },
      /^partitionBy: expected one of symbol, level, ok, year, .* found "symbl"$/,
    ],
    [
      { path, partitionBy: ['price'] },
      /^partitionBy: expected columns of type string, .* found "price" of type float64$/,
    ],
    [
      { path, partitionBy: ['time'] },
      /^partitionBy: .* of type timestamp; by time, use year, month, day, hour$/,
    ],
    [{ path, partitionBy: ['symbol', 'symbol'] }, /^partitionBy: expected "symbol" once, found it twice$/],
    [{ path: 'out.csv', partitionBy: ['symbol'] }, /^partitionBy: expected a directory as "path"/],
  ])('names what is wrong with %j', (options, problem) => {
    expect(problemsOf(options)).toEqual([expect.stringMatching(problem)]);
  });

  it.each(['_x', '.x'])('may not have a column whose folders readers skip: %s', (column) => {
    const schema: Schema = { kind: 'custom', columns: [...SCHEMA.columns, { name: column, type: 'string' }] };
    expect(problemsOf({ path, partitionBy: [column] }, schema)).toEqual([
      expect.stringMatching(
        /^partitionBy: .*, found ".x": pandas and pyarrow skip .* rename it before the sink$/,
      ),
    ]);
  });

  it('needs a column for the files, and a time for its parts', () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'symbol', type: 'string' }] };
    expect(problemsOf({ path, partitionBy: ['symbol'] }, schema)).toEqual([
      'partitionBy: expected at least one column to remain for the files, found none',
    ]);
    expect(problemsOf({ path, partitionBy: ['day'] }, schema)).toEqual([
      'partitionBy: expected rows with a timestamp column "time" to partition by "day", found none',
    ]);
  });

  it('cannot have control records', () => {
    const problems: unknown[] = [];
    const options = JsonlSinkOptions.parse({ path, partitionBy: ['symbol'], controls: true });
    jsonlSink.plan(options, SCHEMA, { add: (...of: unknown[]) => void problems.push(of) } as never);
    expect(problems).toEqual([[['controls'], expect.stringContaining('expected no control records')]]);
  });
});
