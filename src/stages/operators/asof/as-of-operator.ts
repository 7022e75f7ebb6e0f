import type { Batch } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Input } from '../../../engine/input.js';
import type { Emit, Operator, OperatorTally } from '../../../engine/operator.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { Join, JoinState } from './join.js';
import type { JoinPlan } from './join-columns.js';
import { JoinedBatches } from './joined-batches.js';
import type { LateJoins } from './late-joins.js';
import type { AsOfOptions } from './options.js';

/** The parts that an as-of operator is built from. */
export interface AsOfParts<J extends Join = Join> {
  readonly plan: JoinPlan;
  readonly options: AsOfOptions;
  readonly context: StageContext;
  readonly input: Input;
  readonly late: LateJoins;
  readonly join: J;
}

/**
 * As-of join with a replayable second source. It reads that source only as far as the current batch needs,
 * and waits for it. So both inputs advance together in event time, and no main rows are held between batches.
 */
export class AsOfOperator implements Operator {
  readonly output: Schema;
  readonly #parts: AsOfParts;
  readonly #batches: JoinedBatches;

  constructor(parts: AsOfParts) {
    const { plan, options, context } = parts;
    this.output = plan.output;
    this.#parts = parts;
    this.#batches = new JoinedBatches(
      plan,
      options.unmatched === 'drop',
      context.batchRows,
      context.dictionaries,
    );
  }

  close(): void {
    this.#parts.join.close();
  }

  process(batch: Batch, emit: Emit): void | Promise<void> {
    const { join } = this.#parts;
    const target = this.#batches.begin(batch, join);
    try {
      if (join.advance()) this.#finish(batch, target, emit);
      else return this.#readOn(batch, target, emit);
    } catch (error) {
      if (!target.isReleased) target.release();
      throw error;
    }
  }

  snapshot(): PlainData {
    return this.#parts.join.snapshot() as unknown as PlainData; // `JoinState` holds only plain data
  }

  restore(state: PlainData): void {
    this.#parts.join.restore(state as unknown as JoinState, this.#parts.input.schema);
  }

  tally(): OperatorTally {
    const { late } = this.#parts;
    return { filtered: this.#batches.dropped, late: late.mainRows };
  }

  statistics(): StageStatistics {
    const { late } = this.#parts;
    return { rowsUnmatched: this.#batches.unmatched, sideRowsLate: late.sideRows };
  }

  async #readOn(batch: Batch, target: Batch, emit: Emit): Promise<void> {
    const { join, input } = this.#parts;
    try {
      do {
        const reading = input.read();
        const side = reading instanceof Promise ? await reading : reading;
        if (side) join.give(side);
        else join.endSide();
      } while (!join.advance());
      this.#finish(batch, target, emit);
    } catch (error) {
      if (!target.isReleased) target.release();
      throw error;
    }
  }

  #finish(batch: Batch, target: Batch, emit: Emit): void {
    this.#batches.finish(batch, target, this.#parts.join);
    emit(target);
  }
}
