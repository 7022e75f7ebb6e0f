import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { nanos } from '../../../src/core/units.js';
import { csvSink } from '../../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../../src/stages/sinks/csv/options.js';
import { jsonlSink } from '../../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../../src/stages/sinks/jsonl/options.js';
import { collectProblems } from '../../support/stage-context.js';
import { duckdb } from './duckdb.js';
import { ALL_TYPES, batchOf, contextOf, TICKS, temporaryDirectory, ticks } from './sink-rows.js';

type Controls = readonly { row: number; record: ControlRecord }[];

async function writeText(
  format: 'csv' | 'jsonl',
  schema: Schema,
  batches: readonly (readonly Row[])[],
  options: Record<string, unknown> = {},
  controls: Controls = [],
) {
  const path = String(options.path ?? join(temporaryDirectory(), `out.${format}`));
  const dictionaries = new DictionarySet();
  const context = contextOf('job', { dictionaries });
  const sink =
    format === 'csv'
      ? csvSink.create(CsvSinkOptions.parse({ ...options, path }), schema, context)
      : jsonlSink.create(JsonlSinkOptions.parse({ ...options, path }), schema, context);
  await sink.open();
  for (const rows of batches) await sink.write(batchOf(schema, rows, dictionaries, controls));
  const durable = await sink.flush();
  await sink.close();
  return { path, durable, text: existsSync(path) && !path.endsWith('.gz') ? readFileSync(path, 'utf8') : '' };
}

const ROW: Row = {
  time: 1_399_525_217_007_000_000n,
  symbol: 'EUR/USD',
  note: null,
  price: 1.07123,
  size: null,
  level: -3,
  id: 2n ** 62n + 1n,
  side: 'sell',
  ok: true,
};

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const decimal = fc
  .tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.integer({ min: 0, max: 9 }))
  .map(([digits, decimals]) => digits / 10 ** decimals);
const anyDouble = fc.oneof(decimal, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ';', ' ', 'a', '\u2028'), maxLength: 8 }),
);
const anyRow = fc.record({
  time: int64,
  symbol: text,
  note: fc.option(text),
  price: anyDouble,
  size: fc.option(anyDouble),
  level: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  id: int64,
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  ok: fc.boolean(),
});

