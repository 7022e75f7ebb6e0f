import { invariant } from '../core/invariant.js';
import { type Batch, swapColumns } from './batch.js';
import { elementsPerRow } from './schema.js';
import { extentOf } from './selection.js';

/**
 * Moves column `from` of one batch to column `to` of another of the same capacity, without a copy. The first
 * batch then holds garbage there, and can only be released. If it is shared, the column is copied instead,
 * up to its last row.
 */
export function moveColumn(source: Batch, from: number, target: Batch, to: number): void {
  if (!source.isShared) {
    swapColumns(source, from, target, to);
    return;
  }
  const data = source.columns[from];
  const into = target.columns[to];
  invariant(data !== undefined && into !== undefined, 'both batches hold their columns');
  invariant(!target.isShared, 'columns are moved to a batch that is not shared');
  invariant(
    data.length === into.length && data.constructor === into.constructor,
    'moved columns have one type and one capacity',
  );
  into.set(data.subarray(0, extentOf(source) * elementsPerRow(source.schema.columns[from]!.type)));
}
