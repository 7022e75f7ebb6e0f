import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row, RowValue } from '../../../src/columns/row-view.js';
import type { Column, Schema } from '../../../src/columns/schema.js';
import { ALL_TYPES, temporaryDirectory } from '../../stages/sinks/sink-rows.js';
import { tried } from '../../support/deep.js';
import { type SinkOptions, writeRows } from './database-rig.js';
import { inDatabase } from './in-database.js';

const newPath = () => join(temporaryDirectory(), 'a.duckdb');

/** Writes values of one column and reads them back as `select` gives them. */
async function through(
  column: Column,
  values: readonly RowValue[],
  options: Partial<SinkOptions> = {},
  select = 'x',
) {
  const path = newPath();
  const schema: Schema = { kind: 'custom', columns: [column] };
  const { rejects } = await writeRows(
    schema,
    { path, ...options },
    values.map((x) => ({ x })),
  );
  const rows = await inDatabase(path, `SELECT ${select} FROM ticks ORDER BY rowid`);
  return {
    values: rows.map(([value]) => value),
    rejects: rejects.map(({ line, field, expected, found }) => ({ line, field, expected, found })),
  };
}

const float = (nullable = false): Column => ({ name: 'x', type: 'float64', nullable });
const instant: Column = { name: 'x', type: 'timestamp' };

