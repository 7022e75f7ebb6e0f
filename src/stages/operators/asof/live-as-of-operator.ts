import type { Batch } from '../../../columns/batch.js';
import { releaseAll } from '../../../columns/batch.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Emit, Operator, OperatorTally } from '../../../engine/operator.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { AsOfJoin } from './as-of-join.js';
import type { AsOfParts } from './as-of-operator.js';
import type { JoinState } from './join.js';
import { JoinedBatches } from './joined-batches.js';

interface LiveState {
  readonly join: JoinState;
  /** Batches of the main input that wait for the second source. */
  readonly held: readonly PlainData[];
  /** Batches of the second source that were read but not joined yet. */
  readonly arrived: readonly PlainData[];
  readonly hasEnded: boolean;
}

/**
 * As-of join with a live second source, which `process` never waits for. Batches are held until the second
 * source's watermark is past their rows, and are emitted in order. When news from it arrives, the operator
 * wakes the pipeline.
 */
export class LiveAsOfOperator implements Operator {
  readonly output: Schema;
  readonly #parts: AsOfParts<AsOfJoin>;
  readonly #batches: JoinedBatches;
  readonly #held: Batch[] = [];
  #heldRows = 0;
  /** The output batch of the first batch in `#held`, once that was begun. */
  #target: Batch | undefined;
  readonly #arrived: Batch[] = [];
  #reading: Promise<void> | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** Whether something has arrived since the held batches were last advanced. */
  #hasNews = false;

  constructor(parts: AsOfParts<AsOfJoin>) {
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
    releaseAll([
      ...this.#held.splice(0),
      ...this.#arrived.splice(0),
      ...(this.#target ? [this.#target] : []),
    ]);
    this.#target = undefined;
    this.#parts.join.close();
  }

  get hasMore(): boolean {
    return this.#hasNews;
  }

  process(batch: Batch, emit: Emit): void {
    this.#held.push(batch);
    this.#heldRows += batch.length;
    this.#read();
    this.#advance(emit);
    const { rowsMax } = this.#parts.options;
    if (this.#heldRows <= rowsMax) return;
    throw new PipelineError(
      'INPUT_LAGS',
      `The second source ("with") lags behind the rows, of which ${this.#heldRows} wait for it (${rowsMax} may): ` +
        'see whether it still delivers, or raise "rowsMax"',
      { retryable: true },
    );
  }

  emitMore(emit: Emit): void {
    this.#advance(emit);
  }

  /** At the end, waits until the second source has answered all held batches, or has ended. */
  async flush(emit: Emit): Promise<void> {
    while (this.#held.length > 0) {
      this.#read();
      await this.#reading;
      this.#advance(emit);
    }
  }

  snapshot(): PlainData {
    const state: LiveState = {
      join: this.#parts.join.snapshot(),
      held: this.#held.map(saveBatch),
      arrived: this.#arrived.map(saveBatch),
      hasEnded: this.#hasEnded,
    };
    return state as unknown as PlainData; // `LiveState` holds only plain data
  }

  restore(saved: PlainData): void {
    const { join, held, arrived, hasEnded } = saved as unknown as LiveState;
    const { input, context, plan } = this.#parts;
    const main = { ...plan.output, columns: plan.kept.map((at) => plan.output.columns[at]!) };
    this.#parts.join.restore(join, input.schema);
    for (const batch of held) this.#held.push(loadBatch(batch, main, context.dictionaries));
    this.#heldRows = this.#held.reduce((rows, { length }) => rows + length, 0);
    for (const batch of arrived) this.#arrived.push(loadBatch(batch, input.schema, context.dictionaries));
    this.#hasEnded = hasEnded;
    this.#hasNews = true;
    context.wake(); // otherwise held batches would wait for the next row of the main input
  }

  tally(): OperatorTally {
    const { late } = this.#parts;
    return { filtered: this.#batches.dropped, late: late.mainRows };
  }

  statistics(): StageStatistics {
    const { late, join } = this.#parts;
    return {
      rowsUnmatched: this.#batches.unmatched,
      rowsHeld: this.#heldRows,
      sideRowsKept: join.rowsKept,
      sideRowsLate: late.sideRows,
    };
  }

  /** Starts a read of the second source unless one is pending. */
  #read(): void {
    if (this.#reading || this.#hasEnded || this.#failure) return;
    const { input, context } = this.#parts;
    const arrive = (batch: Batch | null) => {
      this.#reading = undefined;
      if (batch) this.#arrived.push(batch);
      else this.#hasEnded = true;
    };
    const fail = (error: unknown) => {
      this.#reading = undefined;
      this.#failure = { error };
    };
    this.#reading = (async () => {
      await undefined; // so that `#reading` is set before it is cleared
      await Promise.resolve(input.read()).then(arrive, fail);
      this.#hasNews = true;
      context.wake();
    })();
  }

  #advance(emit: Emit): void {
    this.#hasNews = false;
    if (this.#failure) throw this.#failure.error;
    const { join } = this.#parts;
    for (let batch = this.#arrived.shift(); batch; batch = this.#arrived.shift()) {
      join.give(batch);
      join.takeAll();
    }
    if (this.#hasEnded) join.endSide();
    for (let batch = this.#held[0]; batch; batch = this.#held[0]) {
      this.#target ??= this.#batches.begin(batch, join);
      if (!join.advance()) break;
      this.#held.shift();
      this.#heldRows -= batch.length;
      const target = this.#target;
      this.#target = undefined;
      this.#batches.finish(batch, target, join);
      emit(target);
    }
    this.#read();
  }
}
