// Question: how fast does a CSV file of quotes become 1-minute bars in Parquet, in one thread?
//
// And of the same file in gzip? All write Parquet; the peers in JavaScript by hyparquet-writer, which costs
// them next to nothing: bars are few. The peers in JavaScript get a file of the same making that is shorter.
// Polars runs in processes of its own, once with one thread and once with as many as it takes by default.
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { assertAgreement, digestSql } from './support/bars-digest.js';
import { writeBarsParquet } from './support/bars-parquet.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { type Contender, measureRates, type RemoteContender } from './support/measure.js';
import { PolarsProcess } from './support/polars.js';
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
  const [csv, gzip, short] = [at('quotes.csv'), at('quotes.csv.gz'), at('short.csv')];
  progress('making the files');
  await writeQuotesFile(csv, quotes(rows));
  await pipeline(createReadStream(csv), createGzip(), createWriteStream(gzip));
  await writeQuotesFile(short, quotes(shortRows));

  const peers: readonly (readonly [string, RowRun])[] = [
    ['csv-parse → rxjs', runRxjs],
    ['csv-parse → node object streams', runNodeStreams],
    ['csv-parse → async generators', runAsyncGenerators],
  ];
  const duckdb = await OneThreadDuckDb.open();
  const polars = await PolarsProcess.openBoth();
  const polarsProcesses = 'notRun' in polars ? [] : polars;
  try {
    progress('checking that all agree');
    const digest = (files: string) =>
      duckdb.numbers(digestSql('epoch(time)::BIGINT', `read_parquet(${sqlText(files)})`));
    for (const file of [csv, gzip, short]) {
      await runTickloom(file, at('ours'));
      await duckdb.run(duckdbSql(file, at('duckdb.parquet')));
      const results = new Map([
        ['duckdb', await digest(at('duckdb.parquet'))],
        ['tickloom', await digest(at('ours/*.parquet'))],
      ]);
      for (const process of polarsProcesses) {
        await process.run({ work: 'bars', csv: file, path: at('peer.parquet') });
        results.set(process.name, await digest(at('peer.parquet')));
      }
      for (const [name, run] of file === short ? peers : []) {
        await runRows(run, file, at('peer.parquet'));
        results.set(name, await digest(at('peer.parquet')));
      }
      assertAgreement(results);
    }

    /** Those that read one file, with what of it their names say. */
    const columnar = (file: string, addition: string): (Contender | RemoteContender)[] => [
      {
        name: `tickloom${addition}`,
        ours: true,
        count: rows,
        run: () => runTickloom(file, at('ours')),
      },
      {
        name: `duckdb, 1 thread${addition}`,
        ours: false,
        like: `tickloom${addition}`,
        count: rows,
        run: () => duckdb.run(duckdbSql(file, at('duckdb.parquet'))),
      },
      ...polarsProcesses.map((process) =>
        process.contender(
          rows,
          { work: 'bars', csv: file, path: at('peer.parquet') },
          `tickloom${addition}`,
          addition,
        ),
      ),
    ];
    const measured = await measureRates(
      'rows',
      [
        ...columnar(csv, ''),
        ...columnar(gzip, ', gzip'),
        ...peers.map(([name, run]) => ({
          name,
          ours: false,
          count: shortRows,
          run: () => runRows(run, short, at('peer.parquet')),
        })),
      ],
      context,
    );
    return 'notRun' in polars ? [...measured, polars] : measured;
  } finally {
    duckdb.close();
    for (const process of polarsProcesses) process.close();
  }
}
