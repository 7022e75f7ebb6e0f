import { afterAll, describe, expect, it } from 'vitest';
import type { SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { duckdb, typesOf } from '../stages/sinks/duckdb.js';
import {
  factsOf,
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const FXCM = 'fx-ticks-lean/fxcm-eurusd/20140508_quote.zip';
const SPY = 'equity-ticks-lean/spy/20131007_trade.zip';

const fxcm = (path: string): SourceSpec => ({
  use: 'replay',
  path,
  header: false,
  kind: 'quote',
  columns: {
    time: { from: 1, unit: 'ms', date: 'file', zone: '-05:00' },
    symbol: { value: 'EUR/USD' },
    bid: 2,
    ask: 3,
  },
});

const spy = (path: string): SourceSpec => ({
  use: 'replay',
  path,
  header: false,
  kind: 'trade',
  columns: {
    time: { from: 1, unit: 'ms', date: 'file', zone: 'America/New_York' },
    symbol: { value: 'SPY' },
    price: { from: 2, divideBy: 10_000 },
    size: 3,
  },
});

describe.runIf(hasRecordedData)(recordedTitle('recorded ticks, from CSV to Parquet'), () => {
  it('are bars of one minute that equal those of SQL over the same quotes', async () => {
    const csv = SCRATCH.unzip(recordedPath(FXCM));
    const report = await createPipeline({
      name: 'eurusd',
      source: fxcm(csv),
      operators: [
        { use: 'filter', where: 'bid > 0 and ask >= bid' },
        { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
        { use: 'bars', every: '1m', price: 'mid' },
      ],
      sink: { use: 'parquet', path: `${SCRATCH.folder}/eurusd` },
    }).run();
    expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(report.counters).toMatchObject({ rowsIn: 167_466, rowsFiltered: 18_285, rowsFolded: 149_181 });

    const bars = `read_parquet('${report.outputs[0]}')`;
    expect(await typesOf(bars)).toMatchObject({
      time: 'TIMESTAMP_NS',
      symbol: 'VARCHAR',
      open: 'DOUBLE',
      count: 'INTEGER',
    });
    const sql = `
      WITH ticks AS (
        SELECT row_number() OVER () AS n, epoch_ms(${Date.parse('2014-05-08T05:00:00Z')} + column0::BIGINT) AS t,
          (column1::DOUBLE + column2::DOUBLE) / 2 AS mid
        FROM read_csv('${csv}', header = false, all_varchar = true, parallel = false)
        WHERE column1::DOUBLE > 0 AND column2::DOUBLE >= column1::DOUBLE),
      expected AS (
        SELECT time_bucket(INTERVAL 1 minute, t) AS time, first(mid ORDER BY n) AS open, max(mid) AS high,
          min(mid) AS low, last(mid ORDER BY n) AS close, count(*) AS count
        FROM ticks GROUP BY 1)
      SELECT (SELECT count(*) FROM expected) AS expected, (SELECT count(*) FROM ${bars}) AS found, count(*) AS equal
      FROM expected JOIN ${bars} AS bars ON bars.time = expected.time::TIMESTAMP_NS AND bars.open = expected.open
        AND bars.high = expected.high AND bars.low = expected.low AND bars.close = expected.close
        AND bars.count = expected.count`;
    const [{ expected, found, equal } = {}] = await duckdb(sql);
    expect(Number(expected)).toBeGreaterThan(1_000);
    expect([found, equal]).toEqual([expected, expected]);
  });

  it('are all of the trades, with the counts, times and sums that were recorded', async () => {
    const facts = factsOf<{
      rows: number;
      size: { sum: string };
      price_usd: { mean: string; min: string; max: string };
    }>(SPY);
    const report = await createPipeline({
      name: 'spy',
      source: spy(SCRATCH.unzip(recordedPath(SPY))),
      sink: { use: 'parquet', path: `${SCRATCH.folder}/spy` },
    }).run();
    expect(report.outcome).toBe('completed');
    const [row] = await duckdb(`
      SELECT count(*) AS rows, epoch_ns(min(time)) AS first, epoch_ns(max(time)) AS last, sum(size) AS size,
        avg(price) AS mean, min(price) AS least, max(price) AS most, any_value(symbol) AS symbol
      FROM read_parquet([${report.outputs.map((path) => `'${path}'`).join()}])`);
    expect(row).toMatchObject({
      rows: BigInt(facts.rows),
      first: BigInt(Date.parse('2013-10-07T08:00:00.464Z')) * 1_000_000n,
      last: BigInt(Date.parse('2013-10-07T23:59:59.536Z')) * 1_000_000n,
      size: Number(facts.size.sum),
      least: Number(facts.price_usd.min),
      most: Number(facts.price_usd.max),
      symbol: 'SPY',
    });
    expect(Math.abs(Number(row!.mean) / Number(facts.price_usd.mean) - 1)).toBeLessThan(1e-9);
  });
});
