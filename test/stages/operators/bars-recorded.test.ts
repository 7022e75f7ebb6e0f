import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { writeEpochMillis } from '../../../src/columns/int64.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { barsOperator } from '../../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../../src/stages/operators/bars/options.js';
import { rowsIn } from '../../support/batch-rows.js';
import {
  factsOf,
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../../support/recorded-data.js';
import { stageContext } from '../../support/stage-context.js';
import { duckdb } from '../sinks/duckdb.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const linesOf = (zip: string): string[] =>
  readFileSync(SCRATCH.unzip(recordedPath(zip)), 'latin1')
    .trim()
    .split(/\r?\n/);

/** What both facts about the SPY minutes need. */
interface MinuteFacts {
  readonly one_minute_aggregation_check: {
    readonly all_ticks: Readonly<Record<'minutes_with_trades' | 'vendor_minutes', number>> &
      Readonly<Record<'vendor_minutes_equal_ohlc' | 'vendor_minutes_equal_ohlcv', number>> &
      Readonly<Record<'bar_0930_deci_cents' | 'bar_1559_deci_cents', readonly number[]>>;
  };
}

interface Recording {
  readonly zip: string;
  /** ms since 1970 of the midnight that its times count from. */
  readonly midnightMs: number;
  readonly price: (fields: number[]) => number;
  readonly priceSql: string;
  readonly hasSizes: boolean;
}

const EURUSD: Recording = {
  zip: 'fx-ticks-lean/fxcm-eurusd/20140508_quote.zip',
  midnightMs: Date.parse('2014-05-08T00:00:00-05:00'),
  price: ([, bid, ask]) => (bid! + ask!) / 2,
  priceSql: '(column1::DOUBLE + column2::DOUBLE) / 2',
  hasSizes: false,
};
const SPY: Recording = {
  zip: 'equity-ticks-lean/spy/20131007_trade.zip',
  midnightMs: Date.parse('2013-10-07T00:00:00-04:00'),
  price: ([, price]) => price! / 10_000,
  priceSql: 'column1::DOUBLE / 10000',
  hasSizes: true,
};

/** Bars of a recording, in batches of an odd number of rows. */
function ourBars({ zip, midnightMs, price, hasSizes }: Recording, every: string): Row[] {
  const schema: Schema = {
    kind: 'custom',
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'symbol', type: 'string' },
      { name: 'price', type: 'float64' },
      ...(hasSizes ? [{ name: 'size', type: 'float64' as const }] : []),
    ],
  };
  const context = stageContext({ batchRows: 8_192 });
  const symbol = context.dictionaries.get('symbol').idOf('X');
  const operator = barsOperator.create(BarsOptions.parse({ every }), schema, context);
  const bars: Row[] = [];
  const emit = (batch: Batch) => {
    bars.push(...rowsIn(batch));
    batch.release();
  };
  const lines = linesOf(zip);
  for (let first = 0; first < lines.length; first += 5_003) {
    const part = lines.slice(first, first + 5_003);
    const batch = new Batch(schema, part.length, context.dictionaries);
    batch.length = part.length;
    part.forEach((line, row) => {
      const fields = line.split(',').map(Number);
      writeEpochMillis(batch.int32('time'), row, midnightMs + fields[0]!, 0);
      batch.int32('symbol')[row] = symbol;
      batch.float64('price')[row] = price(fields);
      if (hasSizes) batch.float64('size')[row] = fields[2]!;
    });
    void operator.process(batch, emit);
  }
  void operator.flush?.(emit);
  return bars;
}

