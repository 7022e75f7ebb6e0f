import { describe, expect, it } from 'vitest';
import { appendRows, Batch, swapColumns } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { moveColumn } from '../../src/columns/move-column.js';
import { ownColumns } from '../../src/columns/own-columns.js';
import { copyRow, RowView, rowsOf } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import {
  extentOf,
  handSelection,
  packRows,
  retainRows,
  selectionOf,
  selectRows,
} from '../../src/columns/selection.js';
import { shareBatch } from '../../src/columns/shared-batch.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'live', type: 'boolean' },
  ],
};

/** A batch that was released, and the one that has its memory now. */
function releasedAndNext() {
  const pool = new BatchPool(SCHEMA, 4, new DictionarySet());
  const released = pool.acquire();
  released.length = 2;
  released.float64('price').fill(1);
  const view = new RowView(SCHEMA).over(released);
  const row = view.at(1);
  const { columns } = released;
  const rows = rowsOf(released);
  rows.next();
  const memory = columns[2];
  released.release();

  const next = pool.acquire();
  next.length = 3;
  next.float64('price').fill(2);
  expect(next.columns[2]).toBe(memory);
  return { released, next, view, row, rows, columns };
}

const keep = Uint8Array.of(1, 0, 1, 1);

describe('a batch that was released, and whose memory has been given out again', () => {
  it.each<[string, (released: Batch, next: Batch) => unknown]>([
    ['columns', (released) => released.columns],
    ['column', (released) => released.column('live')],
    ['float64', (released) => released.float64('price')],
    ['int32', (released) => released.int32('time')],
    ['uint8', (released) => released.uint8('live')],
    ['dictionary', (released) => released.dictionary(SCHEMA.columns[1]!)],
    ['length', (released) => released.length],
    ['length, set', (released) => Object.assign(released, { length: 1 })],
    ['isEmpty', (released) => released.isEmpty],
    ['places', (released) => released.selection],
    ['selection, set', (released) => Object.assign(released, { selection: new Int32Array(4) })],
    ['controls', (released) => released.controls],
    ['controls, set', (released) => Object.assign(released, { controls: [] })],
    ['rowsOf', (released) => [...rowsOf(released)]],
    ['RowView.over', (released) => new RowView(SCHEMA).over(released)],
    ['appendRows from it', (released, next) => appendRows(released, 0, 1, next)],
    ['appendRows to it', (released, next) => appendRows(next, 0, 1, released)],
    ['swapColumns from it', (released, next) => swapColumns(released, 2, next, 2)],
    ['swapColumns to it', (released, next) => swapColumns(next, 2, released, 2)],
    ['moveColumn from it', (released, next) => moveColumn(released, 2, next, 2)],
    ['moveColumn to it', (released, next) => moveColumn(next, 2, released, 2)],
    ['isShared', (released) => released.isShared],
    ['shareBatch', (released) => shareBatch(released, 2)],
    ['ownColumns', (released) => ownColumns(released)],
    ['selectRows', (released) => selectRows(released, keep)],
    ['packRows', (released) => packRows(released)],
    ['retainRows', (released) => retainRows(released, keep)],
    ['selectionOf', (released) => selectionOf(released)],
    ['extentOf', (released) => extentOf(released)],
    ['handSelection from it', (released, next) => handSelection(released, next)],
    ['handSelection to it', (released, next) => handSelection(next, released)],
  ])('fails at once at %s', (_use, use) => {
    const { released, next } = releasedAndNext();
    expect(() => use(released, next)).toThrow('a batch is not used after its release');
    expect(next.length).toBe(3);
    expect(Array.from(next.float64('price'))).toEqual([2, 2, 2, 2]);
  });

  it('is not released a second time', () => {
    const { released, next } = releasedAndNext();
    expect(() => released.release()).toThrow('a batch is released once');
    expect(next.isReleased).toBe(false);
  });

  it('fails whoever kept its list of columns', () => {
    const { columns } = releasedAndNext();
    expect(() => columns[2]![0]).toThrow('a batch is not used after its release');
    expect(() => columns[2]!.fill(0)).toThrow('a batch is not used after its release');
  });

  it('fails whoever kept a row of it, or a view, or goes on through its rows', () => {
    const { row, view, rows } = releasedAndNext();
    for (const { name } of SCHEMA.columns) {
      expect(() => row[name]).toThrow('a batch is not used after its release');
    }
    expect(() => copyRow(view.at(0))).toThrow('a batch is not used after its release');
    expect(() => {
      row.price = 3;
    }).toThrow('a batch is not used after its release');
    expect(() => rows.next()).toThrow('a batch is not used after its release');
  });

  it('fails, too, where no pool has its memory', () => {
    const batch = new Batch(SCHEMA, 1, new DictionarySet());
    const row = new RowView(SCHEMA).over(batch).at(0);
    batch.release();
    expect(() => row.price).toThrow('a batch is not used after its release');
    expect(() => batch.float64('price')).toThrow('a batch is not used after its release');
  });
});
