import type { Batch } from '../../../columns/batch.js';
import { releaseAll } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import type { Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import { WATERMARK_EVERY_NS } from '../../../engine/event-time/live-watermark.js';
import type { Emit, Operator, OperatorTally } from '../../../engine/operator.js';
import { RepeatingTimer } from '../../../engine/repeating-timer.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { AsOfJoin } from './as-of-join.js';
import type { AsOfParts } from './as-of-operator.js';
import { HeldBatches } from './held-batches.js';
import { type LagSettings, sideLags } from './input-lags.js';
import type { JoinState } from './join.js';
import { SideReads, type SideReadsState } from './side-reads.js';
import { TimeOfSilentInput } from './time-of-silent-input.js';

/** What one with a live second source needs besides. */
export interface LiveAsOfParts extends AsOfParts<AsOfJoin> {
  /** Schema of the main input. */
  readonly main: Schema;
  readonly lag: LagSettings;
  /** How long an input that has had no row yet is waited for. */
  readonly idleNs: bigint;
  /** Index of the time column of the main input. */
  readonly time: number;
  readonly context: Pick<StageContext, 'clock' | 'dictionaries' | 'id' | 'log' | 'stream' | 'wake'>;
}

interface LiveState extends SideReadsState {
  readonly join: JoinState;
  /** Batches of the main input that wait for the second source. */
  readonly held: readonly PlainData[];
  /** Which inputs have ever told their time. Missing in checkpoints of earlier releases. */
  readonly haveToldTime?: { readonly main: boolean; readonly side: boolean };
}

/**
 * As-of join with a live second source, which `process` never waits for. Batches are held until the second
 * source's watermark is past their rows, and are emitted in order. When news from it arrives, the operator
 * wakes the pipeline.
 *
 * The second source is read from the start on, so that what it has given before the first row is known then.
 */
export class LiveAsOfOperator implements Operator {
  readonly output: Schema;
  readonly readsOnly = true;
  readonly #parts: LiveAsOfParts;
  readonly #held: HeldBatches;
  /** How many of the held batches, which are the first ones, wait since before a restart. */
  #restoredHeld = 0;
  /** The output batch of the first batch in `#held`, once that was begun. */
  #target: Batch | undefined;
  readonly #side: SideReads;
  /** How many of the batches that `#side` has to give were read before a restart. */
  #restoredSide = 0;
  readonly #silentSide: TimeOfSilentInput;
  /** Of the main input, unless that ends by itself: a recording may be of any time. */
  readonly #silentMain: TimeOfSilentInput | undefined;
  /** Asks again how far the time of a silent second source has come. */
  readonly #timer: RepeatingTimer;
  #isSilenceTold = false;
  /** Whether something has happened since the held batches were last advanced. */
  #hasNews = false;
  #onNews: (() => void) | undefined;

  constructor(parts: LiveAsOfParts) {
    const { output, main, input, idleNs, time, context } = parts;
    const { clock, stream } = context;
    const now = () => (clock.now() - input.heldNs) as Nanos;
    this.output = output;
    this.#parts = parts;
    this.#held = new HeldBatches(time);
    this.#side = new SideReads(input, () => this.#noteNews());
    const tellsByRows = ({ scope }: EventOrder) => scope === 'all';
    const [ofSide, ofMain] = [tellsByRows(input.order), tellsByRows(stream.order)];
    this.#silentSide = new TimeOfSilentInput({ idleNs, tellsByRows: ofSide, other: main, now });
    if (!stream.bounded) {
      this.#silentMain = new TimeOfSilentInput({ idleNs, tellsByRows: ofMain, other: input.schema, now });
    }
    this.#timer = new RepeatingTimer(clock, WATERMARK_EVERY_NS, () => {
      if (!this.#held.isEmpty) this.#noteNews();
    });
  }

  open(): void {
    this.#timer.start();
    this.#noteNews(); // so that the second source is read, and held batches that are restored are advanced
  }

  close(): void {
    this.#timer.stop();
    releaseAll([...this.#held.clear(), ...(this.#target ? [this.#target] : [])]);
    this.#target = undefined;
    this.#side.close();
    this.#parts.join.close();
  }

  get hasMore(): boolean {
    return this.#hasNews;
  }

  process(batch: Batch, emit: Emit): void {
    this.#held.push(batch);
    this.#silentMain?.pass(batch);
    this.#silentSide.passOther(batch);
    this.#advance(emit);
    const { lag, join } = this.#parts;
    const { rows } = this.#held;
    if (rows > lag.rowsMax) throw sideLags(lag, rows, join.awaiting);
  }

  emitMore(emit: Emit): void {
    this.#advance(emit);
  }

  /** At the end, waits until the second source has answered all held batches, or has ended. */
  async flush(emit: Emit): Promise<void> {
    this.#advance(emit);
    while (!this.#held.isEmpty) {
      if (!this.#hasNews) {
        await new Promise<void>((resolve) => {
          this.#onNews = resolve;
        });
      }
      this.#advance(emit);
    }
  }

  snapshot(): PlainData {
    const state: LiveState = {
      join: this.#parts.join.snapshot(),
      held: this.#held.batches.map(saveBatch),
      haveToldTime: {
        main: this.#silentMain?.hasToldTime ?? true,
        side: this.#silentSide.hasToldTime,
      },
      ...this.#side.snapshot(),
    };
    return state as unknown as PlainData; // `LiveState` holds only plain data
  }

  restore(saved: PlainData): void {
    const { join, held, haveToldTime, ...side } = saved as unknown as LiveState;
    const { input, main, context } = this.#parts;
    this.#parts.join.restore(join, input.schema);
    // Where it is not known, an input that never tells its time would be waited for without end.
    this.#silentMain?.restore(haveToldTime?.main ?? false);
    this.#silentSide.restore(haveToldTime?.side ?? false);
    for (const saved of held) {
      const batch = loadBatch(saved, main, context.dictionaries);
      // The main input has not begun with them in this start. But they are what the second source is behind.
      this.#held.push(batch);
      this.#silentSide.passOther(batch);
    }
    this.#restoredHeld = held.length;
    this.#side.restore(side, context.dictionaries);
    this.#restoredSide = side.arrived.length;
  }

  tally(): OperatorTally {
    const { batches, late } = this.#parts;
    return { filtered: batches.dropped, late: late.mainRows };
  }

  statistics(): StageStatistics {
    const { batches, late, join } = this.#parts;
    return {
      rowsUnmatched: batches.unmatched,
      sideRowsKept: join.rowsKept,
      sideRowsLate: late.sideRows,
      sideRowsDropped: late.sideRowsDropped,
    };
  }

  #noteNews(): void {
    this.#hasNews = true;
    this.#onNews?.();
    this.#parts.context.wake();
  }

  #advance(emit: Emit): void {
    this.#hasNews = false;
    for (let batch = this.#side.take(); batch; batch = this.#side.take()) this.#takeSide(batch);
    if (this.#side.hasEnded) this.#parts.join.endSide();
    else this.#passSilentSide();
    this.#answer(emit);
    this.#side.readOn();
    // Only now are both inputs read: sources may take long to connect.
    this.#silentSide.start();
    this.#silentMain?.start();
  }

  #takeSide(batch: Batch): void {
    const { join, late, records } = this.#parts;
    const told = records.pass(batch, this.#held);
    if (told) this.#held.push(told);
    if (this.#restoredSide > 0) this.#restoredSide--;
    else this.#silentSide.pass(batch);
    if (this.#silentSide.hasBegun) this.#timer.stop();
    this.#silentMain?.passOther(batch);
    const mainAt = this.#silentMain?.at;
    // Or what comes before its first row would all be kept. Rows since before a restart may need what is earlier.
    if (mainAt !== undefined && this.#restoredHeld === 0) join.passMain(mainAt);
    late.beginSide(batch);
    join.give(batch);
    join.takeAll();
  }

  #passSilentSide(): void {
    const at = this.#silentSide.at;
    if (at === undefined) return;
    const { join, context } = this.#parts;
    join.passSide(at);
    if (this.#isSilenceTold) return;
    this.#isSilenceTold = true;
    const input = `${context.id}.with`;
    context.log.warn(
      { input },
      this.#silentSide.hasRows
        ? 'an input does not tell its time, as behind an operator that changes it: rows wait "idle" for it, no longer'
        : 'an input has had no row yet: rows are joined without it',
    );
  }

  #answer(emit: Emit): void {
    const { join, batches, late } = this.#parts;
    for (let batch = this.#held.first; batch; batch = this.#held.first) {
      if (!this.#target) {
        late.beginMain(batch);
        this.#target = batches.begin(batch, join);
      }
      if (!join.advance()) break;
      this.#held.shift();
      if (this.#restoredHeld > 0) this.#restoredHeld--;
      const target = this.#target;
      this.#target = undefined;
      batches.finish(batch, target, join);
      emit(target);
    }
  }
}
