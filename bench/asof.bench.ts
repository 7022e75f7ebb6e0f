// Question: how many trades and quotes a second go through an as-of join, in one thread, beside DuckDB's?
//
// Both join the same rows. Tickloom makes them itself, from a seed, inside the timed function. DuckDB reads
// them from tables in memory that were made before, which is in its favour.
import { join } from 'node:path';
import { callbackSink, createPipeline, type PipelineSpec } from '../src/index.js';
import { assertAgreement } from './support/bars-digest.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { type Contender, measureRates } from './support/measure.js';
import { runOurs } from './support/run-ours.js';

const TRADES = 10_000_000;
const QUICK_TRADES = 50_000;
const QUOTES_A_TRADE = 5;
const SYMBOLS = 100;

const trades = (rows: number) =>
  ({ use: 'synthetic', kind: 'trade', rows, seed: 1, symbols: SYMBOLS, interval: '500us' }) as const;
const quotes = (rows: number) =>
  ({
    use: 'synthetic',
    kind: 'quote',
    rows: rows * QUOTES_A_TRADE,
    seed: 2,
    symbols: SYMBOLS,
    interval: '100us',
  }) as const;

const spec = (rows: number, direction: 'backward' | 'nearest'): PipelineSpec => ({
  name: 'asof',
  source: trades(rows),
  operators: [{ use: 'asof', direction, with: quotes(rows), take: ['bid', 'ask'] }],
  sink: { use: 'null' },
});

const BACKWARD_SQL =
  'SELECT t.time, t.symbol, t.price, q.bid, q.ask FROM trades t ASOF LEFT JOIN quotes q ON t.symbol = q.symbol AND t.time >= q.time';

export default async function benchAsOf(context: BenchContext): Promise<BenchResult[]> {
  const rows = context.quick ? QUICK_TRADES : TRADES;
  const duckdb = await OneThreadDuckDb.open();
  try {
    context.progress('making the tables of DuckDB');
    for (const [name, source] of [
      ['trades', spec(rows, 'backward').source],
      ['quotes', quotes(rows)],
    ] as const) {
      const path = join(context.directory, name);
      await runOurs({ name, source, sink: { use: 'parquet', path } });
      await duckdb.run(`CREATE TABLE ${name} AS SELECT * FROM ${sqlText(`${path}/*.parquet`)}`);
    }
    context.progress('checking that both agree');
    assertAgreement(
      new Map([
        ['tickloom', await sumsOf(rows)],
        [
          'duckdb',
          await duckdb.numbers(
            `SELECT count(*) AS rows, count(bid) AS matched, round(sum(bid)) AS bid FROM (${BACKWARD_SQL})`,
          ),
        ],
      ]),
    );
    const count = rows * (1 + QUOTES_A_TRADE);
    const ours = (name: string, direction: 'backward' | 'nearest'): Contender => ({
      name,
      ours: true,
      count,
      run: () => runOurs(spec(rows, direction)),
    });
    return await measureRates(
      'rows of both',
      [
        ours('tickloom, backward', 'backward'),
        {
          name: 'duckdb, backward, 1 thread, from tables',
          ours: false,
          count,
          run: () => duckdb.run(`CREATE OR REPLACE TEMP TABLE joined AS ${BACKWARD_SQL}`),
        },
        ours('tickloom, nearest', 'nearest'),
      ],
      context,
    );
  } finally {
    duckdb.close();
  }
}

async function sumsOf(rows: number): Promise<Record<string, number>> {
  let count = 0;
  let matched = 0;
  let sum = 0;
  const sink = callbackSink((batch) => {
    const bid = batch.float64('bid');
    for (let row = 0; row < batch.length; row++) {
      count++;
      if (Number.isNaN(bid[row]!)) continue;
      matched++;
      sum += bid[row]!;
    }
  });
  await createPipeline(spec(rows, 'backward'), { sink }).run();
  return { rows: count, matched, bid: Math.round(sum) };
}