/** The same instant as another implementation writes it. */
function iso(instant: bigint): string {
  const floorMs = (instant - (((instant % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n;
  const rest = instant - floorMs * 1_000_000n;
  return new Date(Number(floorMs)).toISOString().replace('Z', `${String(rest).padStart(6, '0')}Z`);
}

describe('the csv sink', () => {
  it('writes a header, instants to the nanosecond and no value as nothing', async () => {
    const { text } = await writeText('csv', ALL_TYPES, [[ROW]]);
    expect(text).toBe(
      'time,symbol,note,price,size,level,id,side,ok\n' +
        '2014-05-08T05:00:17.007000000Z,EUR/USD,,1.07123,,-3,4611686018427387905,sell,true\n',
    );
  });

  it('is read back by csv-parse with every value, whatever the strings hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRow, { maxLength: 30 }),
        fc.constantFrom(',', ';', '\t'),
        async (rows, delimiter) => {
          const { text } = await writeText('csv', ALL_TYPES, [rows], { delimiter, timeFormat: 'ns' });
          const found = parse(text, { columns: true, delimiter, record_delimiter: '\n' }) as Record<
            string,
            string
          >[];
          expect(found.length).toBe(rows.length);
          for (const [i, row] of rows.entries()) {
            const { time, symbol, note, price, size, level, id, side, ok } = found[i]!;
            expect({ symbol, side, ok }).toEqual({ symbol: row.symbol, side: row.side, ok: String(row.ok) });
            expect([BigInt(time!), BigInt(id!), Number(level)]).toEqual([row.time, row.id, row.level]);
            expect(Number(price)).toBe(row.price);
            if (row.size === null) expect(size).toBe('');
            else expect(Number(size)).toBe(row.size);
            expect(note).toBe(row.note ?? '');
          }
        },
      ),
      { numRuns: 100, seed: 5 },
    );
  });

  it('writes numbers in the shortest form', async () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };
    await fc.assert(
      fc.asyncProperty(fc.array(anyDouble, { minLength: 1 }), async (values) => {
        const { text } = await writeText('csv', schema, [values.map((x) => ({ x }))], { header: false });
        const lines = text.trimEnd().split('\n');
        for (const [i, value] of values.entries()) {
          expect(Number(lines[i])).toBe(value);
          // JavaScript drops the sign of −0; below 10⁻⁶ it writes an exponent.
          if (!Object.is(value, -0) && Math.abs(value) >= 1e-6) expect(lines[i]).toBe(String(value));
        }
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it('writes instants before and after 1970 in every form, rounded down', async () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'time', type: 'timestamp' }] };
    const instants = [
      0n,
      -1n,
      1n,
      999_999_999n,
      -1_000_000_000n,
      951_782_400_123_456_789n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ];
    const rows = instants.map((time) => ({ time }));
    const lines = async (timeFormat: string) =>
      (await writeText('csv', schema, [rows], { timeFormat, header: false })).text.trimEnd().split('\n');
    const floor = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;
    expect(await lines('iso')).toEqual(instants.map(iso));
    expect(await lines('ns')).toEqual(instants.map(String));
    expect(await lines('us')).toEqual(instants.map((t) => String(floor(t, 1_000n))));
    expect(await lines('ms')).toEqual(instants.map((t) => String(floor(t, 1_000_000n))));
  });

  it('tells no value from an empty string, and keeps a row that is nothing else', async () => {
    const note: Schema = { kind: 'custom', columns: [{ name: 'note', type: 'string', nullable: true }] };
    const alone = await writeText('csv', note, [[{ note: null }, { note: 'x' }]]);
    expect(alone.text).toBe('note\n""\nx\n');
    const two: Schema = { kind: 'custom', columns: [...note.columns, { name: 'n', type: 'int32' }] };
    expect(
      (
        await writeText('csv', two, [
          [
            { note: null, n: 1 },
            { note: '', n: 2 },
          ],
        ])
      ).text,
    ).toBe('note,n\n,1\n"",2\n');
  });

  it('takes a row longer than its buffer', async () => {
    const note: Schema = { kind: 'custom', columns: [{ name: 'note', type: 'string' }] };
    const long = 'é'.repeat(400_000);
    const { text } = await writeText('csv', note, [[{ note: 'a' }, { note: long }, { note: 'b' }]]);
    expect(text).toBe(`note\na\n${long}\nb\n`);
  });

  it('is read by DuckDB, gzip in several members included', async () => {
    const path = join(temporaryDirectory(), 'ticks.csv.gz');
    await writeText('csv', TICKS, [ticks(20_000)], { path });
    await writeText('csv', TICKS, [ticks(5, 20_000)], { path, ifExists: 'append' });
    expect(gunzipSync(readFileSync(path)).toString().split('\n').length).toBe(20_007);
    const [found] = await duckdb(
      `SELECT count(*)::INT AS n, max(epoch_ns(time::TIMESTAMP_NS)) AS last, round(sum(price), 2) AS sum
       FROM read_csv('${path}', types = {'time': 'VARCHAR'})`,
    );
    const rows = ticks(20_005);
    expect(found).toEqual({
      n: 20_005,
      last: rows.at(-1)!.time,
      sum: Math.round(rows.reduce((sum, { price }) => sum + Number(price), 0) * 100) / 100,
    });
  });

  it('refuses to add to a file with another header', async () => {
    const path = join(temporaryDirectory(), 'out.csv');
    writeFileSync(path, 'time,other\n1,2\n');
    await expect(writeText('csv', TICKS, [ticks(1)], { path, ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('expected the first line "time,symbol,price", found "time,other'),
    });
    expect(readFileSync(path, 'utf8')).toBe('time,other\n1,2\n');
  });

  it('leaves a file with nothing but its header when there was no row', async () => {
    const { text, durable } = await writeText('csv', TICKS, []);
    expect(text).toBe('time,symbol,price\n');
    expect(durable.rows).toBe(0);
  });

  it('refuses in the plan what contradicts itself', () => {
    const problems = collectProblems();
    const options = { path: 'out.csv', compression: 'gzip', rotate: { rows: 5 } };
    csvSink.plan(CsvSinkOptions.parse(options), TICKS, problems);
    expect(problems.found).toEqual([
      'compression: expected "none", as the end of "path" says, found "gzip"',
      'rotate: expected a directory as "path" to rotate in, found the name of one file',
    ]);
  });
});

describe('the jsonl sink', () => {
  it('writes an object a row that JSON.parse reads back, whatever the strings hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { maxLength: 30 }), async (rows) => {
        const { text } = await writeText('jsonl', ALL_TYPES, [rows]);
        const found = text.split('\n').slice(0, -1);
        expect(found.length).toBe(rows.length);
        for (const [i, row] of rows.entries()) {
          const { id, ...values } = JSON.parse(found[i]!) as Row;
          expect(values).toEqual({ ...row, id: undefined, time: iso(row.time) });
          expect(found[i]).toContain(`"id":${row.id},`);
        }
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it('is read by DuckDB', async () => {
    const { path } = await writeText('jsonl', ALL_TYPES, [[ROW, { ...ROW, note: 'a "b"\n', size: 4.25 }]]);
    expect(
      await duckdb(
        `SELECT epoch_ns(time::TIMESTAMP_NS) AS time, symbol, note, price, size, level::INT AS level, id, side, ok
         FROM read_json('${path}', columns = {time: 'VARCHAR', symbol: 'VARCHAR', note: 'VARCHAR', price: 'DOUBLE',
           size: 'DOUBLE', level: 'INTEGER', id: 'BIGINT', side: 'VARCHAR', ok: 'BOOLEAN'})`,
      ),
    ).toEqual([ROW, { ...ROW, note: 'a "b"\n', size: 4.25 }]);
  });

  it('writes what JSON cannot say as null', async () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };
    const rows = [{ x: Number.NaN }, { x: Number.POSITIVE_INFINITY }, { x: -0 }];
    expect((await writeText('jsonl', schema, [rows])).text).toBe('{"x":null}\n{"x":null}\n{"x":-0}\n');
  });

  it('writes control records in their place when asked to', async () => {
    const controls: Controls = [
      { row: 0, record: { type: 'reset', at: nanos(0n), reason: 'start' } },
      { row: 1, record: { type: 'gap', from: nanos(1n), to: nanos(2n), symbol: 'X', reason: 'a "b"' } },
      { row: 2, record: { type: 'end', how: 'completed' } },
    ];
    const schema: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'int32' }] };
    const rows = [{ n: 1 }, { n: 2 }];
    const asked = await writeText('jsonl', schema, [rows], { controls: true }, controls);
    expect(asked.text.trimEnd().split('\n')).toEqual([
      '{"control":"reset","at":"1970-01-01T00:00:00.000000000Z","reason":"start"}',
      '{"n":1}',
      '{"control":"gap","from":"1970-01-01T00:00:00.000000001Z","to":"1970-01-01T00:00:00.000000002Z","symbol":"X","reason":"a \\"b\\""}',
      '{"n":2}',
      '{"control":"end","how":"completed"}',
    ]);
    expect((await writeText('jsonl', schema, [rows], {}, controls)).text).toBe('{"n":1}\n{"n":2}\n');
  });

  it('writes watermarks among them, but the last one alone of those that come before there is a file', async () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'int32' }] };
    const watermark = (at: bigint) => ({ row: 0, record: { type: 'watermark', at: nanos(at) } as const });
    const controls: Controls = [watermark(1n), watermark(2n)];
    const line = (ns: number) => `{"control":"watermark","at":"1970-01-01T00:00:00.00000000${ns}Z"}`;
    const { text } = await writeText('jsonl', schema, [[], [{ n: 7 }]], { controls: true }, controls);
    expect(text.trimEnd().split('\n').slice(0, 3)).toEqual([line(2), line(1), line(2)]);
  });
});
