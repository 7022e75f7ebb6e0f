import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
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

function spec(direction: string, more: object = {}, batchRows = 8_192) {
  return uncheckedSpec({
    name: 'joined',
    batchRows,
    source: {
      use: 'replay',
      path: trades,
      kind: 'trade',
      columns: { time: 'time', symbol: 'symbol', price: 'price' },
    },
    operators: [
      {
        use: 'asof',
        direction,
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

const compared = ({ time, symbol, price, bid, ask }: Row) => [
  isoOf(Number((time as bigint) / 1_000_000n)),
  symbol,
  price,
  bid,
  ask,
];

const times = `strftime(t.time, '%Y-%m-%dT%H:%M:%S.%g') || 'Z' AS time`;
const TABLES = `read_csv('${trades}') t`;
const SIDE = `read_csv('${quotes}')`;

async function joinedByDuckdb(direction: string): Promise<unknown[][]> {
  const asof = (comparison: string, name: string) =>
    `ASOF LEFT JOIN ${SIDE} ${name} ON t.symbol = ${name}.symbol AND t.time ${comparison} ${name}.time`;
  const distance = (name: string) => `abs(epoch_us(t.time) - epoch_us(${name}.time))`;
  const sql =
    direction === 'nearest'
      ? `SELECT ${times}, t.symbol, t.price,
           CASE WHEN f.time IS NULL OR ${distance('b')} <= ${distance('f')} THEN b.bid ELSE f.bid END AS bid,
           CASE WHEN f.time IS NULL OR ${distance('b')} <= ${distance('f')} THEN b.ask ELSE f.ask END AS ask
         FROM ${TABLES} ${asof('>=', 'b')} ${asof('<=', 'f')}`
      : `SELECT ${times}, t.symbol, t.price, q.bid, q.ask
         FROM ${TABLES} ${asof(direction === 'backward' ? '>=' : '<=', 'q')}`;
  const rows = await duckdb(`${sql} ORDER BY t.time, t.symbol`);
  return rows.map(({ time, symbol, price, bid, ask }) => [time, symbol, price, bid, ask]);
}

const inOrder = (rows: readonly unknown[][]) =>
  [...rows].sort(([a, b], [c, d]) => (`${a}${b}` < `${c}${d}` ? -1 : 1));

describe.each(['backward', 'forward', 'nearest'])('asof %s of two files', (direction) => {
  it.each([1, 7, 8_192])('equals the ASOF JOIN of DuckDB, in batches of %i', async (batchRows) => {
    const rows: Row[] = [];
    const report = await createPipeline(spec(direction, {}, batchRows), { sink: countingSink(rows) }).run();
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 2_000, rowsOut: 2_000 } });
    expect(inOrder(rows.map(compared))).toEqual(inOrder(await joinedByDuckdb(direction)));
  });

  it.each([1, 7, 8_192])('goes on from a checkpoint after any row, in batches of %i', async (batchRows) => {
    const whole: Row[] = [];
    await createPipeline(spec(direction, {}, batchRows), { sink: countingSink(whole) }).run();
    const random = new Random(batchRows);
    for (let round = 0; round < 3; round++) {
      const store = new MemoryCheckpointStore();
      const stopAt = 1 + random.below(1_998);
      const rows: Row[] = [];
      for (let start = 0; start < 2; start++) {
        const sink = countingSink(rows, start === 0 ? stopAt : undefined, () => {
          void pipeline.suspend();
        });
        const pipeline = createPipeline(spec(direction, {}, batchRows), { sink, store });
        const report = await pipeline.run();
        expect(report.error).toBeUndefined();
        if (report.reason !== 'suspended') break;
      }
      expect(rows.map(compared)).toEqual(whole.map(compared));
    }
  });
});

describe('asof', () => {
  it('leaves what is further away than the tolerance, and says how old the others are', async () => {
    const rows: Row[] = [];
    const options = { tolerance: '20ms', age: 'age', unmatched: 'drop' };
    const report = await createPipeline(spec('backward', options), { sink: countingSink(rows) }).run();
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
    const run = createPipeline(spec('backward', { take })).run();
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
    const { operators, ...rest } = spec('backward');
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
    const [expected] = await duckdb(
      `WITH q AS (
         SELECT column0 AS ms, last(column1 ORDER BY n) AS bid
         FROM (SELECT *, row_number() OVER () AS n FROM ${csv(quoteFile)}) WHERE column1 > 0 GROUP BY ms
       )
       SELECT count(*)::INT AS rows, count(q.bid)::INT AS matched, sum(q.bid)::DOUBLE AS bids
       FROM ${csv(tradeFile)} t ASOF LEFT JOIN q ON t.column0 >= q.ms`,
    );
    const bids = rows.map(({ bid }) => bid as number | null).filter((bid) => bid !== null);
    expect({
      rows: rows.length,
      matched: bids.length,
      bids: bids.reduce((sum, bid) => sum + bid, 0),
    }).toEqual(expected);
  });
});
