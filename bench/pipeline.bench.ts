// Question: how many ticks a second go through source → filter → derived column → 1 s bars, in one thread?
//
// All but DuckDB make the ticks themselves, from the same seed, inside the timed function. DuckDB
// cannot: it reads them from a table in memory that was made before, which is in its favour.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { assertAgreement, type BarsDigest, digestBars, digestSql } from './support/bars-digest.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb } from './support/duckdb.js';
import { measureRates } from './support/measure.js';
import { type QuoteRowsSettings, quoteRows, syntheticSpec } from './support/quote-rows.js';
import { readCsvSql, writeQuotesFile } from './support/quotes-file.js';
import type { RowBar } from './support/row-bars.js';
import {
  type RowRun,
  type RowWork,
  runAsyncGenerators,
  runNodeStreams,
  runRxjs,
} from './support/row-streams.js';
import { runOurs } from './support/run-ours.js';

const SEED = 7;
const OUR_ROWS = 20_000_000;
const DUCKDB_ROWS = 5_000_000;
const PEER_ROWS = 1_000_000;
const QUICK_ROWS = 300_000;

/** 10,000 ticks and 100 bars a window; the filter lets 9 of 100 ticks fall. */
const ticks = (rows: number): QuoteRowsSettings => ({ rows, seed: SEED, symbols: 100, intervalUs: 100 });
const work: RowWork = {
  keeps: ({ bid, ask, bidSize }) => ask > bid && bidSize >= 10,
  everyUs: 1_000_000,
};
const WHERE = 'ask > bid and bidSize >= 10';
const BARS_SQL =
  'SELECT timestamp // 1000000 AS second, symbol, first(mid) AS open, max(mid) AS high, min(mid) AS low, ' +
  'last(mid) AS close, count(*) AS "count" FROM (SELECT timestamp, symbol, (bid + ask) / 2 AS mid FROM ticks ' +
  'WHERE ask > bid AND bid_size >= 10) GROUP BY ALL';

const spec = (rows: number, sink: PipelineSpec['sink']): PipelineSpec => ({
  name: 'pipeline',
  source: syntheticSpec(ticks(rows)),
  operators: [
    { use: 'filter', where: WHERE },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink,
});

export default async function benchPipeline(context: BenchContext): Promise<BenchResult[]> {
  const rows = (full: number) => (context.quick ? QUICK_ROWS : full);
  const duckdb = await OneThreadDuckDb.open();
  try {
    const file = join(context.directory, 'ticks.csv');
    context.progress('checking that all agree');
    await writeQuotesFile(file, ticks(rows(DUCKDB_ROWS)), { unit: 'us' });
    await duckdb.run(`CREATE TABLE ticks AS SELECT * FROM ${readCsvSql(file)}`);
    await checkAgreement(context, duckdb);

    const peer = (name: string, run: RowRun) => ({
      name,
      ours: false,
      count: rows(PEER_ROWS),
      run: () => run(quoteRows(ticks(rows(PEER_ROWS))), work, () => {}),
    });
    return await measureRates(
      'ticks',
      [
        {
          name: 'tickloom',
          ours: true,
          count: rows(OUR_ROWS),
          run: () => runOurs(spec(rows(OUR_ROWS), { use: 'null' })),
        },
        {
          name: 'duckdb, 1 thread, from a table',
          ours: false,
          count: rows(DUCKDB_ROWS),
          run: () => duckdb.run(`CREATE OR REPLACE TEMP TABLE bars AS ${BARS_SQL}`),
        },
        peer('rxjs', runRxjs),
        peer('node object streams', runNodeStreams),
        peer('async generators', runAsyncGenerators),
      ],
      context,
    );
  } finally {
    duckdb.close();
  }
}

async function checkAgreement({ directory }: BenchContext, duckdb: OneThreadDuckDb): Promise<void> {
  const path = join(directory, 'bars.csv');
  await runOurs(spec(QUICK_ROWS, { use: 'csv', path, timeFormat: 'us', ifExists: 'replace' }));
  const results = new Map<string, BarsDigest | Record<string, number>>();
  results.set('tickloom', digestBars(await readBars(path)));
  const limited = BARS_SQL.replace('FROM ticks', `FROM (FROM ticks LIMIT ${QUICK_ROWS})`);
  results.set('duckdb', await duckdb.numbers(digestSql('second', `(${limited})`)));
  for (const [name, run] of [
    ['rxjs', runRxjs],
    ['node object streams', runNodeStreams],
    ['async generators', runAsyncGenerators],
  ] as const) {
    const bars: RowBar[] = [];
    await run(quoteRows(ticks(QUICK_ROWS)), work, (bar) => bars.push(bar));
    results.set(name, digestBars(bars));
  }
  assertAgreement(results);
}

async function readBars(path: string): Promise<RowBar[]> {
  const rows: Record<string, string>[] = parse(await readFile(path), { columns: true });
  return rows.map(({ time, symbol = '', open, high, low, close, count }) => ({
    time: Number(time),
    symbol,
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
    count: Number(count),
  }));
}
