import type { Batch } from '../../columns/batch.js';
import { SYMBOLS_IN_ORDER } from '../../columns/event-order.js';
import type { Clock } from '../../core/clock.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { Batcher } from '../batcher.js';
import type { OperatorChain } from '../operator-chain.js';
import type { Source } from '../source.js';
import { LatestEventTime } from './latest-event-time.js';
import { PassedWatermark } from './passed-watermark.js';

export interface LagSetting {
  readonly source: Pick<Source, 'schema' | 'order' | 'capabilities'>;
  readonly operators: OperatorChain;
  readonly batcher: Batcher;
  readonly clock: Clock;
}

/**
 * Measures how far the watermark after each stage lags behind the latest event time that the source has
 * read, which shows where a pipeline holds time back. It checks each batch once per stage, never row by row.
 */
export class EventTimeLag {
  readonly #source: LagSetting['source'];
  readonly #operators: OperatorChain;
  readonly #clock: Clock;
  readonly #latest: LatestEventTime;
  readonly #readTo: PassedWatermark;
  readonly #closedTo: PassedWatermark;
  /** Watermark of what was closed before the batch that the sink is writing. */
  #writtenTo: bigint | undefined;
  #isWriting = false;
  #isOver = false;

  constructor({ source, operators, batcher, clock }: LagSetting) {
    this.#source = source;
    this.#operators = operators;
    this.#clock = clock;
    this.#latest = new LatestEventTime(source.schema);
    this.#readTo = new PassedWatermark(source.schema, source.order ?? SYMBOLS_IN_ORDER);
    // A batcher with a key reorders rows.
    const order = batcher.reorders ? SYMBOLS_IN_ORDER : operators.order;
    this.#closedTo = new PassedWatermark(operators.output, order);
  }

  /** Called when the source has read a batch. */
  read(batch: Batch): void {
    this.#latest.pass(batch);
    this.#readTo.pass(batch);
  }

  /** Called when the batcher has closed a batch, before it goes to the sink. */
  closed(batch: Batch): void {
    this.#writtenTo = this.#closedTo.at;
    this.#isWriting = true;
    this.#closedTo.pass(batch);
  }

  /** Called when the sink has written the batch. */
  written(): void {
    this.#isWriting = false;
  }

  /** Called at the end, when everything is written and there is no lag. */
  finish(): void {
    this.#isOver = true;
  }

  /** The lag of the source; for a live source, how far its latest event is behind the wall clock. */
  ofSource(): StageStatistics {
    const { delivery } = this.#source.capabilities;
    if (delivery === 'replayable') return this.#behind(this.#readTo.at);
    const latest = this.#latest.at;
    return latest === undefined ? {} : asStatistics(this.#isOver ? 0n : this.#clock.wall() - latest);
  }

  ofOperator(place: number): StageStatistics {
    return this.#behind(this.#operators.watermarkBehind(place));
  }

  ofBatcher(): StageStatistics {
    return this.#behind(this.#closedTo.at);
  }

  ofSink(): StageStatistics {
    return this.#behind(this.#isWriting ? this.#writtenTo : this.#closedTo.at);
  }

  /** A watermark may be ahead of the last event, if nothing has happened since; then the lag is 0. */
  #behind(watermark: bigint | undefined): StageStatistics {
    const latest = this.#latest.at;
    if (watermark === undefined || latest === undefined) return {};
    const behind = latest - watermark;
    return asStatistics(this.#isOver || behind < 0n ? 0n : behind);
  }
}

const asStatistics = (lagNs: bigint): StageStatistics => ({ eventTimeLagMs: Number(lagNs) / 1e6 });
