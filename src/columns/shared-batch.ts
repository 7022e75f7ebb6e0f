import { invariant } from '../core/invariant.js';
import { Batch } from './batch.js';
import { packRows } from './selection.js';

/**
 * Returns `count` batches with the rows and control records of a batch, whose ownership it takes. They have
 * the same columns, without a copy. The memory is counted once, and returned with the last of them.
 *
 * Selected rows are packed first.
 *
 * @throws {PipelineError} `MEMORY_EXHAUSTED` if the batch was shared before and has a selection; the
 *   caller then still owns it.
 */
export function shareBatch(batch: Batch, count: number): Batch[] {
  invariant(Number.isInteger(count) && count > 0, 'a batch is shared among at least one');
  if (count === 1) return [batch];
  packRows(batch);
  const { schema, capacity, dictionaries, length, controls, origin } = batch;
  const holds = batch.giveUp().share(count);
  return holds.map((hold) => {
    const share = new Batch(schema, capacity, dictionaries, hold);
    share.length = length;
    share.controls = controls.slice();
    share.origin = origin;
    return share;
  });
}
