// Question: how fast do trades get from a CSV file into a table, beside the loaders that the databases bring along?
//
// PostgreSQL: our sink (binary COPY) with and without checkpoints, psql's \copy of the same file and of a binary one,
// and a row at a time by prepared statements, of fewer rows. DuckDB: our sink, and its own COPY of CSV and of Parquet.
// CPU time is that of the client: the server of PostgreSQL is in none of it.
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FileCheckpointStore } from '../src/checkpoints/file-checkpoint-store.js';
import type { SinkSpec, SourceSpec } from '../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../src/runtime/pipeline-builder.js';
import { assertAgreement } from './support/bars-digest.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { type Contender, measureRates, type RemoteContender, timesOfRun } from './support/measure.js';
import { BenchSchema } from './support/postgres.js';
import { type QuoteRow, quoteRows } from './support/quote-rows.js';
import { timesOfProcess } from './support/whole-process.js';

const ROWS = 500_000;
const QUICK_ROWS = 20_000;
const SINGLE_ROWS = 5_000;
const QUICK_SINGLE_ROWS = 500;
const CHUNK = 1 << 20;
const CHECKPOINT_EVERY_MS = 1_000;
const OURS_POSTGRES = 'tickloom → PostgreSQL';
const OURS_DUCKDB = 'tickloom → DuckDB';

/** One way into a table, which is emptied before. */
type Loader = (Contender | RemoteContender) & { readonly empty: () => Promise<void> };

interface Trade {
  readonly time: string;
  readonly symbol: string;
  readonly price: number;
  readonly size: number;
}

function* trades(rows: number): Generator<Trade> {
  const quotes: Iterable<QuoteRow> = quoteRows({ rows, seed: 11, symbols: 10, intervalUs: 1_001 });
  for (const { time, symbol, bid, bidSize } of quotes) {
    const micros = String(time % 1_000).padStart(3, '0');
    const iso = `${new Date(Math.floor(time / 1_000)).toISOString().slice(0, -1)}${micros}Z`;
    yield { time: iso, symbol, price: bid, size: bidSize };
  }
}

async function writeTrades(path: string, rows: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    let text = 'time,symbol,price,size\n';
    for (const { time, symbol, price, size } of trades(rows)) {
      text += `${time},${symbol},${price},${size}\n`;
      if (text.length < CHUNK) continue;
      await file.appendFile(text);
      text = '';
    }
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}

const sourceOf = (path: string): SourceSpec => ({
  use: 'replay',
  path,
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'iso' }, symbol: 'symbol', price: 'price', size: 'size' },
});

async function runOurs(csv: string, sink: SinkSpec, settings: PipelineOptions = {}): Promise<void> {
  const { outcome, error } = await createPipeline(
    { name: 'trades', source: sourceOf(csv), sink },
    settings,
  ).run();
  if (outcome !== 'completed') throw new Error(`Tickloom ${outcome}: ${error?.message}`);
}

/** Prices count in hundredths, mixed with the microseconds of their row. */
const digestSql = (micros: string, whole: string, table: string): string =>
  `SELECT count(*) AS rows, count(DISTINCT symbol) AS symbols, sum(CAST(size AS ${whole})) AS sizes, ` +
  `sum((1 + ${micros} % 997) * CAST(round(price * 100) AS ${whole})) AS prices FROM ${table}`;

export default async function benchDatabases(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const rows = quick ? QUICK_ROWS : ROWS;
  const csv = join(directory, 'trades.csv');
  progress('making the file');
  await writeTrades(csv, rows);
  return [...(await benchPostgres(csv, rows, context)), ...(await benchDuckDb(csv, rows, context))];
}

async function benchPostgres(csv: string, rows: number, context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick } = context;
  const schema = await BenchSchema.open();
  if ('notRun' in schema) return [{ name: 'PostgreSQL', ours: false, notRun: schema.notRun }];
  const table = `${schema.name}.trades`;
  const binary = join(directory, 'trades.copy');
  const singleRows = quick ? QUICK_SINGLE_ROWS : SINGLE_ROWS;
  const single = [...trades(singleRows)];
  const sink = { use: 'postgres', connection: schema.connection, table } as const;
  const store = new FileCheckpointStore(join(directory, 'checkpoints'));
  const psql = (command: string) =>
    timesOfProcess(['--no-psqlrc', '--set=ON_ERROR_STOP=1', `--command=${command}`], {
      log: join(directory, 'psql.txt'),
      env: schema.environment,
      program: 'psql',
    });
  const digest = () =>
    schema.numbers(digestSql('CAST(extract(microseconds FROM time) AS bigint)', 'bigint', table));
  try {
    await schema.client.query(
      `CREATE TABLE ${table} (time timestamptz NOT NULL, symbol text NOT NULL, price float8 NOT NULL, size float8 NOT NULL)`,
    );
    // What the sink makes beside the table where there is a store.
    await runOurs(csv, { ...sink, create: 'if-missing' }, { store });
    await psql(`\\copy ${table} TO ${sqlText(binary)} WITH (FORMAT binary)`);
    const empty = async () => void (await schema.client.query(`TRUNCATE ${table}`));
    const like = OURS_POSTGRES;
    const insert = `INSERT INTO ${table} VALUES ($1, $2, $3, $4)`;
    return await measure(
      [
        { name: OURS_POSTGRES, ours: true, count: rows, empty, run: () => runOurs(csv, sink) },
        {
          name: `${OURS_POSTGRES}, a checkpoint each second`,
          ours: true,
          count: rows,
          empty,
          run: () => runOurs(csv, sink, { store, checkpointEveryMs: CHECKPOINT_EVERY_MS }),
        },
        ...[
          { what: 'the same CSV', options: 'FORMAT csv, HEADER', path: csv },
          { what: 'a binary file', options: 'FORMAT binary', path: binary },
        ].map(({ what, options, path }) => ({
          name: `psql \\copy of ${what}`,
          ours: false,
          like,
          count: rows,
          empty,
          runElsewhere: () => psql(`\\copy ${table} FROM ${sqlText(path)} WITH (${options})`),
        })),
        {
          name: 'pg, prepared INSERT of each row, one transaction',
          ours: false,
          like,
          count: singleRows,
          empty,
          run: async () => {
            await schema.client.query('BEGIN');
            for (const { time, symbol, price, size } of single) {
              await schema.client.query({
                name: 'insert',
                text: insert,
                values: [time, symbol, price, size],
              });
            }
            await schema.client.query('COMMIT');
          },
        },
      ],
      digest,
      context,
    );
  } finally {
    await schema.close();
  }
}

