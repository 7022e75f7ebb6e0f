import type { Batch } from '../columns/batch.js';
import { ownColumns } from '../columns/own-columns.js';

/**
 * Gives a shared batch columns of its own, unless the stage that it goes to only reads. The caller loses the
 * batch if that fails.
 *
 * @throws {PipelineError} `MEMORY_EXHAUSTED`
 */
export function ownColumnsFor(stage: { readonly readsOnly?: boolean }, batch: Batch): void {
  if (stage.readsOnly || !batch.isShared) return;
  try {
    ownColumns(batch);
  } catch (error) {
    batch.release();
    throw error;
  }
}
