import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fromArrow, toArrow } from '../../../src/columns/arrow/arrow.js';
import { loadArrow } from '../../../src/columns/arrow/load-arrow.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { copyRow, type Row, rowsOf } from '../../../src/columns/row-view.js';
import { ALL_TYPES, batchOf, TICKS, ticks } from '../../stages/sinks/sink-rows.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyRow: fc.Arbitrary<Row> = fc.record({
  time: int64,
  symbol: fc.string({ unit: 'grapheme', maxLength: 5 }),
  note: fc.option(fc.string({ maxLength: 3 })),
  price: fc.double({ noNaN: true }),
  size: fc.option(fc.double({ noNaN: true })),
  level: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  id: int64,
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  ok: fc.boolean(),
});

describe('a batch as Arrow', () => {
  it('shares the memory of the batch, booleans aside', async () => {
    const batch = batchOf(TICKS, ticks(10));
    const record = await toArrow(batch);
    const memory = record.schema.fields.map(
      (_, i) => (record.getChildAt(i)!.data[0]!.values as Int32Array).buffer,
    );
    for (const [i, buffer] of memory.entries()) expect(buffer).toBe(batch.columns[i]!.buffer);
  });

  it('outlives the batch when it is copied', async () => {
    const batch = batchOf(TICKS, ticks(3));
    const record = await toArrow(batch, { copy: true });
    batch.float64('price').fill(0);
    expect([...record.getChild('price')!]).toEqual([100, 100.01, 100.02]);
  });

  it('has the types that other tools expect', async () => {
    const record = await toArrow(batchOf(ALL_TYPES, []));
    expect(record.schema.fields.map(({ name, type, nullable }) => [name, String(type), nullable])).toEqual([
      ['time', 'Timestamp<NANOSECOND, UTC>', false],
      ['symbol', 'Dictionary<Int32, Utf8>', false],
      ['note', 'Dictionary<Int32, Utf8>', true],
      ['price', 'Float64', false],
      ['size', 'Float64', true],
      ['level', 'Int32', false],
      ['id', 'Int64', false],
      ['side', 'Dictionary<Uint8, Utf8>', false],
      ['ok', 'Bool', false],
    ]);
  });

  it('shares its schema with the batches before it, so that a stream and a table take them all', async () => {
    const dictionaries = new DictionarySet();
    const rowOf = (i: number): Row => ({ symbol: `S${i}`, side: i % 2 === 0 ? 'buy' : 'sell' });
    const written = [0, 1, 2, 3, 4].map(rowOf);
    const records = [
      await toArrow(batchOf(ALL_TYPES, written.slice(0, 2), dictionaries)),
      await toArrow(batchOf(ALL_TYPES, written.slice(2), dictionaries)),
    ];
    const writer = new arrow.RecordBatchStreamWriter();
    for (const record of records) writer.write(record);
    writer.finish();
    const read = (table: arrow.Table) => table.toArray().map(({ symbol, side }) => ({ symbol, side }));
    expect(read(arrow.tableFromIPC(await writer.toUint8Array()))).toEqual(written);
    expect(read(new arrow.Table(records))).toEqual(written);
  });

  it('survives the IPC format with every value, and comes back as the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { maxLength: 70 }), async (rows) => {
        const record = await toArrow(batchOf(ALL_TYPES, rows));
        const table = arrow.tableFromIPC(arrow.tableToIPC(new arrow.Table([record])));
        expect(table.numRows).toBe(rows.length);
        for (const name of ['symbol', 'note', 'price', 'size', 'level', 'id', 'side', 'ok']) {
          expect(Array.from(table.getChild(name) ?? [])).toEqual(rows.map((row) => row[name]));
        }
        const back = await fromArrow(table);
        expect(Array.from(rowsOf(back), copyRow)).toEqual(rows);
      }),
      { numRuns: 40, seed: 3 },
    );
  });

  it('is sent in pieces whose dictionary grows', async () => {
    const dictionaries = new DictionarySet();
    const first = await toArrow(batchOf(TICKS, ticks(1), dictionaries), { copy: true });
    const second = await toArrow(batchOf(TICKS, ticks(3), dictionaries), { copy: true });
    const table = arrow.tableFromIPC(arrow.tableToIPC(new arrow.Table([first, second])));
    expect([...table.getChild('symbol')!]).toEqual(['EUR/USD', 'EUR/USD', 'GBP/USD', 'GBP/USD']);
  });
});

describe('a batch from Arrow', () => {
  it('takes tables of other tools: plain strings, other units, several pieces', async () => {
    const piece = (ms: number, name: string | null) =>
      new arrow.Table({
        at: arrow.vectorFromArray([ms], new arrow.TimestampMillisecond()),
        name: arrow.vectorFromArray([name], new arrow.Utf8()),
        small: arrow.vectorFromArray([-7], new arrow.Int8()),
        big: arrow.vectorFromArray([4_294_967_295], new arrow.Uint32()),
        half: arrow.vectorFromArray([0.5], new arrow.Float32()),
      });
    const batch = await fromArrow(piece(5, 'x').concat(piece(-1, null)), { kind: 'custom' });
    expect(Array.from(rowsOf(batch), copyRow)).toEqual([
      { at: 5_000_000n, name: 'x', small: -7, big: 4_294_967_295n, half: 0.5 },
      { at: -1_000_000n, name: null, small: -7, big: 4_294_967_295n, half: 0.5 },
    ]);
  });

  it('takes a slice of a table, nulls included', async () => {
    const table = new arrow.Table({
      x: arrow.vectorFromArray([1, null, 3, null, 5], new arrow.Float64()),
      ok: arrow.vectorFromArray([true, false, true, true, false], new arrow.Bool()),
    });
    const batch = await fromArrow(table.slice(1, 4));
    expect(Array.from(rowsOf(batch), copyRow)).toEqual([
      { x: null, ok: false },
      { x: 3, ok: true },
      { x: null, ok: true },
    ]);
  });

  it('names the column that it cannot take', async () => {
    const lists = new arrow.Table({
      levels: arrow.vectorFromArray([[1]], new arrow.List(new arrow.Field('item', new arrow.Int32()))),
    });
    await expect(fromArrow(lists)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('"levels"'),
    });
    const nulls = new arrow.Table({ n: arrow.vectorFromArray([1, null], new arrow.Int32()) });
    await expect(fromArrow(nulls)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  });
});

describe('Arrow', () => {
  it('is asked for by name where it is not installed', async () => {
    vi.resetModules();
    const fresh = await import('../../../src/columns/arrow/load-arrow.js');
    await expect(fresh.loadArrow(() => Promise.reject(new Error('not found')))).rejects.toMatchObject({
      code: 'PEER_MISSING',
      message: expect.stringContaining('npm install apache-arrow'),
    });
    expect(await loadArrow()).toBe(await loadArrow());
  });

  it('is refused where an integer or an instant does not fit 64 bits', async () => {
    const large = arrow.vectorFromArray([1n, 2n ** 63n], new arrow.Uint64());
    await expect(fromArrow(new arrow.Table({ large }))).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: 'Column "large": expected an integer below 2^63, found 9223372036854775808',
    });
    const far = arrow.vectorFromArray([new Date(Date.UTC(3_000, 0))], new arrow.TimestampSecond());
    await expect(fromArrow(new arrow.Table({ far }))).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('Column "far": expected an instant between the years 1677 and 2262'),
    });
  });
});
