import type { PipelineSpec } from '../../src/plan/typed-spec.js';

/** 1-minute bars of a file of quotes without sizes. */
export const narrowSpec = (csv: string, path: string): PipelineSpec => ({
  name: 'bars',
  source: {
    use: 'replay',
    path: csv,
    kind: 'quote',
    columns: { time: { from: 'timestamp', unit: 'ms' }, symbol: 'symbol', bid: 'bid', ask: 'ask' },
  },
  operators: [
    { use: 'filter', where: 'bid > 0 and ask >= bid' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1m', price: 'mid' },
  ],
  sink: { use: 'parquet', path, ifExists: 'replace' },
});

/** The same for DuckDB, types given. */
export const narrowSql = (csv: string, path: string): string =>
  "COPY (SELECT time_bucket(INTERVAL '1 minute', make_timestamp(timestamp * 1000)) AS time, symbol, " +
  'first(mid) AS open, max(mid) AS high, min(mid) AS low, last(mid) AS close, count(*)::INTEGER AS "count" ' +
  'FROM (SELECT timestamp, symbol, (bid + ask) / 2 AS mid FROM ' +
  `read_csv('${csv}', header = true, delim = ',', quote = '"', auto_detect = false, columns = ` +
  "{'timestamp': 'BIGINT', 'symbol': 'VARCHAR', 'bid': 'DOUBLE', 'ask': 'DOUBLE'}) WHERE bid > 0 AND ask >= bid) " +
  `GROUP BY ALL ORDER BY ALL) TO '${path}' (FORMAT parquet)`;