describe.runIf(hasRecordedData)(recordedTitle('bars of recorded ticks'), () => {
  let spyMinutes: Row[];

  beforeAll(() => {
    spyMinutes = ourBars(SPY, '1m');
  });

  function duckdbBars({ zip, midnightMs, priceSql, hasSizes }: Recording, everyMs: number) {
    const file = SCRATCH.unzip(recordedPath(zip));
    const size = hasSizes ? 'column2::DOUBLE' : 'NULL::DOUBLE';
    return duckdb(`
      WITH ticks AS (
        SELECT row_number() OVER () AS nr, ${midnightMs} + column0::BIGINT AS ms,
               ${priceSql} AS price, ${size} AS size
        FROM read_csv('${file}', header = false, all_varchar = true, parallel = false)
      )
      SELECT ms // ${everyMs} * ${everyMs} * 1000000 AS time,
             arg_min(price, nr) AS open, max(price) AS high, min(price) AS low, arg_max(price, nr) AS close,
             sum(size) AS volume, sum(price * size) / sum(size) AS vwap, count(*)::INTEGER AS count
      FROM ticks GROUP BY 1 ORDER BY 1`);
  }

  it.each<[string, Recording, string, number]>([
    ['167,466 EUR/USD quotes by the minute', EURUSD, '1m', 60_000],
    ['167,466 EUR/USD quotes by ten seconds', EURUSD, '10s', 10_000],
    ['250,601 SPY trades by the minute', SPY, '1m', 60_000],
    ['250,601 SPY trades by the hour', SPY, '1h', 3_600_000],
  ])('equal those that DuckDB makes of %s', async (_, recording, every, everyMs) => {
    const ours = ourBars(recording, every);
    const theirs = await duckdbBars(recording, everyMs);
    const exact = ({ time, open, high, low, close, count }: Record<string, unknown>) => ({
      time,
      open,
      high,
      low,
      close,
      count,
    });
    expect(ours.map(exact)).toEqual(theirs.map(exact));
    // Sums differ in the last bits, as the order of the additions does.
    ours.forEach(({ volume, vwap }, i) => {
      for (const [our, their] of [
        [volume, theirs[i]!.volume],
        [vwap, theirs[i]!.vwap],
      ]) {
        if (!recording.hasSizes) expect([our, their]).toEqual([null, null]);
        else expect(Math.abs((our as number) / (their as number) - 1)).toBeLessThan(1e-12);
      }
    });
    expect(ours.map(({ mark }) => mark)).toEqual([
      'partial',
      ...Array.from({ length: ours.length - 2 }, () => 'complete'),
      'partial',
    ]);
  });

  it('equal the facts about the SPY minutes', () => {
    const expected = factsOf<MinuteFacts>(SPY.zip).one_minute_aggregation_check.all_ticks;
    const ofMinute = (local: string) => {
      const time = BigInt(Date.parse(`2013-10-07T${local}:00-04:00`)) * 1_000_000n;
      const { open, high, low, close, volume } = spyMinutes.find((bar) => bar.time === time)!;
      return [...[open, high, low, close].map((price) => Math.round(Number(price) * 10_000)), volume];
    };
    expect(spyMinutes).toHaveLength(expected.minutes_with_trades);
    expect(ofMinute('09:30')).toEqual(expected.bar_0930_deci_cents);
    expect(ofMinute('15:59')).toEqual(expected.bar_1559_deci_cents);
  });

  it('equal the bars of the vendor in as many SPY minutes as the facts say', () => {
    const expected = factsOf<MinuteFacts>(SPY.zip).one_minute_aggregation_check.all_ticks;
    const vendor = new Map(
      linesOf('equity-ticks-lean/spy-minute/20131007_trade.zip').map((line) => {
        const [ms, ...values] = line.split(',').map(Number);
        return [BigInt(SPY.midnightMs + ms!) * 1_000_000n, values] as const;
      }),
    );
    let equalPrices = 0;
    let equalAll = 0;
    for (const { time, open, high, low, close, volume } of spyMinutes) {
      const theirs = vendor.get(time as bigint);
      const prices = [open, high, low, close].map((price) => Math.round(Number(price) * 10_000));
      if (!theirs || prices.some((price, i) => price !== theirs[i])) continue;
      equalPrices++;
      if (volume === theirs[4]) equalAll++;
    }
    expect(vendor.size).toBe(expected.vendor_minutes);
    expect([equalPrices, equalAll]).toEqual([
      expected.vendor_minutes_equal_ohlc,
      expected.vendor_minutes_equal_ohlcv,
    ]);
  });
});
