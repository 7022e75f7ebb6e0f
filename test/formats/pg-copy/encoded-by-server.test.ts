import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Column } from '../../../src/columns/schema.js';
import {
  PG_COPY_HEADER,
  PG_COPY_TRAILER,
  PgCopyEncoder,
} from '../../../src/formats/pg-copy/pg-copy-encoder.js';
import type { PgField } from '../../../src/formats/pg-copy/pg-field.js';
import { pgTypeText } from '../../../src/formats/pg-copy/pg-types.js';
import { batchOf } from '../../support/batch-rows.js';
import { hasPostgres, postgresTitle, scratchSchema } from '../../support/postgres-server.js';

describe.runIf(hasPostgres)(postgresTitle('binary COPY into PostgreSQL'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  let tables = 0;
  beforeAll(async () => {
    schema = await scratchSchema();
  });
  afterAll(() => schema?.remove());

  /** Writes values of one column, and returns what the server has, as text, and what was refused. */
  async function written(field: Omit<PgField, 'name'>, values: readonly unknown[]) {
    const table = `t${tables++}`;
    await schema.client.query(`CREATE TABLE ${table} (n serial, v ${pgTypeText(field.type)})`);
    const batch = batchOf(
      { kind: 'custom', columns: [field.column] },
      new DictionarySet(),
      values.map((value) => ({ [field.column.name]: value }) as Row),
    );
    const refusals = await copyInto(`${table} (v)`, [{ name: 'v', ...field }], batch);
    const rows = await schema.texts(`SELECT v::text FROM ${table} ORDER BY n`);
    return { texts: rows.map(([text]) => text), refusals };
  }

  async function copyInto(target: string, fields: readonly PgField[], batch: Batch) {
    const encoder = new PgCopyEncoder(fields);
    const stream = schema.client.query(copyFrom(`COPY ${target} FROM STDIN (FORMAT binary)`));
    stream.write(PG_COPY_HEADER);
    const { bytes, refusals, next } = encoder.encode(batch, 0, batch.length);
    expect(next).toBe(batch.length);
    stream.write(bytes.slice());
    stream.end(PG_COPY_TRAILER);
    await once(stream, 'finish');
    return refusals.map(({ row, column, expected, found }) => `${row} ${column}: ${expected}: ${found}`);
  }

  const time: Column = { name: 'time', type: 'timestamp' };
  const price: Column = { name: 'price', type: 'float64' };
  const nullable: Column = { ...price, nullable: true };
  const count: Column = { name: 'count', type: 'int32' };
  const id: Column = { name: 'id', type: 'int64' };
  const symbol: Column = { name: 'symbol', type: 'string', nullable: true };

  it('keeps every time in whole microseconds, at both ends of 64 bits of nanoseconds', async () => {
    const times = [
      0n,
      -1_000n,
      946_684_800_000_000_000n,
      946_684_799_999_999_000n,
      -(2n ** 63n) + 808n,
      2n ** 63n - 808n,
      1_700_000_000_123_456_000n,
    ];
    const { texts, refusals } = await written({ column: time, type: { name: 'timestamptz' } }, times);
    expect(refusals).toEqual([]);
    expect(texts).toEqual([
      '1970-01-01 00:00:00+00',
      '1969-12-31 23:59:59.999999+00',
      '2000-01-01 00:00:00+00',
      '1999-12-31 23:59:59.999999+00',
      '1677-09-21 00:12:43.145225+00',
      '2262-04-11 23:47:16.854775+00',
      '2023-11-14 22:13:20.123456+00',
    ]);
  });

  it('refuses a time with nanoseconds, unless they may be left out or have a column of their own', async () => {
    const field = { column: time, type: { name: 'timestamp' } } as const;
    const refused = await written(field, [1n, 1_000n, -1n]);
    expect(refused.texts).toEqual(['1970-01-01 00:00:00.000001']);
    expect(refused.refusals).toEqual([
      '0 v: a time in whole microseconds, which is what PostgreSQL keeps: 1970-01-01T00:00:00.000000001Z',
      '2 v: a time in whole microseconds, which is what PostgreSQL keeps: 1969-12-31T23:59:59.999999999Z',
    ]);
    const dropped = await written({ ...field, belowMicros: 'drop' }, [1_999n, -1n]);
    expect(dropped.texts).toEqual(['1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999']);
    const rest = await written({ column: time, type: { name: 'int2' }, part: 'nanos' }, [
      1_999n,
      -1n,
      5_000n,
    ]);
    expect(rest.texts).toEqual(['999', '999', '0']);
  });

  it('writes days to a date, and refuses a time of day', async () => {
    const { texts, refusals } = await written({ column: time, type: { name: 'date' } }, [
      0n,
      -86_400_000_000_000n,
      1n,
    ]);
    expect(texts).toEqual(['1970-01-01', '1969-12-31']);
    expect(refusals).toEqual([
      '2 v: midnight UTC, since the column is a date: 1970-01-01T00:00:00.000000001Z',
    ]);
  });

  it('keeps infinities, NaN and the sign of zero in float8, and null as NULL where the column has nulls', async () => {
    const values = [Infinity, -Infinity, NaN, -0, 0, 5e-324, Number.MAX_VALUE, 0.1];
    const { texts } = await written({ column: price, type: { name: 'float8' } }, values);
    expect(texts).toEqual([
      'Infinity',
      '-Infinity',
      'NaN',
      '-0',
      '0',
      '5e-324',
      '1.7976931348623157e+308',
      '0.1',
    ]);
    const nulls = await written({ column: nullable, type: { name: 'float8' } }, [null, 1]);
    expect(nulls.texts).toEqual([null, '1']);
    const refused = await written({ column: nullable, type: { name: 'float8' }, notNull: true }, [null, 1]);
    expect(refused.texts).toEqual(['1']);
    expect(refused.refusals).toEqual(['0 v: a value, since the column is NOT NULL: none']);
  });

  it('writes to float4 what it holds exactly, and rounds only where asked', async () => {
    const field = { column: price, type: { name: 'float4' } } as const;
    const { texts, refusals } = await written(field, [0.5, 0.1, NaN, -Infinity, 1e39, 16_777_217]);
    expect(texts).toEqual(['0.5', 'NaN', '-Infinity']);
    expect(refusals.map((text) => text[0])).toEqual(['1', '4', '5']);
    const rounded = await written({ ...field, rounds: true }, [0.1, 1e39]);
    expect(rounded.texts).toEqual(['0.1']);
    expect(rounded.refusals).toEqual(['1 v: a number within the range of a float4: 1e+39']);
  });

  it('refuses whole numbers out of range, fractions and NaN for integers', async () => {
    const small = await written(
      { column: count, type: { name: 'int2' } },
      [32_767, -32_768, 32_768, -32_769],
    );
    expect(small.texts).toEqual(['32767', '-32768']);
    expect(small.refusals).toHaveLength(2);
    const whole = await written({ column: price, type: { name: 'int8' } }, [
      2 ** 63,
      -(2 ** 63),
      2 ** 53,
      0.5,
      NaN,
      Infinity,
      -0,
    ]);
    expect(whole.texts).toEqual(['-9223372036854775808', '9007199254740992', '0']);
    expect(whole.refusals.map((text) => text[0])).toEqual(['0', '3', '4', '5']);
    const long = await written({ column: id, type: { name: 'int8' } }, [2n ** 63n - 1n, -(2n ** 63n), -1n]);
    expect(long.texts).toEqual(['9223372036854775807', '-9223372036854775808', '-1']);
    const short = await written({ column: id, type: { name: 'int4' } }, [
      2n ** 31n,
      -(2n ** 31n),
      -1n,
      2n ** 53n + 1n,
    ]);
    expect(short.texts).toEqual(['-2147483648', '-1']);
    const exact = await written({ column: id, type: { name: 'float8' } }, [
      2n ** 53n + 1n,
      2n ** 53n + 2n,
      -(2n ** 63n),
      2n ** 63n - 1n,
    ]);
    expect(exact.texts).toEqual(['9.007199254740994e+15', '-9.223372036854776e+18']);
  });

  it('writes the shortest decimal number to numeric, and refuses what would be rounded', async () => {
    const values = [0.1, 123.45, -123.455, 99_999_999.99, 1e8, 0, -0, NaN, 1e-7, 0.005];
    const { texts, refusals } = await written(
      { column: price, type: { name: 'numeric', precision: 10, scale: 2 } },
      values,
    );
    expect(texts).toEqual(['0.10', '123.45', '99999999.99', '0.00', '0.00', 'NaN']);
    expect(refusals).toEqual([
      '2 v: a number with at most 2 digits after the point, since the column is numeric(10,2) (or allow rounding): -123.455',
      '4 v: a number below 10^8, since the column is numeric(10,2): 100000000',
      '8 v: a number with at most 2 digits after the point, since the column is numeric(10,2) (or allow rounding): 1e-7',
      '9 v: a number with at most 2 digits after the point, since the column is numeric(10,2) (or allow rounding): 0.005',
    ]);
    const rounded = await written(
      { column: price, type: { name: 'numeric', precision: 10, scale: 2 }, rounds: true },
      [-123.455, 0.005, 0.004, 99_999_999.995, 9.995, 1e-7],
    );
    expect(rounded.texts).toEqual(['-123.46', '0.01', '0.00', '10.00', '0.00']);
    const free = await written({ column: price, type: { name: 'numeric' } }, [
      0.1,
      1e-10,
      1e21,
      12_345.678_9,
      Infinity,
      5e-324,
    ]);
    expect(free.texts.slice(0, 5)).toEqual([
      '0.1',
      '0.0000000001',
      '1000000000000000000000',
      '12345.6789',
      'Infinity',
    ]);
    expect(Number(free.texts[5])).toBe(5e-324);
    const long = await written({ column: id, type: { name: 'numeric', precision: 19, scale: 0 } }, [
      2n ** 63n - 1n,
      -(2n ** 63n),
      10_000n,
    ]);
    expect(long.texts).toEqual(['9223372036854775807', '-9223372036854775808', '10000']);
  });

  it('refuses NUL, half characters and texts beyond varchar(n), and writes every other text', async () => {
    const good = ['', 'AAPL', 'é😀', ' '.repeat(3), 'x'.repeat(100_000)];
    const { texts, refusals } = await written({ column: symbol, type: { name: 'text' } }, [
      ...good,
      'a\0b',
      '\ud800',
      null,
    ]);
    expect(texts).toEqual([...good, null]);
    expect(refusals).toEqual([
      '5 v: a text without NUL, which PostgreSQL cannot hold: "a\\u0000b"',
      '6 v: a text of whole characters: "\\ud800"',
    ]);
    const short = await written({ column: symbol, type: { name: 'varchar', characters: 2 } }, [
      '😀😀',
      'abc',
      'ab ',
    ]);
    expect(short.texts).toEqual(['😀😀']);
    expect(short.refusals).toEqual(['1 v: at most 2 characters: "abc"', '2 v: at most 2 characters: "ab "']);
  });
});
