// Question: how fast does a CSV file of quotes become 1-minute bars in Parquet, in one thread?
//
// All write Parquet; the peers in JavaScript by hyparquet-writer, which costs them next to nothing:
// bars are few. The peers in JavaScript get a file of the same making that is shorter.
import { join } from 'node:path';
import { assertAgreement, digestSql } from './support/bars-digest.js';
import { writeBarsParquet } from './support/bars-parquet.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { measureRates } from './support/measure.js';
import { parsedQuotes, readCsvSql, replaySpec, writeQuotesFile } from './support/quotes-file.js';
import type { RowBar } from './support/row-bars.js';
import {
  type RowRun,
  type RowWork,
  runAsyncGenerators,
  runNodeStreams,
  runRxjs,
} from './support/row-streams.js';
import { runOurs } from './support/run-ours.js';

const ROWS = 3_000_000;
const SHORT_ROWS = 300_000;
const QUICK_SHORT_ROWS = 50_000;
/** 6,000 rows and 10 bars a minute. */
const quotes = (rows: number) => ({ rows, seed: 11, symbols: 10, intervalUs: 10_000 });

const work: RowWork = { keeps: ({ bid, ask }) => bid > 0 && ask >= bid, everyUs: 60_000_000 };

const runTickloom = (csv: string, path: string) =>
  runOurs({
    name: 'bars',
    source: replaySpec(csv),
    operators: [
      { use: 'filter', where: 'bid > 0 and ask >= bid' },
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'bars', every: '1m', price: 'mid' },
    ],
    sink: { use: 'parquet', path, ifExists: 'replace' },
  });

const duckdbSql = (csv: string, path: string): string =>
  "COPY (SELECT time_bucket(INTERVAL '1 minute', make_timestamp(timestamp * 1000)) AS time, symbol, " +
  'first(mid) AS open, max(mid) AS high, min(mid) AS low, last(mid) AS close, count(*)::INTEGER AS "count" ' +
  `FROM (SELECT timestamp, symbol, (bid + ask) / 2 AS mid FROM ${readCsvSql(csv)} WHERE bid > 0 AND ask >= bid) ` +
  `GROUP BY ALL ORDER BY ALL) TO ${sqlText(path)} (FORMAT parquet)`;

async function runRows(run: RowRun, csv: string, path: string): Promise<void> {
  const bars: RowBar[] = [];
  await run(parsedQuotes(csv), work, (bar) => bars.push(bar));
  await writeBarsParquet(path, bars);
}

export default async function benchCsvToParquet(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const shortRows = quick ? QUICK_SHORT_ROWS : SHORT_ROWS;
  const rows = quick ? SHORT_ROWS : ROWS;
  const at = (name: string) => join(directory, name);
  const [csv, short] = [at('quotes.csv'), at('short.csv')];
  progress('making the files');
  await writeQuotesFile(csv, quotes(rows));
  await writeQuotesFile(short, quotes(shortRows));

  const peers: readonly (readonly [string, RowRun])[] = [
    ['csv-parse → rxjs', runRxjs],
    ['csv-parse → node object streams', runNodeStreams],
    ['csv-parse → async generators', runAsyncGenerators],
  ];
  const duckdb = await OneThreadDuckDb.open();
  try {
    progress('checking that all agree');
    const digest = (files: string) =>
      duckdb.numbers(digestSql('epoch(time)::BIGINT', `read_parquet(${sqlText(files)})`));
    for (const file of [csv, short]) {
      await runTickloom(file, at('ours'));
      await duckdb.run(duckdbSql(file, at('duckdb.parquet')));
      const results = new Map([
        ['duckdb', await digest(at('duckdb.parquet'))],
        ['tickloom', await digest(at('ours/*.parquet'))],
      ]);
      for (const [name, run] of file === short ? peers : []) {
        await runRows(run, file, at('peer.parquet'));
        results.set(name, await digest(at('peer.parquet')));
      }
      assertAgreement(results);
    }

    return await measureRates(
      'rows',
      [
        { name: 'tickloom', ours: true, count: rows, run: () => runTickloom(csv, at('ours')) },
        {
          name: 'duckdb, 1 thread',
          ours: false,
          count: rows,
          run: () => duckdb.run(duckdbSql(csv, at('duckdb.parquet'))),
        },
        ...peers.map(([name, run]) => ({
          name,
          ours: false,
          count: shortRows,
          run: () => runRows(run, short, at('peer.parquet')),
        })),
      ],
      context,
    );
  } finally {
    duckdb.close();
  }
}
