import type { Batch } from '../core/batch.js';
import type { Clock } from '../core/clock.js';
import { SYMBOLS_IN_ORDER } from '../core/event-order.js';
import { eventTimeIndex } from '../core/schema.js';
import type { StageStatistics } from '../protocol/pipeline-report.js';
import type { Batcher } from './batcher.js';
import type { OperatorChain } from './operator-chain.js';
import { lastEventTime, PassedWatermark } from './passed-watermark.js';
import type { Source } from './source.js';

export interface LagSetting {
  readonly source: Source;
  readonly operators: OperatorChain;
  readonly batcher: Batcher;
  readonly clock: Clock;
}

/**
 * How far the watermark behind each stage is behind the latest event time that the source has read:
 * where in a pipeline time is held up. Looks at a batch a stage, never at its rows one by one.
 */
export class EventTimeLag {
  readonly #source: Source;
  readonly #operators: OperatorChain;
  readonly #clock: Clock;
  readonly #timeColumn: number;
  readonly #readTo: PassedWatermark;
  readonly #closedTo: PassedWatermark;
  readonly #writtenTo: PassedWatermark;
  #latest: bigint | undefined;
  #isOver = false;

  constructor({ source, operators, batcher, clock }: LagSetting) {
    this.#source = source;
    this.#operators = operators;
    this.#clock = clock;
    this.#timeColumn = eventTimeIndex(source.schema);
    this.#readTo = new PassedWatermark(source.schema, source.order ?? SYMBOLS_IN_ORDER);
    // What is kept apart by a key comes out in another order than it went in.
    const order = batcher.reorders ? SYMBOLS_IN_ORDER : operators.order;
    this.#closedTo = new PassedWatermark(operators.output, order);
    this.#writtenTo = new PassedWatermark(operators.output, order);
  }

  /** The source has read a batch. */
  read(batch: Batch): void {
    const last = lastEventTime(batch, this.#timeColumn);
    if (last !== undefined && (this.#latest === undefined || last > this.#latest)) this.#latest = last;
    this.#readTo.pass(batch);
  }

  /** The batcher has closed a batch. */
  closed(batch: Batch): void {
    this.#closedTo.pass(batch);
  }

  /** The sink has taken all that was closed. */
  written(): void {
    this.#writtenTo.raise(this.#closedTo.at);
  }

  /** All is out: nobody waits for anything any more. */
  finish(): void {
    this.#isOver = true;
  }

  /** Of a live source: how far its latest event is behind the wall clock. */
  ofSource(): StageStatistics {
    const { delivery } = this.#source.capabilities;
    if (delivery === 'replayable') return this.#behind(this.#readTo.at);
    return this.#latest === undefined ? {} : asStatistics(this.#clock.wall() - this.#latest);
  }

  ofOperator(place: number): StageStatistics {
    return this.#behind(this.#operators.watermarkBehind(place));
  }

  ofBatcher(): StageStatistics {
    return this.#behind(this.#closedTo.at);
  }

  ofSink(): StageStatistics {
    return this.#behind(this.#writtenTo.at);
  }

  /** A watermark may be ahead of the last event: nothing has happened since. */
  #behind(watermark: bigint | undefined): StageStatistics {
    if (watermark === undefined || this.#latest === undefined) return {};
    const behind = this.#latest - watermark;
    return asStatistics(this.#isOver || behind < 0n ? 0n : behind);
  }
}

const asStatistics = (lagNs: bigint): StageStatistics => ({ eventTimeLagMs: Number(lagNs) / 1e6 });
