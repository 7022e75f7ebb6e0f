import type { Batch } from '../columns/batch.js';
import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import type { Clock } from '../core/clock.js';
import type { StageStatistics } from '../wire/pipeline-report.js';
import type { Batcher } from './batcher.js';
import { LatestEventTime } from './latest-event-time.js';
import type { OperatorChain } from './operator-chain.js';
import { PassedWatermark } from './passed-watermark.js';
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
  readonly #latest: LatestEventTime;
  readonly #readTo: PassedWatermark;
  readonly #closedTo: PassedWatermark;
  /** Of what was closed before the batch that the sink is writing. */
  #writtenTo: bigint | undefined;
  #isWriting = false;
  #isOver = false;

  constructor({ source, operators, batcher, clock }: LagSetting) {
    this.#source = source;
    this.#operators = operators;
    this.#clock = clock;
    this.#latest = new LatestEventTime(source.schema);
    this.#readTo = new PassedWatermark(source.schema, source.order ?? SYMBOLS_IN_ORDER);
    // What is kept apart by a key comes out in another order than it went in.
    const order = batcher.reorders ? SYMBOLS_IN_ORDER : operators.order;
    this.#closedTo = new PassedWatermark(operators.output, order);
  }

  /** The source has read a batch. */
  read(batch: Batch): void {
    this.#latest.pass(batch);
    this.#readTo.pass(batch);
  }

  /** The batcher has closed a batch, and the sink is given it. */
  closed(batch: Batch): void {
    this.#writtenTo = this.#closedTo.at;
    this.#isWriting = true;
    this.#closedTo.pass(batch);
  }

  /** The sink has taken it. */
  written(): void {
    this.#isWriting = false;
  }

  /** All is out: nobody waits for anything any more. */
  finish(): void {
    this.#isOver = true;
  }

  /** Of a live source: how far its latest event is behind the wall clock. */
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

  /** A watermark may be ahead of the last event: nothing has happened since. */
  #behind(watermark: bigint | undefined): StageStatistics {
    const latest = this.#latest.at;
    if (watermark === undefined || latest === undefined) return {};
    const behind = latest - watermark;
    return asStatistics(this.#isOver || behind < 0n ? 0n : behind);
  }
}

const asStatistics = (lagNs: bigint): StageStatistics => ({ eventTimeLagMs: Number(lagNs) / 1e6 });
