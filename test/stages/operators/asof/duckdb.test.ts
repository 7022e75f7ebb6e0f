import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../../src/columns/row-view.js';
import { Random } from '../../../../src/core/random.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { countingSink } from '../../../support/counting-sink.js';
import {
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../../../support/recorded-data.js';
import { duckdb } from '../../sinks/duckdb.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const MS_PER_DAY = 86_400_000;
const DAY = Date.parse('2024-03-04T00:00:00Z');
const SYMBOLS = ['A', 'B', 'C', 'D', 'E'];
const isoOf = (ms: number): string => new Date(ms).toISOString();

/** Rows in order of time, with no two of a symbol at one instant: what DuckDB does with those is not said. */
function csvOf(seed: number, rows: number, columns: readonly string[]): string {
  const random = new Random(seed);
  const seen = new Set<string>();
  const drawn: { ms: number; symbol: string }[] = [];
  while (drawn.length < rows) {
    const ms = DAY + random.below(MS_PER_DAY / 8_640);
    const symbol = SYMBOLS[random.below(SYMBOLS.length)]!;
    if (seen.has(`${ms}${symbol}`)) continue;
    seen.add(`${ms}${symbol}`);
    drawn.push({ ms, symbol });
  }
  drawn.sort((a, b) => a.ms - b.ms);
  const lines = drawn.map(({ ms, symbol }) =>
    [isoOf(ms), symbol, ...columns.map(() => random.below(100_000) / 100)].join(','),
  );
  return [['time', 'symbol', ...columns].join(','), ...lines, ''].join('\n');
}

const trades = scratch.write('trades.csv', csvOf(1, 2_000, ['price']));
const quotes = scratch.write('quotes.csv', csvOf(2, 6_000, ['bid', 'ask']));
const more = scratch.write('more.csv', csvOf(3, 2_000, ['price']));

function spec(more: object = {}) {
  return uncheckedSpec({
    name: 'joined',
    source: {
      use: 'replay',
      path: trades,
      kind: 'trade',
      columns: { time: 'time', symbol: 'symbol', price: 'price' },
    },
    operators: [
      {
        use: 'asof',
        with: {
          use: 'replay',
          path: quotes,
          kind: 'quote',
          columns: { time: 'time', symbol: 'symbol', bid: 'bid', ask: 'ask' },
        },
        ...more,
      },
    ],
    batcher: { maxRows: 1_000 },
    sink: { use: 'null' },
  });
}

const times = `strftime(t.time, '%Y-%m-%dT%H:%M:%S.%g') || 'Z' AS time`;
const TABLES = `read_csv('${trades}') t`;
const SIDE = `read_csv('${quotes}')`;

const inOrder = (rows: readonly unknown[][]) =>
  [...rows].sort(([a, b], [c, d]) => (`${a}${b}` < `${c}${d}` ? -1 : 1));

describe('asof', () => {
  it('leaves what is further away than the tolerance, and says how old the others are', async () => {
    const rows: Row[] = [];
    const options = { tolerance: '20ms', age: 'age', unmatched: 'drop' };
    const report = await createPipeline(spec(options), { sink: countingSink(rows) }).run();
    const [expected] = await duckdb(
      `SELECT count(*)::INT AS rows, sum(epoch_ms(t.time) - epoch_ms(q.time))::DOUBLE AS age FROM ${TABLES}
       ASOF JOIN ${SIDE} q ON t.symbol = q.symbol AND t.time >= q.time
       WHERE epoch_ms(t.time) - epoch_ms(q.time) <= 20`,
    );
    expect(rows).toHaveLength(expected!.rows as number);
    expect(rows.reduce((sum, { age }) => sum + (age as number), 0) / 1e6).toBe(expected!.age);
    expect(report.counters).toMatchObject({ rowsFiltered: 2_000 - rows.length, rowsOut: rows.length });
  });

  it.each([[[]], [{}]])('refuses to add no columns: %j', async (take) => {
    const run = createPipeline(spec({ take })).run();
    await expect(run).rejects.toThrow('operators[0].take: expected a list of columns, or new names');
  });

  it('joins what another join has made, and with what operators make of the second source', async () => {
    const rows: Row[] = [];
    const second = {
      use: 'asof',
      with: {
        use: 'replay',
        path: more,
        kind: 'trade',
        columns: { time: 'time', symbol: 'symbol', price: 'price' },
      },
      operators: [{ use: 'filter', where: 'price > 500' }],
      take: { otherPrice: 'price' },
    };
    const { operators, ...rest } = spec();
    const both = uncheckedSpec({ ...rest, operators: [...operators!, second] });
    await createPipeline(both, { sink: countingSink(rows) }).run();
    const expected = await duckdb(
      `SELECT ${times}, t.symbol, q.bid, m.price AS other FROM ${TABLES}
       ASOF LEFT JOIN ${SIDE} q ON t.symbol = q.symbol AND t.time >= q.time
       ASOF LEFT JOIN (SELECT * FROM read_csv('${more}') WHERE price > 500) m
         ON t.symbol = m.symbol AND t.time >= m.time
       ORDER BY t.time, t.symbol`,
    );
    const found = rows.map(({ time, symbol, bid, otherPrice }) => [
      isoOf(Number((time as bigint) / 1_000_000n)),
      symbol,
      bid,
      otherPrice,
    ]);
    expect(inOrder(found)).toEqual(
      inOrder(expected.map(({ time, symbol, bid, other }) => [time, symbol, bid, other])),
    );
  });
});

describe.runIf(hasRecordedData)(recordedTitle('asof of recorded trades and quotes of AIG'), () => {
  const part = (kind: string) => scratch.unzip(recordedPath(`equity-ticks-lean/aig/20131007_${kind}.zip`));

  it('equals the ASOF JOIN of DuckDB, the last of many quotes of one millisecond included', async () => {
    const [tradeFile, quoteFile] = [part('trade'), part('quote')];
    const time = { from: 1, unit: 'ms', zone: 'America/New_York', date: '2013-10-07' };
    const symbol = { value: 'AIG' };
    const rows: Row[] = [];
    await createPipeline(
      uncheckedSpec({
        name: 'aig',
        source: {
          use: 'replay',
          path: tradeFile,
          kind: 'trade',
          header: false,
          columns: { time, symbol, price: 2 },
        },
        operators: [
          {
            use: 'asof',
            with: {
              use: 'replay',
              path: quoteFile,
              kind: 'quote',
              header: false,
              columns: { time, symbol, bid: 2, ask: 4 },
            },
            take: ['bid'],
            operators: [{ use: 'filter', where: 'bid > 0' }],
          },
        ],
        sink: { use: 'null' },
      }),
      { sink: countingSink(rows) },
    ).run();
    const csv = (path: string) => `read_csv('${path}', header = false, parallel = false)`;
    const expected = await duckdb(
      `WITH t AS (SELECT *, row_number() OVER () AS n FROM ${csv(tradeFile)}), q AS (
         SELECT column0 AS ms, last(column1 ORDER BY n) AS bid
         FROM (SELECT *, row_number() OVER () AS n FROM ${csv(quoteFile)}) WHERE column1 > 0 GROUP BY ms
       )
       SELECT t.column0::INT AS ms, t.column1::DOUBLE AS price, q.bid::DOUBLE AS bid
       FROM t ASOF LEFT JOIN q ON t.column0 >= q.ms ORDER BY t.n`,
    );
    const midnightNs = BigInt(Date.parse('2013-10-07T00:00:00-04:00')) * 1_000_000n;
    const found = rows.map(({ time: at, price, bid }) => ({
      ms: Number(((at as bigint) - midnightNs) / 1_000_000n),
      price,
      bid,
    }));
    expect(found).toEqual(expected);
  });
});
