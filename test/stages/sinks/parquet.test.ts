import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { DictionarySet, NO_STRING } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { duckdb, typesOf } from './duckdb.js';
import {
  ALL_TYPES,
  batchOf,
  contextOf,
  pooledBatch,
  poolOf,
  TICKS,
  temporaryDirectory,
  ticks,
} from './sink-rows.js';

type Options = Partial<z.input<typeof ParquetSinkOptions>>;

async function writeParquet(schema: Schema, batches: readonly (readonly Row[])[], options: Options = {}) {
  const path = join(temporaryDirectory(), 'out');
  const dictionaries = new DictionarySet();
  const sink = parquetSink.create(
    ParquetSinkOptions.parse({ path, ...options }),
    schema,
    contextOf('job', { dictionaries }),
  );
  await sink.open();
  for (const rows of batches) await sink.write(batchOf(schema, rows, dictionaries));
  const durable = await sink.flush();
  await sink.close();
  return { path, durable, outputs: sink.outputs(), all: `read_parquet('${path}/*.parquet')` };
}

const select = (all: string) =>
  duckdb(
    `SELECT epoch_ns(time) AS time, symbol, note, price, size, level, id, side, ok FROM ${all} ORDER BY level`,
  );

const finite = { noNaN: true, noDefaultInfinity: true } as const;
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** DuckDB keeps the largest and smallest instants for infinity. */
const instant = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
const anyRow = fc.record({
  time: fc.oneof(instant, fc.bigInt({ min: 1_704_067_200_000_000_000n, max: 1_704_067_201_000_000_000n })),
  symbol: fc.oneof(fc.constantFrom('EUR/USD', 'BTC-USD'), fc.string({ unit: 'grapheme' })),
  note: fc.option(fc.string({ unit: 'grapheme', maxLength: 100 })),
  price: fc.oneof(fc.double(finite), fc.constantFrom(1.5, 2.25)),
  size: fc.option(fc.double(finite)),
  id: fc.oneof(int64, fc.bigInt({ min: 0n, max: 9n })),
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  ok: fc.boolean(),
});

