import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Schema } from '../../src/columns/schema.js';
import { retainRows } from '../../src/columns/selection.js';

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
  const batch = new Batch(SCHEMA, length + 3, new DictionarySet());
  const [time, price, count, flag] = batch.columns as [Int32Array, Float64Array, Int32Array, Uint8Array];
  batch.length = length;
  for (let row = 0; row < length; row++) {
    time[2 * row] = row;
    time[2 * row + 1] = -row;
    price[row] = row + 0.5;
    count[row] = -row;
    flag[row] = row % 251;
  }
  return batch;
}

describe('rows that are retained', () => {
  // From none to all dropped: both ways of moving rows, and lengths on both sides of their strides.
  const places = fc
    .tuple(fc.integer({ min: 1, max: 700 }), fc.constantFrom(0, 2, 10, 30, 500, 970, 1_000))
    .chain(([length, share]) =>
      fc
        .array(fc.integer({ min: 0, max: 999 }), { minLength: length, maxLength: length })
        .map((chances) => chances.map((chance) => chance >= share)),
    );

  it('are those that are marked, in order, in columns of every width', () => {
    fc.assert(
      fc.property(places, fc.constantFrom(1, 255), (stays, mark) => {
        const batch = numbered(stays.length);
        // What lies past the length is rubbish, in the marks too.
        const keep = new Uint8Array(stays.length + 3);
        stays.forEach((stay, row) => {
          keep[row] = stay ? mark : 0;
        });
        const wanted = stays.flatMap((stay, row) => (stay ? [row] : []));
        expect(retainRows(batch, keep)).toBe(wanted.length);
        expect(batch.length).toBe(wanted.length);
        const [time, price, count, flag] = batch.columns as [
          Int32Array,
          Float64Array,
          Int32Array,
          Uint8Array,
        ];
        const found = wanted.map((_, i) => [time[2 * i], time[2 * i + 1], price[i], count[i], flag[i]]);
        expect(found).toEqual(wanted.map((row) => [row, 0 - row, row + 0.5, 0 - row, row % 251]));
      }),
      { numRuns: 150 },
    );
  });
});
