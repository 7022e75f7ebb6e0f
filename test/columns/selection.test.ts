import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendRows, Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { rowsOf } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import { extentOf, handSelection, packRows, selectionOf, selectRows } from '../../src/columns/selection.js';
import { nanos } from '../../src/core/units.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64' },
  ],
};

/** Rows whose every element says which row it is. */
function numbered(length: number, batch = new Batch(SCHEMA, length + 1, new DictionarySet())): Batch {
  batch.length = length;
  for (let row = 0; row < length; row++) {
    batch.int32('time')[2 * row] = row;
    batch.int32('time')[2 * row + 1] = 0;
    batch.float64('price')[row] = row;
  }
  return batch;
}

const marks = fc
  .array(fc.boolean(), { minLength: 1, maxLength: 60 })
  .map((stays) => Uint8Array.from(stays, Number));
const stayed = (keep: Uint8Array): number[] => Array.from(keep.keys()).filter((row) => keep[row] !== 0);
const reset = { type: 'reset', at: nanos(0n), reason: 'test' } as const;

describe('rows that are selected', () => {
  it('stay where they are until they are moved together, and are named by their places', () => {
    fc.assert(
      fc.property(marks, (keep) => {
        const wanted = stayed(keep);
        const batch = numbered(keep.length);
        const untouched = batch.columns.map((data) => data.slice());
        expect(selectRows(batch, keep)).toBe(wanted.length);
        expect(batch.length).toBe(wanted.length);
        expect(batch.columns).toEqual(untouched);
        expect(Array.from(selectionOf(batch).subarray(0, batch.length))).toEqual(wanted);
        expect(extentOf(batch)).toBe((wanted.at(-1) ?? -1) + 1);

        packRows(batch);
        expect(Array.from(batch.float64('price').subarray(0, batch.length))).toEqual(wanted);
        expect(Array.from(rowsOf(batch), ({ time }) => Number(time))).toEqual(wanted);
        expect(extentOf(batch)).toBe(wanted.length);
      }),
    );
  });

  it('have their control records before the same rows as before', () => {
    fc.assert(
      fc.property(marks, fc.array(fc.nat(60), { maxLength: 6 }), (keep, places) => {
        const batch = numbered(keep.length);
        const rows = places.map((place) => Math.min(place, keep.length)).sort((a, b) => a - b);
        batch.controls = rows.map((row) => ({ row, record: reset }));
        selectRows(batch, keep);
        const wanted = rows.map((row) => stayed(keep).filter((kept) => kept < row).length);
        expect(batch.controls.map(({ row }) => row)).toEqual(wanted);
      }),
    );
  });

  it('are refused by whoever reads rows that stand together', () => {
    const batch = numbered(3);
    selectRows(batch, Uint8Array.of(1, 0, 1));
    expect(() => [...rowsOf(batch)]).toThrow('stand together');
    expect(() => appendRows(batch, 0, 2, numbered(0))).toThrow('stand together');
    expect(() => selectRows(batch, Uint8Array.of(1, 0))).toThrow('stand together');
  });

  it('go over to another batch, which may then be used again for a selection of its own', () => {
    const pool = new BatchPool(SCHEMA, 4, new DictionarySet());
    const first = numbered(4, pool.acquire());
    const second = pool.acquire();
    selectRows(first, Uint8Array.of(0, 1, 0, 1));
    handSelection(first, second);
    second.length = first.length;
    first.release();

    const again = numbered(4, pool.acquire());
    expect(again.selection).toBeUndefined();
    selectRows(again, Uint8Array.of(1, 0, 1, 1));
    expect(Array.from(selectionOf(second).subarray(0, 2))).toEqual([1, 3]);
    expect(Array.from(selectionOf(again).subarray(0, 3))).toEqual([0, 2, 3]);
  });
});
