import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { moveColumn } from '../../src/columns/move-column.js';
import type { Schema } from '../../src/columns/schema.js';
import { extentOf, selectRows } from '../../src/columns/selection.js';
import { shareBatch } from '../../src/columns/shared-batch.js';
import { hashOf } from '../support/column-hash.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64' },
    { name: 'live', type: 'boolean' },
  ],
};
const CAPACITY = 16;

function filled(length: number, dictionaries: DictionarySet): Batch {
  const batch = new Batch(SCHEMA, CAPACITY, dictionaries);
  batch.length = length;
  batch.columns.forEach((data, column) => {
    for (let i = 0; i < data.length; i++) data[i] = 10 * column + i;
  });
  return batch;
}

describe('a column that is moved to another batch', () => {
  it('is not copied if no other batch has it', () => {
    const dictionaries = new DictionarySet();
    const [source, target] = [filled(4, dictionaries), new Batch(SCHEMA, CAPACITY, dictionaries)];
    const prices = source.float64('price');
    moveColumn(source, 1, target, 1);
    expect(target.float64('price')).toBe(prices);
  });

  it('is copied up to its last row if others have it, and does not change for them', () => {
    const keep = fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY, max: 1 });
    fc.assert(
      fc.property(fc.nat({ max: CAPACITY }), fc.nat({ max: 2 }), fc.option(keep), (length, column, marks) => {
        const dictionaries = new DictionarySet();
        const [source, other] = shareBatch(filled(length, dictionaries), 2) as [Batch, Batch];
        const target = new Batch(SCHEMA, CAPACITY, dictionaries);
        if (marks) selectRows(source, marks);
        const before = hashOf(other.columns);
        moveColumn(source, column, target, column);
        const elements = extentOf(source) * (column === 0 ? 2 : 1);
        expect(target.columns[column]).not.toBe(other.columns[column]);
        expect(target.columns[column]!.subarray(0, elements)).toEqual(
          other.columns[column]!.subarray(0, elements),
        );
        target.columns[column]!.fill(99);
        expect(hashOf(other.columns)).toBe(before);
      }),
    );
  });

  it('is refused where its type or capacity does not fit, shared or not', () => {
    const dictionaries = new DictionarySet();
    const [shared] = shareBatch(filled(4, dictionaries), 2) as [Batch, Batch];
    const [own, other] = [filled(4, dictionaries), filled(4, dictionaries)];
    const small = new Batch(SCHEMA, 8, dictionaries);
    for (const source of [shared, own]) {
      expect(() => moveColumn(source, 0, other, 1)).toThrow('one type and one capacity');
      expect(() => moveColumn(source, 1, small, 1)).toThrow('one type and one capacity');
    }
    expect(() => moveColumn(shared, 1, shareBatch(other, 2)[0]!, 1)).toThrow('not shared');
  });
});
