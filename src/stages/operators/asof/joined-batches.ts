import type { Batch } from '../../../columns/batch.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { moveColumn } from '../../../columns/move-column.js';
import type { ColumnData } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import { handOver, OutputBatches } from '../../../engine/output-batches.js';
import type { Join } from './join.js';
import type { JoinPlan } from './join-columns.js';

/** Builds the output batches: the columns of the main input unchanged, and those added by the join. */
export class JoinedBatches {
  /** Number of rows without a match. */
  unmatched = 0;
  /** How many of these were dropped. */
  dropped = 0;
  readonly #plan: JoinPlan;
  readonly #drops: boolean;
  readonly #batches: OutputBatches;
  #keep = new Uint8Array(0);

  constructor(plan: JoinPlan, drops: boolean, batchRows: number, dictionaries: DictionarySet) {
    this.#plan = plan;
    this.#drops = drops;
    this.#batches = new OutputBatches(plan.output, batchRows, dictionaries);
  }

  /** Begins to join a batch. @returns The output batch. */
  begin(batch: Batch, join: Join): Batch {
    const target = this.#batches.acquire(batch.capacity);
    const { added, age } = this.#plan;
    const columns: ColumnData[] = added.map((at) => target.columns[at]!);
    // The cast is true: the age column is of type float64.
    join.begin(batch, columns, age < 0 ? undefined : (target.columns[age] as Float64Array));
    return target;
  }

  /** Completes a batch whose rows are all answered: moves its columns to the target and releases it. */
  finish(batch: Batch, target: Batch, join: Join): void {
    const { length } = batch;
    if (this.#keep.length < length) this.#keep = new Uint8Array(batch.capacity);
    join.markMatched(this.#keep);
    let unmatched = 0;
    for (let row = 0; row < length; row++) unmatched += 1 - this.#keep[row]!;
    this.unmatched += unmatched;
    this.#plan.kept.forEach((to, from) => {
      moveColumn(batch, from, target, to);
    });
    handOver(batch, target);
    if (!this.#drops || unmatched === 0) return;
    this.dropped += unmatched;
    target.origin = undefined; // rows move
    retainRows(target, this.#keep);
  }
}
