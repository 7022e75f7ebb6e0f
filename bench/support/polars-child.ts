/**
 * A process with Polars that makes Parquet files of CSV files when it is asked to, and posts what each took.
 * Polars reads POLARS_MAX_THREADS once, when it is loaded.
 */
import { createRequire } from 'node:module';
import { timesOfRun } from './measure.js';
import type { PolarsOrder, PolarsReady } from './polars-messages.js';

/** What is used here of the package, which need not be installed. */
interface Polars {
  col(name: string): Expression;
  scanCSV(path: string, options: { schema: Record<string, unknown> }): LazyFrame;
  Datetime(unit: 'ms'): unknown;
  readonly Int64: unknown;
  readonly Utf8: unknown;
  readonly Float64: unknown;
}
type BinaryMethod = 'gt' | 'gtEq' | 'and' | 'plus' | 'minus' | 'div' | 'modulo';
type Aggregate = 'first' | 'max' | 'min' | 'last' | 'count';
type Expression = Readonly<
  Record<BinaryMethod, (of: Expression | number) => Expression> & Record<Aggregate, () => Expression>
> & {
  cast(type: unknown): Expression;
  alias(name: string): Expression;
};
interface LazyFrame {
  filter(condition: Expression): LazyFrame;
  select(...columns: Expression[]): LazyFrame;
  groupBy(columns: readonly string[]): { agg(...columns: Expression[]): LazyFrame };
  sort(columns: readonly string[]): LazyFrame;
  collect(): Promise<{ writeParquet(path: string, options: { compression: 'snappy' }): void }>;
}

const post = (message: unknown) => void process.send?.(message);
const require = createRequire(import.meta.url);
const polars = load();
if (polars === undefined) process.disconnect?.();
else {
  process.on('message', async (order: PolarsOrder) => post(await timesOfRun(() => write(polars, order))));
}

function load(): Polars | undefined {
  try {
    const loaded: Polars = require('nodejs-polars');
    const { version }: { readonly version: string } = require('nodejs-polars/package.json');
    post({ version } satisfies PolarsReady);
    return loaded;
  } catch (error) {
    const [missing = ''] = String((error as Error).message).split('\n');
    post({ missing } satisfies PolarsReady);
    return undefined;
  }
}

async function write(pl: Polars, { work, csv, path }: PolarsOrder): Promise<void> {
  const schema = {
    timestamp: pl.Int64,
    symbol: pl.Utf8,
    bid: pl.Float64,
    ask: pl.Float64,
    bid_size: pl.Float64,
    ask_size: pl.Float64,
  };
  const quotes = pl.scanCSV(csv, { schema });
  const frame = await (work === 'bars' ? bars(pl, quotes) : ticks(pl, quotes)).collect();
  frame.writeParquet(path, { compression: 'snappy' });
}

function bars(pl: Polars, quotes: LazyFrame): LazyFrame {
  const timestamp = pl.col('timestamp');
  const bid = pl.col('bid');
  const ask = pl.col('ask');
  const mid = pl.col('mid');
  return quotes
    .filter(bid.gt(0).and(ask.gtEq(bid)))
    .select(
      timestamp.minus(timestamp.modulo(60_000)).cast(pl.Datetime('ms')).alias('time'),
      pl.col('symbol'),
      bid.plus(ask).div(2).alias('mid'),
    )
    .groupBy(['time', 'symbol'])
    .agg(
      mid.first().alias('open'),
      mid.max().alias('high'),
      mid.min().alias('low'),
      mid.last().alias('close'),
      mid.count().alias('count'),
    )
    .sort(['time', 'symbol']);
}

const ticks = (pl: Polars, quotes: LazyFrame): LazyFrame =>
  quotes.select(
    pl.col('timestamp').cast(pl.Datetime('ms')).alias('time'),
    pl.col('symbol'),
    pl.col('bid'),
    pl.col('ask'),
    pl.col('bid_size').alias('bidSize'),
    pl.col('ask_size').alias('askSize'),
  );
