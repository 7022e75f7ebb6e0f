import { Batch } from '../../src/columns/batch.js';
import type { PlacedControl } from '../../src/columns/control-record.js';
import type { DictionarySet } from '../../src/columns/dictionary.js';
import { copyRow, type Row, RowView, rowsOf } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';

/** A batch of rows given as objects; what a row leaves out stays as the column was made. */
export function batchOf(
  schema: Schema,
  dictionaries: DictionarySet,
  rows: readonly Row[],
  { capacity = Math.max(1, rows.length), controls = [] as PlacedControl[] } = {},
): Batch {
  const batch = new Batch(schema, capacity, dictionaries);
  batch.length = rows.length;
  batch.controls = [...controls];
  const view = new RowView(schema).over(batch);
  rows.forEach((row, i) => {
    Object.assign(view.at(i), row);
  });
  return batch;
}

export const rowsIn = (batch: Batch): Row[] => Array.from(rowsOf(batch), copyRow);

/** Rows and control records of batches as one stream, in order; releases the batches. */
export function streamOf(batches: readonly Batch[]): (Row | PlacedControl['record'])[] {
  return batches.flatMap((batch) => {
    const stream: (Row | PlacedControl['record'])[] = [];
    const rows = rowsIn(batch);
    let next = 0;
    for (const { row, record } of batch.controls) {
      stream.push(...rows.slice(next, row), record);
      next = row;
    }
    stream.push(...rows.slice(next));
    batch.release();
    return stream;
  });
}
