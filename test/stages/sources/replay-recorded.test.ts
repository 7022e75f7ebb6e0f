import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import {
  factsOf,
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../../support/recorded-data.js';
import { type ReplayInput, replay } from '../../support/replayed.js';

interface NumberFacts {
  readonly count: number;
  readonly min: string;
  readonly max: string;
  readonly mean: string;
  readonly sum?: string;
}
type Facts = Record<string, unknown> & { rows: number; first_utc: string; last_utc: string };

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const nanos = (text: string): bigint =>
  BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29));

/** `factor`: of the facts' unit to the file's. */
function expectNumbers(rows: readonly Row[], column: string, facts: unknown): void {
  const { count, min, max, mean, sum } = facts as NumberFacts;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let total = 0;
  for (const row of rows) {
    const value = row[column] as number;
    least = Math.min(least, value);
    most = Math.max(most, value);
    total += value;
  }
  expect(rows).toHaveLength(count);
  expect(least).toBe(Number(min));
  expect(most).toBe(Number(max));
  expect(Math.abs(total / rows.length / Number(mean) - 1)).toBeLessThan(1e-9);
  if (sum !== undefined) expect(Math.abs(total / Number(sum) - 1)).toBeLessThan(1e-9);
}

async function rowsOf(input: ReplayInput): Promise<Row[]> {
  const { rows, error, rejected } = await replay(input, { batchRows: 4_096 });
  expect(error).toBeUndefined();
  expect(rejected).toEqual([]);
  return rows;
}

function expectTimes(rows: readonly Row[], first: string, last: string): void {
  expect(rows[0]!.time).toBe(nanos(first));
  expect(rows.at(-1)!.time).toBe(nanos(last));
}

