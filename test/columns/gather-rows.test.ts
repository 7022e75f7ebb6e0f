import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { gatherRows } from '../../src/columns/gather-rows.js';
import { rowsOf } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64' },
    { name: 'count', type: 'int32' },
    { name: 'flag', type: 'boolean' },
  ],
};

/** Rows whose every element says which row it is. */
function numbered(length: number): Batch {
  const batch = new Batch(SCHEMA, Math.max(1, length), new DictionarySet());
  batch.length = length;
  for (let row = 0; row < length; row++) {
    batch.int32('time')[2 * row] = row;
    batch.int32('time')[2 * row + 1] = -row;
    batch.float64('price')[row] = row + 0.5;
    batch.int32('count')[row] = -row;
    batch.uint8('flag')[row] = row % 2;
  }
  return batch;
}

const rowOf = (row: number) => ({
  time: BigInt(row) - (BigInt(row) << 32n),
  price: row + 0.5,
  count: 0 - row,
  flag: row % 2 === 1,
});
const rowsIn = (batch: Batch) => Array.from(rowsOf(batch), (row) => ({ ...row }));

describe('rows that are gathered', () => {
  it('may come in any order, and more than once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (order) => {
        const target = new Batch(SCHEMA, 60, new DictionarySet());
        gatherRows(numbered(21), Int32Array.from(order), order.length, target);
        expect(rowsIn(target)).toEqual(order.map(rowOf));
      }),
    );
  });

  it('are refused where there is no room for them', () => {
    const target = new Batch(SCHEMA, 2, new DictionarySet());
    expect(() => gatherRows(numbered(4), Int32Array.of(0, 2, 3), 3, target)).toThrow('fit');
    expect(target.length).toBe(0);
  });
});
