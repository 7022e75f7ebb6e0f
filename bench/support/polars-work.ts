import { createRequire } from 'node:module';

/** What is used here of the package, which need not be installed. */
export interface Polars {
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

/** How a file of quotes becomes Parquet. */
export interface PolarsWork {
  readonly work: 'bars' | 'ticks';
  /** A file of quotes, gzip or not. */
  readonly csv: string;
  /** Where the Parquet file goes. */
  readonly path: string;
}

/** What a CSV file of quotes has, without the sizes that not all have. */
const NARROW = ['bid', 'ask'];
const WIDE = [...NARROW, 'bid_size', 'ask_size'];

/** @throws {Error} when the package, or its binary, is not installed. */
export const loadPolars = (): Polars => createRequire(import.meta.url)('nodejs-polars');

export async function workByPolars(
  pl: Polars,
  { work, csv, path, sizes = true }: PolarsWork & { readonly sizes?: boolean },
): Promise<void> {
  const numbers = (sizes ? WIDE : NARROW).map((name) => [name, pl.Float64]);
  const schema = { timestamp: pl.Int64, symbol: pl.Utf8, ...Object.fromEntries(numbers) };
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
