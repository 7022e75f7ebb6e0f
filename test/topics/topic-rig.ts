import { expect, onTestFinished } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import type { PlacedControl } from '../../src/columns/control-record.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { RowKind, Schema } from '../../src/columns/schema.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { type InletParts, TopicInlet } from '../../src/topics/topic-inlet.js';
import { type ProducerParts, TopicProducer } from '../../src/topics/topic-producer.js';
import { TopicRegistry } from '../../src/topics/topic-registry.js';
import type { ConsumerSettings } from '../../src/wire/topic-messages.js';
import { batchOf, streamOf } from '../support/batch-rows.js';
import { SimulatedClock } from '../support/simulated-clock.js';

export const schemaOf = (kind: RowKind): Schema => ({
  kind,
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
});

/** Rows of whole nanoseconds from a number on, of symbols that take turns. */
export const rowsFrom = (first: number, count: number, symbols = ['A', 'B']): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    time: BigInt(first + i),
    symbol: symbols[(first + i) % symbols.length]!,
    price: first + i,
  }));

/** The smallest ring that a spec may ask for: some 800 of these rows. */
export const SETTINGS: ConsumerSettings = { overflow: 'block', rows: 100, bytes: 1e6, ringBytes: 16_384 };

/** Producers and consumers of one topic in one thread, each with dictionaries and an account of its own. */
export class TopicRig {
  readonly registry = new TopicRegistry();
  readonly clock = new SimulatedClock();
  readonly kind: RowKind;

  constructor(kind: RowKind = 'trade') {
    this.kind = kind;
    onTestFinished(() => {
      this.registry.close();
      expect(this.clock.timersPending).toBe(0);
    });
  }

  async producer(name = 'maker', parts: Partial<ProducerParts> = {}) {
    const dictionaries = new DictionarySet(new ColumnMemory());
    const schema = schemaOf(this.kind);
    const producer = new TopicProducer({
      topic: 'ticks',
      schema,
      order: { scope: 'symbol', maxDelayNs: 0 },
      title: `job "${name}"`,
      links: { connect: () => this.registry.connect(`job "${name}"`) },
      dictionaries,
      clock: this.clock,
      log: silentLogger,
      blockDeadlineMs: 5_000,
      consumersDeadlineMs: 1_000,
      ...parts,
    });
    const close = () => producer.close();
    onTestFinished(close);
    await producer.open();
    const write = (rows: readonly Row[], controls: PlacedControl[] = []) =>
      producer.publish(batchOf(schema, dictionaries, rows, { controls }), producer.fence);
    const end = async (how: 'completed' | 'drained' | 'failed' = 'completed') => {
      await write([], [{ row: 0, record: { type: 'end', how } }]);
      await producer.flush();
      producer.close();
    };
    return { producer, dictionaries, write, end, close };
  }

  consumer(name: string, settings: Partial<ConsumerSettings> = {}, parts: Partial<InletParts> = {}) {
    const dictionaries = new DictionarySet(new ColumnMemory());
    dictionaries.get('symbol').idOf(name); // ids differ everywhere
    const inlet = new TopicInlet({
      topic: 'ticks',
      schema: schemaOf(this.kind),
      maxDelayNs: 0,
      settings: { ...SETTINGS, ...settings },
      links: { connect: () => this.registry.connect(`job "${name}"`) },
      dictionaries,
      batchRows: 64,
      producerEnds: 'end',
      producerLost: 'fail',
      ...parts,
    });
    onTestFinished(() => inlet.close());
    inlet.open();
    const batches: Batch[] = [];
    /** Reads what is there, and waits for nothing. */
    const readWaiting = async () => {
      for (;;) {
        const batch = inlet.read();
        if (!batch || batch instanceof Promise) return streamOf(batches.splice(0));
        batches.push(batch);
      }
    };
    /** Reads to the end of the stream. */
    const readAll = async () => {
      for (let batch = await inlet.read(); batch; batch = await inlet.read()) batches.push(batch);
      return streamOf(batches.splice(0));
    };
    return { inlet, dictionaries, readWaiting, readAll };
  }

  /** Lets all messages that are on their way arrive. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await turnOfTheLoop();
  }
}