describe('the sink duckdb', () => {
  it('writes every type of column as itself, whatever the values', async () => {
    const finite = { noNaN: true, noDefaultInfinity: true } as const;
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    const anyRow = fc.record({
      time: fc.bigInt({ min: -9_223_286_400_000_000_000n, max: 2n ** 63n - 2n }),
      symbol: fc.oneof(fc.constantFrom('EUR/USD', 'a text of thirteen', ''), text),
      note: fc.option(text),
      price: fc.double(),
      size: fc.option(fc.double(finite)),
      level: fc.integer(),
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      side: fc.constantFrom('unknown', 'buy', 'sell'),
      ok: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyRow, { maxLength: 20 }), { maxLength: 4 }), async (batches) => {
        const path = newPath();
        await writeRows(ALL_TYPES, { path }, ...(batches as Row[][]));
        const found = await inDatabase(
          path,
          'SELECT epoch_ns(time), symbol, note, price, size, level, id, side, ok FROM ticks ORDER BY rowid',
        );
        const expected = batches
          .flat()
          .map(({ time, symbol, note, price, size, level, id, side, ok }) => [
            time,
            symbol,
            note,
            price,
            size,
            level,
            id,
            side,
            ok,
          ]);
        expect(found).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('writes more rows than a vector of DuckDB has', async () => {
    const values = Array.from({ length: 5_000 }, (_, i) => (i % 7 === 0 ? Number.NaN : i));
    const { values: found } = await through(float(true), values);
    expect(found).toEqual(values.map((value) => (Number.isNaN(value) ? null : value)));
  });

  it('keeps NaN, infinities and the zero below zero where a column has no null', async () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324];
    const found = (await through(float(), values)).values;
    expect(found).toEqual(values);
    expect(Object.is(found[3], -0)).toBe(true);
  });

  it('keeps nanoseconds to the last one, and refuses the instants that stand for infinity', async () => {
    const last = 2n ** 63n - 2n;
    const first = -9_223_286_400_000_000_000n;
    const { values, rejects } = await through(
      instant,
      [1_704_067_200_123_456_789n, last, last + 1n, first, first - 1n, -(2n ** 63n) + 1n],
      {},
      'epoch_ns(x)',
    );
    expect(values).toEqual([1_704_067_200_123_456_789n, last, first]);
    expect(rejects.map(({ line, field }) => ({ line, field }))).toEqual([
      { line: 3, field: 'x' },
      { line: 5, field: 'x' },
      { line: 6, field: 'x' },
    ]);
  });

  it.each(['TIMESTAMP', 'TIMESTAMPTZ'])(
    'refuses what is below a microsecond for %s, and rounds nothing',
    async (type) => {
      const whole = [0n, -1_000n, 9_223_372_036_854_775_000n, -9_223_372_036_854_775_000n];
      const { values, rejects } = await through(
        instant,
        [...whole, 1_704_067_200_123_456_789n, -1n],
        { types: { x: type } },
        'epoch_us(x)',
      );
      expect(values).toEqual(whole.map((ns) => ns / 1_000n));
      expect(rejects.map(({ line, found }) => ({ line, found }))).toEqual([
        { line: 5, found: '2024-01-01T00:00:00.123456789Z' },
        { line: 6, found: '1969-12-31T23:59:59.999999999Z' },
      ]);
    },
  );

  it('keeps NUL in texts, and refuses half of a pair', async () => {
    const texts = ['a\0b', '\0', '', 'twelve bytes', 'thirteen byte', '💹'.repeat(2_000)];
    const { values, rejects } = await through({ name: 'x', type: 'string' }, [...texts, 'x\ud800']);
    expect(values).toEqual(texts);
    expect(rejects).toMatchObject([{ line: 7, field: 'x', expected: expect.stringContaining('Unicode') }]);
  });

  it('keeps a text of megabytes', async () => {
    const text = 'é☃'.repeat(tried(1_000_000, 1_000_000, 200_000_000));
    const { values } = await through(
      { name: 'x', type: 'string' },
      [text, 'short'],
      { memoryMb: 8_192 },
      "octet_length(encode(x)), x = repeat('é☃', (octet_length(encode(x)) // 5)::BIGINT)",
    );
    expect(values).toEqual([BigInt(Buffer.byteLength(text)), 5n]);
  });

  it('refuses whole numbers that do not fit their type, by row and column', async () => {
    const int64: Column = { name: 'x', type: 'int64' };
    const small = await through(int64, [32_767n, 32_768n, -32_769n, -32_768n], { types: { x: 'SMALLINT' } });
    expect(small.values).toEqual([32_767, -32_768]);
    expect(small.rejects).toMatchObject([
      { line: 2, field: 'x', expected: 'a whole number of 16 bits for SMALLINT', found: '32768' },
      { line: 3, field: 'x', found: '-32769' },
    ]);
    const whole = await through(float(), [2 ** 53, 1.5, 2 ** 63, Number.NaN, -0], { types: { x: 'BIGINT' } });
    expect(whole.values).toEqual([2n ** 53n, 0n]);
    expect(whole.rejects.map(({ found }) => found)).toEqual(['1.5', '9223372036854776000', 'NaN']);
  });

  it('rounds to FLOAT only where that is asked for', async () => {
    const types = { x: 'FLOAT' };
    const values = [1.5, 0.1, 1e39, Number.NaN, Number.POSITIVE_INFINITY];
    const exact = await through(float(), values, { types });
    expect(exact.values).toEqual([1.5, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(exact.rejects.map(({ found }) => found)).toEqual(['0.1', '1e+39']);
    const rounded = await through(float(), values, { types, rounds: true });
    expect(rounded.values).toEqual([1.5, Math.fround(0.1), Number.NaN, Number.POSITIVE_INFINITY]);
    expect(rounded.rejects.map(({ found }) => found)).toEqual(['1e+39']);
  });

  it.each([
    ['DECIMAL(4,2)', [0.1, -99.99, 12], [100, 0.125, Number.NaN, Number.POSITIVE_INFINITY]],
    ['DECIMAL(9,4)', [0.1234, -12345.6789], [1e5, 0.12345]],
    ['DECIMAL(18,4)', [0.1, 101.2345, -99_999_999_999.9999], [1e14]],
    ['DECIMAL(38,10)', [0.1, 2 ** 80, -(2 ** 70)], [2e28, 1e-11]],
  ])('writes %s exactly, or refuses the row', async (type, good, bad) => {
    const { values, rejects } = await through(
      float(true),
      [...good, ...bad, Number.NaN].filter((value) => type === 'DECIMAL(4,2)' || !Number.isNaN(value)),
      { types: { x: type } },
      'x::DOUBLE',
    );
    expect(values.filter((value) => value !== null)).toEqual(good);
    expect(rejects).toHaveLength(bad.filter((value) => !Number.isNaN(value)).length);
  });

  it('rounds decimals half away from zero, as the shortest ones that are these numbers, where that is asked for', async () => {
    const options = { types: { x: 'DECIMAL(6,2)' }, rounds: true };
    const { values } = await through(float(), [0.126, -0.126, 1.005, 9_999.994], options, 'x::VARCHAR');
    expect(values).toEqual(['0.13', '-0.13', '1.01', '9999.99']);
    expect((await through(float(), [9_999.996], options)).rejects).toHaveLength(1);
  });

  it('writes whole numbers above 2^53 to decimals as they read, and none with a sign for -0', async () => {
    const options = { types: { x: 'DECIMAL(38,2)' } };
    const { values } = await through(float(), [2 ** 60, -(2 ** 60), -0, 1e-3 - 1e-3], options, 'x::VARCHAR');
    expect(values).toEqual(['1152921504606847000.00', '-1152921504606847000.00', '0.00', '0.00']);
  });
});