describe('the parquet sink', () => {
  it('gives every type of column to DuckDB as it is, nanoseconds included', async () => {
    const row: Row = {
      time: 1_704_067_200_123_456_789n,
      symbol: 'EUR/USD',
      note: null,
      price: 1.07123,
      size: null,
      level: -3,
      id: 2n ** 62n + 1n,
      side: 'sell',
      ok: true,
    };
    const other: Row = { ...row, note: '', size: -0, level: 7, side: 'unknown', ok: false };
    const { all } = await writeParquet(ALL_TYPES, [[row, other]]);
    expect(await typesOf(all)).toEqual({
      time: 'TIMESTAMP_NS',
      symbol: 'VARCHAR',
      note: 'VARCHAR',
      price: 'DOUBLE',
      size: 'DOUBLE',
      level: 'INTEGER',
      id: 'BIGINT',
      side: 'VARCHAR',
      ok: 'BOOLEAN',
    });
    expect(await select(all)).toEqual([row, other]);
  });

  it('refuses a row without a string in a column that is not nullable', async () => {
    const dictionaries = new DictionarySet();
    const batch = batchOf(ALL_TYPES, [{ symbol: 'A' }, {}], dictionaries);
    batch.int32('symbol')[1] = NO_STRING;
    const options = ParquetSinkOptions.parse({ path: join(temporaryDirectory(), 'out') });
    const sink = parquetSink.create(options, ALL_TYPES, contextOf('job', { dictionaries }));
    await sink.open();
    await expect(sink.write(batch)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('Column "symbol": expected a string in every row'),
    });
    await sink.close();
  });

  it.each(['none', 'snappy', 'gzip'] as const)(
    'gives any rows back as they were, over several batches and row groups (%s)',
    async (compression) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(anyRow, { maxLength: 40 }), { minLength: 1, maxLength: 6 }),
          fc.integer({ min: 1, max: 60 }),
          async (parts, rowGroupRows) => {
            let level = 0;
            const batches = parts.map((rows) => rows.map((row) => ({ ...row, level: level++ }) as Row));
            const path = join(temporaryDirectory(), 'out');
            const context = contextOf();
            // Row groups smaller than the options allow, so that few rows fill many.
            const options = { ...ParquetSinkOptions.parse({ path, compression }), rowGroupRows };
            const sink = parquetSink.create(options, ALL_TYPES, context);
            await sink.open();
            for (const rows of batches) await sink.write(batchOf(ALL_TYPES, rows, context.dictionaries));
            expect((await sink.flush()).rows).toBe(level);
            if (level > 0) expect(await select(`read_parquet('${path}/*.parquet')`)).toEqual(batches.flat());
          },
        ),
        { numRuns: 25, seed: 7 },
      );
    },
  );

  it('reads back the same with hyparquet, across the edge of a page', async () => {
    const rows = 65_536 + 9;
    const schema: Schema = {
      kind: 'custom',
      columns: [
        { name: 'time', type: 'timestamp' },
        { name: 'mixed', type: 'float64', nullable: true },
        { name: 'noise', type: 'float64', nullable: true },
        { name: 'symbol', type: 'string', nullable: true },
        { name: 'even', type: 'boolean' },
      ],
    };
    const expected = Array.from({ length: rows }, (_, i) => ({
      time: BigInt(i) * 1_000_003n,
      mixed: i % 3 === 0 ? null : (i % 100) / 4,
      noise: i % 5 === 0 ? null : Math.sqrt(i + 0.5),
      symbol: i % 7 === 0 ? null : `S${i % 1_000}`,
      even: i % 2 === 0,
    }));
    const { outputs } = await writeParquet(schema, [expected.slice(0, 40_000), expected.slice(40_000)]);
    const file = await asyncBufferFromFile(outputs[0]!);
    const metadata = await parquetMetadataAsync(file);
    expect(metadata.num_rows).toBe(BigInt(rows));
    const found = await parquetReadObjects({ file, metadata });
    expect(found.length).toBe(rows);
    for (const i of [0, 1, 39_999, 40_000, 65_535, 65_536, rows - 1]) {
      const { time, ...values } = expected[i]!;
      const { time: foundTime, ...foundValues } = found[i]!;
      expect(foundValues).toEqual(values);
      // hyparquet makes dates of timestamps, which hold milliseconds.
      expect((foundTime as Date).getTime()).toBe(Number(time / 1_000_000n));
    }
    expect(found.reduce((sum, { noise }) => sum + ((noise as number | null) ?? 0), 0)).toBe(
      expected.reduce((sum, { noise }) => sum + (noise ?? 0), 0),
    );
  });

  it('keeps NaN and infinity as values where a column has no nulls, and lets no filter miss them', async () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };
    const { all } = await writeParquet(schema, [
      [{ x: Number.NaN }, { x: Number.POSITIVE_INFINITY }, { x: 1 }],
    ]);
    expect(await duckdb(`SELECT x FROM ${all}`)).toEqual([{ x: Number.NaN }, { x: Infinity }, { x: 1 }]);
    expect(await duckdb(`SELECT count(*)::INT AS n FROM ${all} WHERE x > 5`)).toEqual([{ n: 2 }]);
  });

  it('says the bounds of a column, so that readers skip row groups', async () => {
    const { all, path } = await writeParquet(ALL_TYPES, [
      [
        { time: 5n, symbol: 'B', note: null, price: 2, size: null, level: 2, id: -7n, side: 'buy', ok: true },
        { time: -5n, symbol: 'A', note: 'x', price: -1, size: 4, level: 1, id: 9n, side: 'buy', ok: true },
      ],
    ]);
    const bounds = await duckdb(
      `SELECT path_in_schema AS name, stats_min_value AS lo, stats_max_value AS hi, stats_null_count::INT AS nulls
       FROM parquet_metadata('${path}/*.parquet')`,
    );
    expect(
      Object.fromEntries(bounds.map(({ name, lo, hi, nulls }) => [name, [lo, hi, nulls]])),
    ).toMatchObject({
      symbol: ['A', 'B', 0],
      note: ['x', 'x', 1],
      price: ['-1.0', '2.0', 0],
      size: ['4.0', '4.0', 1],
      level: ['1', '2', 0],
      id: ['-7', '9', 0],
    });
    expect(
      await duckdb(`SELECT count(*)::INT AS n FROM ${all} WHERE epoch_ns(time) = -5 AND price < 0`),
    ).toEqual([{ n: 1 }]);
  });

  it('leaves one file with the columns and no rows after a run without rows', async () => {
    const { path, outputs, all } = await writeParquet(ALL_TYPES, []);
    expect([readdirSync(path).length, outputs.length]).toEqual([1, 1]);
    expect(await duckdb(`SELECT count(*)::INT AS n FROM ${all}`)).toEqual([{ n: 0 }]);
    const columns = await duckdb(`SELECT column_name AS name FROM (DESCRIBE SELECT * FROM ${all})`);
    expect(columns.map(({ name }) => name)).toEqual(ALL_TYPES.columns.map(({ name }) => name));
    const { num_rows } = await parquetMetadataAsync(await asyncBufferFromFile(outputs[0]!));
    expect(num_rows).toBe(0n);
  });

  it('refuses to append other columns, and replaces them', async () => {
    const { path } = await writeParquet(TICKS, [ticks(2)]);
    const other: Schema = { ...TICKS, columns: [...TICKS.columns, { name: 'venue', type: 'string' }] };
    await expect(writeParquet(other, [], { path, ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringMatching(
        /holds parts with other columns: expected .*venue string, found time timestamp/,
      ),
    });
    await writeParquet(other, [], { path, ifExists: 'replace' });
    await expect(writeParquet(TICKS, [], { path, ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
  });

  it('starts a file after so many rows and after so much event time', async () => {
    const byRows = await writeParquet(TICKS, [ticks(25), ticks(10, 25)], { rotate: { rows: 10 } });
    expect(readdirSync(byRows.path)).toEqual(
      [1, 2, 3, 4].map((n) =>
        expect.stringMatching(new RegExp(`^job-[a-z2-7]{10}-00001-00000${n}\\.parquet$`)),
      ),
    );
    expect(await duckdb(`SELECT count(*)::INT AS n FROM ${byRows.all}`)).toEqual([{ n: 35 }]);

    // From 00:00:50 on, a tick a second: 10 s up to the minute, then 60, then what is left.
    const byTime = await writeParquet(TICKS, [ticks(100, 50)], { rotate: { every: '1m' } });
    expect(
      await duckdb(
        `SELECT count(*)::INT AS n, min(time)::VARCHAR AS first FROM read_parquet('${byTime.path}/*.parquet', filename = true)
         GROUP BY filename ORDER BY filename`,
      ),
    ).toEqual([
      { n: 10, first: '2024-01-01 00:00:50' },
      { n: 60, first: '2024-01-01 00:01:00' },
      { n: 30, first: '2024-01-01 00:02:00' },
    ]);
  });

  it('gives every batch back to its pool', async () => {
    const context = contextOf();
    const pool = poolOf(TICKS, context.dictionaries);
    const options = ParquetSinkOptions.parse({ path: join(temporaryDirectory(), 'out') });
    const sink = parquetSink.create(options, TICKS, context);
    await sink.open();
    for (let i = 0; i < 5; i++) await sink.write(pooledBatch(pool, ticks(10)));
    expect(pool.outstanding).toBe(0);
    await sink.close();
  });

  it('refuses in the plan what it cannot do', () => {
    const found: string[] = [];
    const problems = {
      add: (path: readonly (string | number)[], text: string) => found.push(`${path}: ${text}`),
    };
    const noTime: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };
    const options = ParquetSinkOptions.parse({ path: 'out/bars.parquet', rotate: { every: '1h' } });
    parquetSink.plan(options, noTime, problems);
    expect(found).toEqual([
      'path: expected a directory, which the sink fills with .parquet files, found a file name',
      'rotate,every: expected rows with a timestamp column "time" to cut by, found none',
    ]);
  });
});
