import type { Batch } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Input } from '../../../engine/input.js';
import type { Emit, Operator, OperatorTally } from '../../../engine/operator.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { Join, JoinState } from './join.js';
import type { JoinedBatches } from './joined-batches.js';
import type { LateJoins } from './late-joins.js';
import type { SideRecords } from './side-records.js';

/** The parts that an as-of operator is built from. */
export interface AsOfParts<J extends Join = Join> {
  readonly output: Schema;
  readonly input: Input;
  readonly late: LateJoins;
  readonly join: J;
  readonly batches: JoinedBatches;
  readonly records: SideRecords;
}

/**
 * As-of join with a replayable second source. It reads that source only as far as the current batch needs,
 * and waits for it. So both inputs advance together in event time, and no main rows are held between batches.
 */
export class AsOfOperator implements Operator {
  readonly output: Schema;
  readonly readsOnly = true;
  readonly #parts: AsOfParts;

  constructor(parts: AsOfParts) {
    this.output = parts.output;
    this.#parts = parts;
  }

  close(): void {
    this.#parts.join.close();
  }

  process(batch: Batch, emit: Emit): void | Promise<void> {
    const { join, batches, late } = this.#parts;
    late.beginMain(batch);
    const target = batches.begin(batch, join);
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
    const { batches, late } = this.#parts;
    return { filtered: batches.dropped, late: late.mainRows };
  }

  statistics(): StageStatistics {
    const { batches, late } = this.#parts;
    const { sideRows, sideRowsDropped } = late;
    return { rowsUnmatched: batches.unmatched, sideRowsLate: sideRows, sideRowsDropped };
  }

  async #readOn(batch: Batch, target: Batch, emit: Emit): Promise<void> {
    const { join, input, late, records } = this.#parts;
    try {
      do {
        const reading = input.read();
        const side = reading instanceof Promise ? await reading : reading;
        if (side) {
          records.passTo(side, batch);
          late.beginSide(side);
          join.give(side);
        } else join.endSide();
      } while (!join.advance());
      this.#finish(batch, target, emit);
    } catch (error) {
      if (!target.isReleased) target.release();
      throw error;
    }
  }

  #finish(batch: Batch, target: Batch, emit: Emit): void {
    const { batches, join } = this.#parts;
    batches.finish(batch, target, join);
    emit(target);
  }
}
