import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendRows, Batch, swapColumns } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { Dictionary, DictionarySet, NO_STRING } from '../../src/columns/dictionary.js';
import { copyRow, type Row, RowView, rowsOf } from '../../src/columns/row-view.js';
import { bytesPerRow, type Schema } from '../../src/columns/schema.js';
import { batchOf, rowsIn } from '../support/batch-rows.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'price', type: 'float64', nullable: true },
    { name: 'count', type: 'int32' },
    { name: 'side', type: 'enum', values: ['unknown', 'buy', 'sell'] },
    { name: 'live', type: 'boolean' },
    { name: 'id', type: 'int64' },
  ],
};

const row = fc.record({
  time: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  symbol: fc.option(fc.constantFrom('A', 'B', 'EUR/USD')),
  price: fc.option(fc.double({ noNaN: true })),
  count: fc.integer(),
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  live: fc.boolean(),
  id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
}) as fc.Arbitrary<Row>;

describe('a batch', () => {
  it('gives back the rows that were written to it', () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(rowsIn(batchOf(SCHEMA, new DictionarySet(), rows))).toEqual(rows);
      }),
    );
  });

  it('takes any range of rows of another, behind its own', () => {
    fc.assert(
      fc.property(fc.array(row), fc.array(row), fc.nat(), fc.nat(), (own, others, a, b) => {
        const dictionaries = new DictionarySet();
        const [start, end] = [a % (others.length + 1), b % (others.length + 1)].sort((x, y) => x - y) as [
          number,
          number,
        ];
        const target = batchOf(SCHEMA, dictionaries, own, { capacity: own.length + others.length + 1 });
        appendRows(batchOf(SCHEMA, dictionaries, others), start, end, target);
        expect(rowsIn(target)).toEqual([...own, ...others.slice(start, end)]);
      }),
    );
  });

  it('refuses rows that it has no room for', () => {
    const dictionaries = new DictionarySet();
    const target = new Batch(SCHEMA, 1, dictionaries);
    const source = new Batch(SCHEMA, 2, dictionaries);
    source.length = 2;
    expect(() => appendRows(source, 0, 2, target)).toThrow('appended rows fit');
  });

  it('hands a column on without a copy', () => {
    const dictionaries = new DictionarySet();
    const [a, b] = [new Batch(SCHEMA, 4, dictionaries), new Batch(SCHEMA, 4, dictionaries)];
    const prices = a.float64('price');
    swapColumns(a, 2, b, 2);
    expect(b.float64('price')).toBe(prices);
    expect(a.float64('price')).not.toBe(prices);
  });

  it('names the column that is not there, or is of another type', () => {
    const batch = new Batch(SCHEMA, 1, new DictionarySet());
    expect(() => batch.float64('prize')).toThrow('"prize"');
    expect(() => batch.float64('count')).toThrow('"count" is float64');
  });

  it('takes as many bytes a row as its columns say', () => {
    const { columns } = new Batch(SCHEMA, 10, new DictionarySet());
    expect(columns.reduce((sum, data) => sum + data.byteLength, 0)).toBe(10 * bytesPerRow(SCHEMA));
  });
});

describe('a pool', () => {
  const pool = () => new BatchPool(SCHEMA, 8, new DictionarySet(), 2);

  it('gives the memory of a released batch out again, as an empty batch', () => {
    const spares = pool();
    const batch = spares.acquire();
    const prices = batch.float64('price');
    batch.length = 3;
    batch.controls.push({ row: 0, record: { type: 'end', how: 'completed' } });
    batch.release();
    const next = spares.acquire();
    expect(next).not.toBe(batch);
    expect(next.float64('price')).toBe(prices);
    expect(next.isEmpty).toBe(true);
  });

  it('knows how many batches are out', () => {
    const spares = pool();
    const batches = [spares.acquire(), spares.acquire(), spares.acquire()];
    expect(spares.outstanding).toBe(3);
    for (const batch of batches) batch.release();
    expect(spares.outstanding).toBe(0);
  });
});

describe('a row view', () => {
  it('is one object for all rows, so that only a copy may be kept', () => {
    const batch = batchOf(SCHEMA, new DictionarySet(), [{ count: 1 }, { count: 2 }] as unknown as Row[]);
    const seen = Array.from(rowsOf(batch));
    expect(seen[0]).toBe(seen[1]);
    expect(Array.from(rowsOf(batch), copyRow).map(({ count }) => count)).toEqual([1, 2]);
  });

  it.each([
    ['side', 'borrow', 'expected one of unknown, buy, sell, found "borrow"'],
    ['count', 1.5, 'expected a whole number that fits 32 bits, found 1.5'],
    ['count', 2 ** 31, 'expected a whole number that fits 32 bits, found 2147483648'],
    ['count', null, 'found null (the column is not nullable)'],
    ['time', 2n ** 63n, 'expected a bigint or whole number that fits 64 bits, found 9223372036854775808'],
    ['time', 1.5, 'expected a bigint or whole number that fits 64 bits, found 1.5'],
    ['price', '12', 'expected a number or null, found "12"'],
    ['symbol', 7n, 'expected a string or null, found 7'],
    ['live', 'false', 'expected true or false, found "false"'],
  ])('refuses a value that its column does not hold (%s: %s)', (name, value, message) => {
    const batch = batchOf(SCHEMA, new DictionarySet(), [{} as Row]);
    const row = new RowView(SCHEMA).over(batch).at(0);
    expect(() => {
      row[name] = value;
    }).toThrow(message);
  });
});

describe('a dictionary', () => {
  it('gives each string one id, in order of appearance', () => {
    const dictionary = new Dictionary('symbol');
    expect(['B', 'A', 'B', '__proto__'].map((text) => dictionary.idOf(text))).toEqual([0, 1, 0, 2]);
    expect(dictionary.at(1)).toBe('A');
    expect(dictionary.at(NO_STRING)).toBeNull();
    expect(dictionary.find('C')).toBeUndefined();
  });

  it('refuses to grow past its bound, and says what to do', () => {
    const dictionary = new Dictionary('tradeId', 2);
    dictionary.idOf('1');
    dictionary.idOf('2');
    expect(() => dictionary.idOf('3')).toThrow(/"tradeId" has more than 2 different strings/);
    expect(dictionary.idOf('2')).toBe(1);
  });

  it('set gives every string its old id after a restore', () => {
    const set = new DictionarySet();
    for (const text of ['x', 'y']) set.get('symbol').idOf(text);
    const other = new DictionarySet();
    other.restore(set.snapshot());
    expect(other.get('symbol').idOf('y')).toBe(1);
  });
});
