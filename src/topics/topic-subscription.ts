import type { Batch } from '../columns/batch.js';
import { ColumnMemory } from '../columns/column-memory.js';
import { DictionarySet } from '../columns/dictionary.js';
import { copyRow, type Row, rowsOf } from '../columns/row-view.js';
import type { Schema } from '../columns/schema.js';
import { type Clock, turnOfTheLoop } from '../core/clock.js';
import { millis, NANOS_PER_MILLI } from '../core/units.js';
import type { ConsumerSettings, TopicLinks } from '../wire/topic-messages.js';
import { TopicInlet } from './topic-inlet.js';

/** Batches in a row before timers and sockets have their turn: a busy topic always has more at once. */
const BUSY_NS_MAX = millis(10) * Number(NANOS_PER_MILLI);

export interface SubscriptionParts {
  readonly topic: string;
  readonly settings: ConsumerSettings;
  readonly batchRows: number;
  readonly producerEnds: 'end' | 'wait';
  readonly producerLost: 'fail' | 'wait';
  readonly signal: AbortSignal | undefined;
  readonly links: TopicLinks;
  readonly clock: Clock;
  /** Called once it is closed. */
  onClose(subscription: TopicSubscription): void;
}

/**
 * The rows of a topic in the thread of the runtime, from when it was made: an async iterable of batches, to be
 * read once. A batch is there until the next one is asked for, so copy what must be kept. Leaving the loop frees
 * everything; a subscription that is never read has to be closed. It keeps no process alive.
 *
 * The loop throws the errors of a source `topic` (`TOPIC_LOST`, `QUEUE_FULL`), and the reason of its `signal`.
 */
export class TopicSubscription implements AsyncIterable<Batch> {
  readonly topic: string;
  readonly #parts: SubscriptionParts;
  readonly #inlet: TopicInlet;
  readonly #batches: AsyncGenerator<Batch, void, undefined>;
  readonly #abort = () => this.close();
  #isClosed = false;

  constructor(parts: SubscriptionParts) {
    const { topic, settings, batchRows, producerEnds, producerLost, links, signal } = parts;
    this.topic = topic;
    this.#parts = parts;
    const dictionaries = new DictionarySet(new ColumnMemory());
    const common = { topic, settings, batchRows, producerEnds, producerLost, links, dictionaries };
    this.#inlet = new TopicInlet({ ...common, schema: undefined, maxDelayNs: undefined });
    this.#batches = this.#read();
    if (signal?.aborted) return;
    signal?.addEventListener('abort', this.#abort);
    this.#inlet.open();
  }

  /** The columns of its batches, once there is a producer. */
  get schema(): Schema | undefined {
    return this.#inlet.schema;
  }

  /** Rows that were left out so far, since the loop was too slow. */
  get rowsLeftOut(): number {
    return this.#inlet.rowsLeftOut;
  }

  /** Its batches, in order: the same iterator each time. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.#batches;
  }

  /** Its rows as objects of their own, one by one, without the control records: comfortable, and slow. */
  async *rows(): AsyncGenerator<Row, void, undefined> {
    for await (const batch of this.#batches) {
      for (const row of rowsOf(batch)) yield copyRow(row);
    }
  }

  /** @internal Ends its loop behind the rows that wait for it: the runtime is closed. */
  end(): void {
    this.#inlet.stop();
  }

  /** Ends it: a loop that waits for rows ends, and everything is freed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inlet.close();
    this.#parts.signal?.removeEventListener('abort', this.#abort);
    this.#parts.onClose(this);
  }

  async *#read(): AsyncGenerator<Batch, void, undefined> {
    const { signal, clock } = this.#parts;
    try {
      for (let since = clock.now(); ; ) {
        signal?.throwIfAborted();
        let batch = this.#inlet.read();
        if (batch instanceof Promise) {
          batch = await batch;
          since = clock.now();
        }
        signal?.throwIfAborted();
        if (batch === null) return;
        try {
          yield batch;
        } finally {
          if (!batch.isReleased) batch.release();
        }
        if (clock.now() - since < BUSY_NS_MAX) continue;
        await turnOfTheLoop();
        since = clock.now();
      }
    } finally {
      this.close();
    }
  }
}
