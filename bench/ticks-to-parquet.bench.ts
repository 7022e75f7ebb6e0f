// Question: how fast does a CSV file of quotes become Parquet with every row kept, in one thread?
//
// All compress with Snappy. The peers in JavaScript write by hyparquet-writer, a file a part of
// 100,000 rows, and get a file of the same making that is shorter. Polars runs in processes of its own,
// once with one thread and once with as many as it takes by default.
import { join } from 'node:path';
import { bufferCount, concatMap, from, lastValueFrom } from 'rxjs';
import { assertAgreement } from './support/bars-digest.js';
import { writeQuotesParquet } from './support/bars-parquet.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { measureRates } from './support/measure.js';
import { PolarsProcess } from './support/polars.js';
import type { QuoteRow } from './support/quote-rows.js';
import { parsedQuotes, readCsvSql, replaySpec, writeQuotesFile } from './support/quotes-file.js';
import { runOurs } from './support/run-ours.js';

const ROWS = 3_000_000;
const SHORT_ROWS = 300_000;
const QUICK_SHORT_ROWS = 50_000;
const PART_ROWS = 100_000;
const quotes = (rows: number) => ({ rows, seed: 11, symbols: 10, intervalUs: 10_000 });

const runTickloom = (csv: string, path: string) =>
  runOurs({ name: 'ticks', source: replaySpec(csv), sink: { use: 'parquet', path, ifExists: 'replace' } });

const duckdbSql = (csv: string, path: string): string =>
  'COPY (SELECT make_timestamp_ns(timestamp * 1000000) AS time, symbol, bid, ask, bid_size AS "bidSize", ' +
  `ask_size AS "askSize" FROM ${readCsvSql(csv)}) TO ${sqlText(path)} (FORMAT parquet)`;

async function runRxjs(csv: string, path: (part: number) => string): Promise<void> {
  await lastValueFrom(
    from(parsedQuotes(csv)).pipe(
      bufferCount(PART_ROWS),
      concatMap((rows, part) => writeQuotesParquet(path(part), rows)),
    ),
  );
}

async function runAsyncGenerator(csv: string, path: (part: number) => string): Promise<void> {
  let part = 0;
  for await (const rows of parts(parsedQuotes(csv))) await writeQuotesParquet(path(part++), rows);
}

async function* parts(rows: AsyncIterable<QuoteRow>): AsyncGenerator<QuoteRow[]> {
  let part: QuoteRow[] = [];
  for await (const row of rows) {
    part.push(row);
    if (part.length < PART_ROWS) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

export default async function benchTicksToParquet(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const shortRows = quick ? QUICK_SHORT_ROWS : SHORT_ROWS;
  const rows = quick ? SHORT_ROWS : ROWS;
  const at = (name: string) => join(directory, name);
  const partPath = (part: number) => at(`peer-${part}.parquet`);
  const [csv, short] = [at('quotes.csv'), at('short.csv')];
  progress('making the files');
  await writeQuotesFile(csv, quotes(rows));
  await writeQuotesFile(short, quotes(shortRows));

  const duckdb = await OneThreadDuckDb.open();
  const polars = await PolarsProcess.openBoth();
  const polarsProcesses = 'notRun' in polars ? [] : polars;
  try {
    progress('checking that all agree');
    const digest = (files: string) =>
      duckdb.numbers(
        'SELECT count(*) AS rows, sum(epoch_ms(time) % 999983) AS times, sum(round(bid * 1000)) AS bids, ' +
          'sum(round(ask * 1000) * (1 + epoch_ms(time) % 97)) AS asks, sum("bidSize") AS "bidSizes", ' +
          'sum("askSize") AS "askSizes", sum(ascii(right(symbol, 1)) * "askSize") AS symbols ' +
          `FROM read_parquet(${sqlText(files)})`,
      );
    for (const file of [csv, short]) {
      await runTickloom(file, at('ours'));
      await duckdb.run(duckdbSql(file, at('duckdb.parquet')));
      const results = new Map([
        ['duckdb', await digest(at('duckdb.parquet'))],
        ['tickloom', await digest(at('ours/*.parquet'))],
      ]);
      for (const process of polarsProcesses) {
        await process.run({ work: 'ticks', csv: file, path: at('polars.parquet') });
        results.set(process.name, await digest(at('polars.parquet')));
      }
      if (file === short) {
        await runRxjs(file, partPath);
        results.set('rxjs', await digest(at('peer-*.parquet')));
        await runAsyncGenerator(file, partPath);
        results.set('async generators', await digest(at('peer-*.parquet')));
      }
      assertAgreement(results);
    }

    const measured = await measureRates(
      'rows',
      [
        { name: 'tickloom', ours: true, count: rows, run: () => runTickloom(csv, at('ours')) },
        {
          name: 'duckdb, 1 thread',
          ours: false,
          count: rows,
          run: () => duckdb.run(duckdbSql(csv, at('duckdb.parquet'))),
        },
        ...polarsProcesses.map((process) =>
          process.contender(rows, { work: 'ticks', csv, path: at('polars.parquet') }, 'tickloom'),
        ),
        {
          name: 'csv-parse → rxjs → hyparquet-writer',
          ours: false,
          count: shortRows,
          run: () => runRxjs(short, partPath),
        },
        {
          name: 'csv-parse → async generators → hyparquet-writer',
          ours: false,
          count: shortRows,
          run: () => runAsyncGenerator(short, partPath),
        },
      ],
      context,
    );
    return 'notRun' in polars ? [...measured, polars] : measured;
  } finally {
    duckdb.close();
    for (const process of polarsProcesses) process.close();
  }
}
