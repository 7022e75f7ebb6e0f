import type { Batch } from './batch.js';
import { BatchMemory } from './batch-memory.js';
import { gatherColumn } from './gather-rows.js';
import { packedOrigin } from './row-origin.js';
import { elementsPerRow } from './schema.js';

/**
 * Gives a shared batch columns of its own, so that they can be written: copies its rows, only the selected
 * ones, which are then packed. Does nothing if the batch is not shared. The memory comes from the pool of
 * the columns, if they have one.
 *
 * @throws {PipelineError} `MEMORY_EXHAUSTED` if there is none left; the batch is then unchanged.
 */
export function ownColumns(batch: Batch): void {
  if (!batch.isShared) return;
  const { schema, capacity, dictionaries, memory: shared, selection, length, origin } = batch;
  const own = shared.another() ?? new BatchMemory(schema, capacity, dictionaries.memory);
  for (let i = 0; i < own.columns.length; i++) {
    const width = elementsPerRow(schema.columns[i]!.type);
    const [from, to] = [shared.columns[i]!, own.columns[i]!];
    if (selection) gatherColumn(from, to, width, selection, 0, length, 0);
    else to.set(from.subarray(0, length * width));
  }
  batch.memory = own;
  batch.selection = undefined;
  if (selection && origin) batch.origin = packedOrigin(origin, selection, length);
  shared.release();
}