async function benchDuckDb(csv: string, rows: number, context: BenchContext): Promise<BenchResult[]> {
  const { directory } = context;
  const path = join(directory, 'trades.duckdb');
  const parquet = join(directory, 'trades.parquet');
  const store = new FileCheckpointStore(join(directory, 'duckdb-checkpoints'));
  const sink = {
    use: 'duckdb',
    path,
    table: 'trades',
    create: 'if-missing',
    types: { time: 'TIMESTAMP' },
  } as const;
  const empty = () => {
    for (const file of [path, `${path}.wal`]) rmSync(file, { force: true });
    return Promise.resolve();
  };
  const inFile = async <T>(use: (duckdb: OneThreadDuckDb) => Promise<T>): Promise<T> => {
    const duckdb = await OneThreadDuckDb.open(path);
    try {
      return await use(duckdb);
    } finally {
      duckdb.close();
    }
  };
  const copy = (file: string, options: string) =>
    inFile(async (duckdb) => {
      await duckdb.run(
        'CREATE TABLE trades ("time" TIMESTAMP NOT NULL, symbol VARCHAR NOT NULL, price DOUBLE NOT NULL, size DOUBLE NOT NULL)',
      );
      await duckdb.run(`COPY trades FROM ${sqlText(file)} (${options})`);
    });
  const digest = () =>
    inFile((duckdb) =>
      duckdb.numbers(digestSql('CAST(epoch_us(time) % 60000000 AS BIGINT)', 'BIGINT', 'trades')),
    );
  await copy(csv, 'FORMAT csv, HEADER');
  await inFile((duckdb) => duckdb.run(`COPY trades TO ${sqlText(parquet)} (FORMAT parquet)`));
  const like = OURS_DUCKDB;
  return measure(
    [
      { name: OURS_DUCKDB, ours: true, count: rows, empty, run: () => runOurs(csv, sink) },
      {
        name: `${OURS_DUCKDB}, a checkpoint each second`,
        ours: true,
        count: rows,
        empty,
        run: () => runOurs(csv, sink, { store, checkpointEveryMs: CHECKPOINT_EVERY_MS }),
      },
      ...[
        { what: 'the same CSV', file: csv, options: 'FORMAT csv, HEADER' },
        { what: 'Parquet', file: parquet, options: 'FORMAT parquet' },
      ].map(({ what, file, options }) => ({
        name: `DuckDB COPY of ${what}, 1 thread`,
        ours: false,
        like,
        count: rows,
        empty,
        run: () => copy(file, options),
      })),
    ],
    digest,
    context,
  );
}

/** Checks that those with all rows agree, and measures all of them by turns, without the emptying. */
async function measure(
  loaders: readonly Loader[],
  digest: () => Promise<Record<string, number>>,
  context: BenchContext,
): Promise<BenchResult[]> {
  context.progress('checking that all agree');
  const most = Math.max(...loaders.map(({ count }) => count));
  const results = new Map<string, Record<string, number>>();
  for (const loader of loaders) {
    await loader.empty();
    await ('run' in loader ? loader.run() : loader.runElsewhere());
    const found = await digest();
    if (loader.count === most) results.set(loader.name, found);
    else if (found.rows !== loader.count)
      throw new Error(`${loader.name}: expected ${loader.count} rows, found ${found.rows}`);
  }
  assertAgreement(results);
  const contenders = loaders.map(
    (loader): RemoteContender => ({
      name: loader.name,
      ours: loader.ours,
      count: loader.count,
      ...(loader.like !== undefined && { like: loader.like }),
      runElsewhere: async () => {
        await loader.empty();
        return 'run' in loader ? timesOfRun(() => loader.run()) : loader.runElsewhere();
      },
    }),
  );
  return measureRates('rows', contenders, context);
}
