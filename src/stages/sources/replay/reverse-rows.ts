import type { Batch } from '../../../columns/batch.js';
import { asBigInt64Array } from '../../../columns/int64.js';
import { elementsPerRow } from '../../../columns/schema.js';

/** Reverses the rows of a batch, and their lines. */
export function reverseRows({ schema, columns, length }: Batch, lines: Int32Array): void {
  for (const [column, data] of columns.entries()) {
    const isWide = elementsPerRow(schema.columns[column]!.type) === 2;
    if (isWide)
      asBigInt64Array(data as Int32Array)
        .subarray(0, length)
        .reverse();
    else data.subarray(0, length).reverse();
  }
  lines.subarray(0, length).reverse();
}
