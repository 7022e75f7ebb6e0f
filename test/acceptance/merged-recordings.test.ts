import { afterAll, describe, expect, it } from 'vitest';
import type { SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import {
  factsOf,
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TRADES = 'options-lean/goog/20151224_trade_american.zip';
const QUOTES = 'options-lean/goog/20151224_quote_american.zip';
/** Midnight in New York of the day of both. */
const MIDNIGHT_MS = Date.parse('2015-12-24T00:00:00-05:00');

/** Minute bars, a file a contract, all over the same hours. */
const contracts = (path: string, columns: object): SourceSpec => ({
  use: 'replay',
  path,
  header: false,
  kind: 'bar',
  columns: {
    time: { from: 1, unit: 'ms', date: 'file', zone: 'America/New_York' },
    symbol: { fromFile: true },
    ...columns,
  },
});
const price = (from: number) => ({ from, divideBy: 10_000, empty: 'null' });

interface Facts {
  readonly rows: number;
}

describe.runIf(hasRecordedData)(recordedTitle('recorded files, one a contract, in one glob'), () => {
  /** Bars by SQL of the same files; the symbol is the name of the file. */
  const bySql = (glob: string, [open, high, low, close]: readonly number[], volume: number | undefined) =>
    duckdb(`
      WITH rows AS (
        SELECT regexp_extract(filename, '([^/]+)\\.csv$', 1) AS symbol, ${MIDNIGHT_MS} + column00::BIGINT AS ms,
               column0${open}::DOUBLE / 10000 AS o, column0${high}::DOUBLE / 10000 AS h,
               column0${low}::DOUBLE / 10000 AS l, column0${close}::DOUBLE / 10000 AS c,
               ${volume === undefined ? 'NULL' : `column0${volume}`}::DOUBLE AS v
        FROM read_csv('${glob}', header = false, all_varchar = true, filename = true, null_padding = true,
                      names = ['column00', ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `'column0${i}'`).join(', ')}, 'column10'])
      )
      SELECT ms // 900000 * 900000 * 1000000 AS time, symbol, arg_min(o, ms) AS open, max(h) AS high,
             min(l) AS low, arg_max(c, ms) AS close, sum(v) AS volume, count(*)::INTEGER AS "count"
      FROM rows WHERE c IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`);

  async function quarters(folder: string, columns: object) {
    const report = await createPipeline({
      name: folder,
      source: contracts(`${SCRATCH.folder}/${folder}/*.csv`, columns),
      operators: [{ use: 'bars', every: '15m' }],
      sink: { use: 'parquet', path: `${SCRATCH.folder}/${folder}-out` },
    }).run();
    const bars = await duckdb(`
      SELECT epoch_ns(time) AS time, symbol, open, high, low, close, volume, count
      FROM read_parquet('${SCRATCH.folder}/${folder}-out/*.parquet') WHERE count > 0 ORDER BY 1, 2`);
    return { report, bars };
  }

  it('lose no trade of 241 option contracts, and make the bars of SQL', async () => {
    const files = SCRATCH.unzipAll(recordedPath(TRADES), 'trades');
    expect(files).toBe(241);
    const columns = { open: price(2), high: price(3), low: price(4), close: price(5), volume: { from: 6 } };
    const { report, bars } = await quarters('trades', columns);
    const { rows } = factsOf<Facts>(TRADES);
    expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(report.counters).toMatchObject({ rowsIn: rows, rowsFolded: rows, rowsLate: 0, rowsDropped: 0 });
    expect(bars).toEqual(await bySql(`${SCRATCH.folder}/trades/*.csv`, [1, 2, 3, 4], 5));
  });

  it('lose no quote of 2,192 option contracts, and make the bars of SQL', async () => {
    const files = SCRATCH.unzipAll(recordedPath(QUOTES), 'quotes');
    expect(files).toBe(2_192);
    const columns = { open: price(7), high: price(8), low: price(9), close: price(10) };
    const { report, bars } = await quarters('quotes', columns);
    const { rows } = factsOf<Facts>(QUOTES);
    expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(report.counters).toMatchObject({ rowsIn: rows, rowsLate: 0, rowsDropped: 0 });
    expect(report.counters.rowsFolded + report.counters.rowsFiltered).toBe(rows);
    expect(bars).toEqual(await bySql(`${SCRATCH.folder}/quotes/*.csv`, [6, 7, 8, 9], undefined));
  });
});
