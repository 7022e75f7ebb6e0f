import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Schema } from '../../src/columns/schema.js';
import { deriveOperator } from '../../src/stages/operators/derive/derive.js';
import { filterOperator } from '../../src/stages/operators/filter/filter.js';
import { batchOf, run } from '../stages/operators/operator-rig.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { stageContext } from '../support/stage-context.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'count', type: 'int32' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'bid', type: 'float64', nullable: true },
    { name: 'ask', type: 'float64', nullable: true },
  ],
};

const rows = fc.sample(
  fc.record({
    symbol: fc.constantFrom(null, 'EUR/USD', 'GBP/USD', 'USD/JPY'),
    bid: fc.oneof(fc.constantFrom(null, 0, 1, 1.5), fc.double({ min: -2, max: 2, noNaN: true })),
    ask: fc.oneof(fc.constantFrom(null, 0, 1, 2.5), fc.double({ min: -2, max: 2, noNaN: true })),
  }),
  { numRuns: 300, seed: 7 },
);

describe('an expression that is also SQL', () => {
  beforeAll(async () => {
    await duckdb('CREATE TABLE quotes ("count" INTEGER, symbol VARCHAR, bid DOUBLE, ask DOUBLE)');
    const values = rows.map((row, count) => {
      const symbol = row.symbol === null ? 'NULL' : `'${row.symbol}'`;
      // As text: DuckDB takes a long number for a DECIMAL, which rounds otherwise.
      const double = (value: number | null) => (value === null ? 'NULL' : `'${value}'::DOUBLE`);
      return `(${count}, ${symbol}, ${double(row.bid)}, ${double(row.ask)})`;
    });
    await duckdb(`INSERT INTO quotes VALUES ${values.join(',')}`);
  });

  it.each([
    'bid > 0 and ask >= bid',
    'bid > 0 or ask < 0 and bid < -1',
    'bid = ask or bid <> 1',
    'bid between 0 and 1',
    'bid not between 0 and ask',
    "symbol in ('EUR/USD', 'USD/JPY') and bid > 0.5",
    "symbol not in ('EUR/USD', 'XXX')",
    "symbol != 'EUR/USD'",
    'symbol is null or bid is not null',
    '(bid + ask) / 2 > 0.25 and not (ask is null)',
    'count % 7 = 3 and count * 2 - 5 < 400',
    'abs(bid - ask) / 2 <= 0.3',
    'bid in (0, 1, 1.5)',
    '2 * bid + 3 * ask - 1 < bid * ask and -bid < 1',
  ])('keeps the rows that DuckDB keeps: %s', async (where) => {
    const dictionaries = new DictionarySet();
    const operator = filterOperator.create({ where }, SCHEMA, stageContext({ dictionaries }));
    const given = rows.map((row, count) => ({ ...row, count }));
    const kept = run(operator, [batchOf(SCHEMA, given, dictionaries, { capacity: 512 })]);
    const wanted = await duckdb(`SELECT "count" FROM quotes WHERE ${where} ORDER BY 1`);
    expect(kept.flatMap((batch) => batch.rows.map((row) => row.count))).toEqual(
      wanted.map((row) => row.count),
    );
  });

  it.each([
    '(bid + ask) / 2',
    'bid - ask * 3 % 2',
    'round(bid * 10)',
    'round(ask, 3)',
    '-bid + floor(ask) - ceil(bid)',
    'sqrt(abs(bid)) + sign(ask)',
    'coalesce(bid, ask, 9)',
  ])('gives the numbers that DuckDB gives: %s', async (value) => {
    const dictionaries = new DictionarySet();
    const operator = deriveOperator.create({ columns: { value } }, SCHEMA, stageContext({ dictionaries }));
    const given = rows.map((row, count) => ({ ...row, count }));
    const [out] = run(operator, [batchOf(SCHEMA, given, dictionaries, { capacity: 512 })]);
    const wanted = await duckdb(`SELECT (${value})::DOUBLE AS value FROM quotes ORDER BY "count"`);
    // Equality, not identity: the sign of zero is nobody's business here.
    const plain = (x: unknown) => (x === 0 ? 0 : x);
    expect(out!.rows.map((row) => plain(row.value))).toEqual(wanted.map((row) => plain(row.value)));
  });
});