describe.runIf(hasRecordedData)(recordedTitle('replay of recorded files'), () => {
  it.each([
    ['fx-ticks-lean/fxcm-eurusd/20140508_quote.zip', '-05:00'],
    ['fx-ticks-lean/oanda-eurusd/20140508_quote.zip', 'UTC'],
  ])('gives the facts of quotes in ms since midnight, CRLF, no last line end: %s', async (file, zone) => {
    const facts = factsOf<Facts>(file);
    const rows = await rowsOf({
      path: SCRATCH.unzip(recordedPath(file)),
      kind: 'quote',
      header: false,
      columns: {
        time: { from: 1, unit: 'ms', zone, date: 'file' },
        symbol: { fromFile: '^\\d+_([a-z]+)_' },
        bid: 2,
        ask: 3,
      },
    });
    expect(rows[0]!.symbol).toBe('eurusd');
    expectTimes(rows, facts.first_utc, facts.last_utc);
    expectNumbers(rows, 'bid', facts.bid);
    expectNumbers(rows, 'ask', facts.ask);
    expect(rows.filter((row) => (row.bid as number) > (row.ask as number))).toHaveLength(
      facts.crossed_rows_bid_gt_ask as number,
    );
  });

  it('gives the facts of 250,601 trades in ms since midnight of New York and 1/10000 USD', async () => {
    const file = 'equity-ticks-lean/spy/20131007_trade.zip';
    const facts = factsOf<Facts>(file);
    const rows = await rowsOf({
      path: SCRATCH.unzip(recordedPath(file)),
      kind: 'trade',
      header: false,
      columns: {
        time: { from: 1, unit: 'ms', zone: 'America/New_York', date: '2013-10-07' },
        symbol: { value: 'SPY' },
        price: { from: 2, divideBy: 10_000 },
        size: 3,
        exchange: { from: 4, type: 'string' },
        suspicious: { from: 6, type: 'boolean' },
      },
    });
    expectTimes(rows, facts.first_utc, facts.last_utc);
    expectNumbers(rows, 'price', facts.price_usd);
    expectNumbers(rows, 'size', facts.size);
    const byExchange: Record<string, number> = {};
    for (const { exchange } of rows)
      byExchange[exchange as string] = (byExchange[exchange as string] ?? 0) + 1;
    expect(byExchange).toEqual(facts.rows_by_exchange);
    expect(rows.filter((row) => row.suspicious)).toHaveLength(facts.suspicious_rows as number);
  });

  it('gives the facts of quotes with ISO times and an offset', async () => {
    const file = 'fx-ticks-truefx/usdjpy-ticks.csv';
    const facts = factsOf<Facts & { time: { first: string; last: string } }>(file);
    const rows = await rowsOf({
      path: recordedPath(file),
      kind: 'quote',
      columns: { time: 'timestamp', symbol: { fromFile: true }, bid: 'bid', ask: 'ask' },
    });
    expectTimes(rows, facts.time.first, facts.time.last);
    expectNumbers(rows, 'bid', facts.bid);
    expectNumbers(rows, 'ask', facts.ask);
  });

  it('gives the facts of trades in Unix seconds, two files one after the other', async () => {
    const files = [
      'crypto-trades-kraken-csv/BCHEUR.csv',
      'crypto-trades-kraken-csv/incremental_q2/BCHEUR.csv',
    ];
    const [first, second] = files.map((file) =>
      factsOf<Facts & { time: { first: string; last: string } }>(file),
    );
    const rows = await rowsOf({
      path: files.map(recordedPath),
      kind: 'trade',
      header: ['t', 'price', 'volume'],
      columns: { time: { from: 't', unit: 's' }, symbol: { fromFile: true }, price: 'price', size: 'volume' },
    });
    const [before, after] = [rows.slice(0, first!.rows), rows.slice(first!.rows)];
    expectTimes(before, first!.time.first, first!.time.last);
    expectTimes(after, second!.time.first, second!.time.last);
    expectNumbers(before, 'price', first!.price);
    expectNumbers(before, 'size', first!.volume);
    expectNumbers(after, 'price', second!.price);
    expectNumbers(after, 'size', second!.volume);
  });

  it('gives the facts of packed bars with ISO times on the UTC clock', async () => {
    const file = 'bars-intraday/6EH4.XCME_1min_bars_20240101_20240131.csv.gz';
    const facts = factsOf<Facts & { time: { first: string; last: string } }>(file);
    const rows = await rowsOf({
      path: recordedPath(file),
      kind: 'bar',
      columns: {
        time: 'timestamp_utc',
        symbol: { fromFile: '^([^.]+)' },
        open: 'open',
        high: 'high',
        low: 'low',
        close: 'close',
        volume: 'volume',
      },
    });
    expect(rows[0]!.symbol).toBe('6EH4');
    expectTimes(rows, facts.time.first, facts.time.last);
    for (const column of ['open', 'high', 'low', 'close', 'volume'])
      expectNumbers(rows, column, facts[column]);
  });

  it('gives the facts of changes of an order book, sides told by a letter', async () => {
    const file = 'book-binance-csv/btcusdt-depth-update.csv';
    const facts = factsOf<Facts & { time: { first: string; last: string } }>(file);
    const rows = await rowsOf({
      path: recordedPath(file),
      kind: 'book',
      columns: {
        time: { from: 'timestamp', unit: 'ms' },
        symbol: 'symbol',
        side: 'side',
        price: 'price',
        size: 'qty',
        lastUpdate: { from: 'last_update_id', type: 'int64' },
      },
    });
    expectTimes(rows, facts.time.first, facts.time.last);
    expectNumbers(rows, 'price', facts.price);
    expectNumbers(rows, 'size', facts.qty);
    expect(new Set(rows.map((row) => row.lastUpdate)).size).toBe(facts.distinct_update_messages);
    expect(new Set(rows.map((row) => row.side))).toEqual(new Set(['bid', 'ask']));
  });

  it('gives the facts of daily bars, turned round since the newest comes first, at midnight with the offset of Tokyo', async () => {
    const file = 'bars-dirty-yahoo/4063-T-1d-bad-stock-split.csv';
    const facts = factsOf<Facts & { time: { first: string; last: string } }>(file);
    const rows = await rowsOf({
      path: recordedPath(file),
      kind: 'bar',
      columns: {
        time: 'Date',
        symbol: { value: '4063.T' },
        open: 'Open',
        high: 'High',
        low: 'Low',
        close: 'Close',
        volume: 'Volume',
        adjusted: 'Adj Close',
      },
    });
    expectTimes(rows, facts.time.last, facts.time.first);
    for (const [column, name] of [
      ['open', 'Open'],
      ['high', 'High'],
      ['low', 'Low'],
      ['close', 'Close'],
      ['volume', 'Volume'],
      ['adjusted', 'Adj Close'],
    ] as const)
      expectNumbers(rows, column, facts[name]);
  });

  it('gives the facts of order messages in seconds with nanoseconds since midnight of New York', async () => {
    const file = 'book-lobster/AAPL_2012-06-21_message_50.csv';
    const facts = factsOf<Facts>(file);
    const rows = await rowsOf({
      path: recordedPath(file),
      kind: 'custom',
      header: false,
      columns: {
        time: { from: 1, unit: 's', zone: 'America/New_York', date: 'file' },
        event: { from: 2, type: 'int32' },
        order: { from: 3, type: 'int64' },
        size: 4,
        price: { from: 5, divideBy: 10_000 },
        direction: { from: 6, type: 'int32' },
      },
    });
    expectTimes(rows, facts.first_utc, facts.last_utc);
    expectNumbers(rows, 'price', facts.price_usd_all_rows);
    expectNumbers(rows, 'size', facts.size_all_rows);
    expect(new Set(rows.map((row) => row.order)).size).toBe(facts.distinct_order_ids);
    const byEvent: Record<string, number> = {};
    for (const { event } of rows) byEvent[String(event)] = (byEvent[String(event)] ?? 0) + 1;
    expect(byEvent).toEqual(facts.rows_by_event_type);
  });
});
