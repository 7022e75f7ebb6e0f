// Question: how fast do 100 files that overlap in time become one stream, in one thread?
//
// Ours gives the rows to the null sink; DuckDB sorts them into a temporary table, so that it makes all
// of them as well. And what do 100 files cost that do not overlap, beside one file of the same rows?
import { join } from 'node:path';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { measureRates } from './support/measure.js';
import { readCsvSql, replaySpec, writeQuotesFile, writeSplitQuotes } from './support/quotes-file.js';
import { runOurs } from './support/run-ours.js';

const FILES = 100;
const ROWS_PER_FILE = 30_000;
const QUICK_ROWS_PER_FILE = 2_000;

const runMerge = (files: readonly string[]) =>
  runOurs({ name: 'merge', source: replaySpec(files), sink: { use: 'null' } });

/** Each row has its instant to itself, so that there is one right order. */
const sortSql = (files: readonly string[]): string =>
  `CREATE OR REPLACE TEMP TABLE merged AS SELECT * FROM ${readCsvSql(files)} ORDER BY timestamp`;

export default async function benchMerge(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const rows = FILES * (quick ? QUICK_ROWS_PER_FILE : ROWS_PER_FILE);
  const settings = { rows, seed: 13, symbols: FILES, intervalUs: 1_000 };
  const at = (name: string) => join(directory, name);
  progress('making the files');
  const one = at('one.csv');
  await writeQuotesFile(one, settings);
  const overlapping = Array.from({ length: FILES }, (_, file) => at(`overlap-${file}.csv`));
  await writeSplitQuotes(overlapping, settings, (row) => row % FILES);
  const apart = Array.from({ length: FILES }, (_, file) => at(`apart-${file}.csv`));
  await writeSplitQuotes(apart, settings, (row) => Math.floor(row / (rows / FILES)));

  const duckdb = await OneThreadDuckDb.open();
  try {
    progress('checking that both agree');
    await runOurs({
      name: 'check',
      source: replaySpec(overlapping),
      sink: { use: 'parquet', path: at('ours'), ifExists: 'replace' },
    });
    await duckdb.run(sortSql(overlapping));
    const { ours, differing } = await duckdb.numbers(
      'SELECT count(o.n) AS ours, count(*) FILTER (o.n IS NULL OR epoch_ms(o.time) <> m.timestamp OR o.symbol <> m.symbol ' +
        'OR o.bid <> m.bid OR o.ask <> m.ask OR o."bidSize" <> m.bid_size OR o."askSize" <> m.ask_size) AS differing ' +
        'FROM (SELECT *, row_number() OVER () AS n FROM merged) m FULL JOIN ' +
        `(SELECT *, row_number() OVER () AS n FROM read_parquet(${sqlText(at('ours/*.parquet'))})) o USING (n)`,
    );
    if (ours !== rows || differing !== 0) {
      throw new Error(`expected ${rows} rows as DuckDB has them, found ${ours}, ${differing} of them others`);
    }

    return await measureRates(
      'rows',
      [
        {
          name: 'tickloom, 100 files that overlap',
          ours: true,
          count: rows,
          run: () => runMerge(overlapping),
        },
        {
          name: 'duckdb, 1 thread, ORDER BY over the same',
          ours: false,
          count: rows,
          run: () => duckdb.run(sortSql(overlapping)),
        },
        {
          name: 'tickloom, 100 files that do not overlap',
          ours: true,
          count: rows,
          run: () => runMerge(apart),
        },
        { name: 'tickloom, one file of the same rows', ours: true, count: rows, run: () => runMerge([one]) },
      ],
      context,
    );
  } finally {
    duckdb.close();
  }
}
