import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Column } from '../../../src/columns/schema.js';
import type { PgReadField } from '../../../src/formats/pg-copy/field-reader.js';
import { PgCopyDecoder } from '../../../src/formats/pg-copy/pg-copy-decoder.js';
import { rowsIn } from '../../support/batch-rows.js';
import { hasPostgres, postgresTitle, scratchSchema } from '../../support/postgres-server.js';

describe.runIf(hasPostgres)(postgresTitle('binary COPY from PostgreSQL'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  beforeAll(async () => {
    schema = await scratchSchema();
  });
  afterAll(() => schema?.remove());

  /** Reads what a list of SQL values gives in one column. */
  async function read(
    values: readonly string[],
    field: Omit<PgReadField, 'name'>,
    cast: string = field.type,
  ) {
    const rows = values.map((value, i) => `(${i}, ${value}::${cast})`).join(', ');
    const query = `SELECT v FROM (VALUES ${rows}) AS t (n, v) ORDER BY n`;
    const stream = schema.client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`));
    const decoder = new PgCopyDecoder([{ name: 'v', ...field }]);
    for await (const chunk of stream) decoder.push(chunk as Buffer);
    const batch = new Batch({ kind: 'custom', columns: [field.column] }, 100, new DictionarySet());
    decoder.decode(batch);
    const refusals = decoder
      .takeRefusals()
      .map(({ row, expected, found }) => `${row}: ${expected}: ${found}`);
    return { values: rowsIn(batch).map((row) => row[field.column.name]), refusals };
  }

  const time: Column = { name: 'time', type: 'timestamp' };
  const price: Column = { name: 'price', type: 'float64' };
  const nullable: Column = { ...price, nullable: true };
  const range = 'a time from 1677-09-21 to 2262-04-11, which is what nanoseconds of 64 bits hold';

  it('reads times to the microsecond, and refuses infinity, NULL and what is out of range', async () => {
    const found = await read(
      [
        "'1970-01-01 00:00:00.000001Z'",
        "'infinity'",
        "'-infinity'",
        "'1677-09-21 00:12:43.145225Z'",
        "'1677-09-21 00:12:43.145224Z'",
        "'2262-04-11 23:47:16.854775Z'",
        "'2262-04-11 23:47:16.854776Z'",
        "'4713-01-01 BC'",
        "'294276-12-31'",
        'NULL',
        "'1999-12-31 23:59:59.999999Z'",
      ],
      { column: time, type: 'timestamptz' },
    );
    expect(found.values).toEqual([1_000n, -(2n ** 63n) + 808n, 2n ** 63n - 808n, 946_684_799_999_999_000n]);
    expect(found.refusals.map((text) => text.split(':')[0])).toEqual(['1', '2', '4', '6', '7', '8', '9']);
    expect(found.refusals[0]).toBe(`1: ${range}: infinity`);
    expect(found.refusals[1]).toBe(`2: ${range}: -infinity`);
  });

  it('reads a date as its midnight in UTC', async () => {
    const { values, refusals } = await read(["'1970-01-02'", "'infinity'", "'1677-09-21'", "'2262-04-11'"], {
      column: time,
      type: 'date',
    });
    expect(values).toEqual([86_400_000_000_000n, 9_223_286_400_000_000_000n]);
    expect(refusals).toEqual([`1: ${range}: infinity`, `2: ${range}: day -117709 since 2000-01-01`]);
  });

  it('keeps every float8, and tells NaN from NULL where the column has both', async () => {
    const all = ["'Infinity'", "'-Infinity'", "'-0'", '5e-324', '0.1'];
    const floats = await read(all, { column: price, type: 'float8' });
    expect(floats.values).toEqual([Infinity, -Infinity, -0, 5e-324, 0.1]);
    const mixed = await read(["'NaN'", 'NULL', '1'], { column: nullable, type: 'float8' });
    expect(mixed.values).toEqual([null, 1]);
    expect(mixed.refusals[0]).toContain('0: a number or NULL');
    const asked = await read(["'NaN'", 'NULL'], { column: nullable, type: 'float8', nanIsNull: true });
    expect(asked.values).toEqual([null, null]);
  });

  it('reads a numeric that a float64 gives back in the same digits, and rounds others only where asked', async () => {
    const numbers = [
      '0.1',
      '123456789012345',
      '1234567890123456789',
      '0.30000000000000004',
      '0.300000000000000041',
      '1e25',
      '-0.005',
      '1e400',
      '100000000000000000000',
    ];
    const { values, refusals } = await read(numbers, { column: price, type: 'numeric' });
    expect(values).toEqual([0.1, 123_456_789_012_345, 0.30000000000000004, 1e25, -0.005, 1e20]);
    expect(refusals.map((text) => text.split(': ').at(-1))).toEqual([
      '1234567890123456789e0',
      '300000000000000041e-18',
      '1e400',
    ]);
    const rounded = await read(['1234567890123456789', "'NaN'", "'-Infinity'"], {
      column: price,
      type: 'numeric',
      rounds: true,
    });
    expect(rounded.values).toEqual([1234567890123456800, null, -Infinity]);
  });

  it('refuses an int8 that a float64 does not hold, and NULL in columns that always have a value', async () => {
    const longs = await read(['9007199254740993', '9007199254740992', "'-9223372036854775808'"], {
      column: price,
      type: 'int8',
    });
    expect(longs.values).toEqual([9007199254740992, -(2 ** 63)]);
    expect(longs.refusals[0]).toContain('9007199254740993');
    const count = await read(['-1', 'NULL', '32767'], {
      column: { name: 'count', type: 'int32' },
      type: 'int2',
    });
    expect(count.values).toEqual([-1, 32_767]);
    expect(count.refusals[0]).toContain('coalesce');
    const wide = await read(['-1', '2147483647'], { column: { name: 'id', type: 'int64' }, type: 'int4' });
    expect(wide.values).toEqual([-1n, 2147483647n]);
  });

  it('reads texts, values of an enum and booleans', async () => {
    const symbol: Column = { name: 'symbol', type: 'string', nullable: true };
    const long = 'é'.repeat(5_000);
    const texts = await read(["'A'", 'NULL', "''", `'${long}'`, "'A'"], { column: symbol, type: 'text' });
    expect(texts.values).toEqual(['A', null, '', long, 'A']);
    const side: Column = { name: 'side', type: 'enum', values: ['buy', 'sell'] };
    const sides = await read(["'sell'", "'hold'", 'NULL'], { column: side, type: 'varchar' });
    expect(sides.values).toEqual(['sell']);
    expect(sides.refusals[0]).toBe('1: one of buy, sell: "hold"');
    const flags = await read(['true', 'false'], { column: { name: 'flag', type: 'boolean' }, type: 'bool' });
    expect(flags.values).toEqual([true, false]);
  });
});
