import type { Batch } from '../columns/batch.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { Clock } from '../core/clock.js';
import type { PlainData } from '../core/plain-data.js';
import type { Logger } from '../telemetry/logger.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { ConsumerSettings } from '../wire/topic-messages.js';

/** Who may publish to a topic: of two, the one with the higher epoch, and of one epoch nobody but its owner. */
export interface TopicFence {
  /** Grows with each producer of the topic. */
  readonly epoch: number;
  /** For messages, too: `job "ticks"`. */
  readonly owner: string;
}

/** What a producer makes, and how it waits for its consumers. */
export interface ProducerTerms {
  readonly topic: string;
  readonly schema: Schema;
  readonly order: EventOrder;
  /** For messages: `job "ticks"`. */
  readonly title: string;
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends all waits. */
  readonly stopping?: AbortSignal | undefined;
  /** How long a consumer may take nothing while rows wait for it alone, and how long the end waits while nobody does. */
  readonly blockDeadlineMs: number;
  /** How long the first row waits for consumers that are about to join. */
  readonly consumersDeadlineMs: number;
}

/** What a consumer reads, and how rows wait for it. */
export interface ConsumerTerms {
  readonly topic: string;
  /** What is read; `undefined`: what the first producer makes. */
  readonly schema: Schema | undefined;
  readonly maxDelayNs: number | undefined;
  readonly settings: ConsumerSettings;
  readonly dictionaries: DictionarySet;
  /** Rows that a batch has room for. */
  readonly batchRows: number;
  /** What becomes of the stream at the end of its producer. */
  readonly producerEnds: 'end' | 'wait';
  /** What becomes of it if the producer fails, or is lost. */
  readonly producerLost: 'fail' | 'wait';
}

/** The end of a topic where rows are made. */
export interface TopicPublisher {
  /** Higher than that of every producer before. */
  readonly fence: TopicFence;
  /** Rows that are there for the consumers, whatever becomes of the producer. */
  readonly rowsGiven: number;
  /**
   * Gives a batch to all consumers, and takes its ownership. Waits for those alone that asked for it.
   *
   * @throws {PipelineError} `FENCED` if the fence is not that of the topic's producer, `TOPIC_BLOCKED` if a consumer
   *   holds it up for too long.
   */
  publish(batch: Batch, fence: TopicFence): Promise<void> | void;
  /** Sees to it that all rows are there for the consumers; behind the last row, tells of the end as well. */
  flush(): Promise<void>;
  /** Tells consumers that the rows go on with the next producer. */
  suspend(): Promise<void>;
  /** Frees everything. Consumers that have not had the end take it for the loss of the producer. */
  close(): void;
  /** Whether a consumer is too slow. */
  health(): StageHealth;
  /** Numbers for reports. */
  statistics(): StageStatistics;
}

/** The end of a topic where rows are read. */
export interface TopicReader {
  /** For messages: who makes its rows now; `undefined` if nobody does. */
  readonly producer: string | undefined;
  /** How many producers it has had. */
  readonly producers: number;
  readonly rows: number;
  /** Rows that were left out, since this end was too slow. */
  readonly rowsLeftOut: number;
  /** Whether rows were left out since this end last had read all that waited for it. */
  readonly isTooSlow: boolean;
  /** Bytes that wait for it. */
  readonly bytesWaiting: number;
  /** Returns what waits, owned by the caller; a promise if there is nothing; `null` at the end. */
  read(): Batch | null | Promise<Batch | null>;
  /**
   * Where the next `subscribe` goes on, behind all rows that were read. Plain data that nobody but its port
   * understands.
   */
  position(): PlainData;
  /** Ends the stream behind what was written for it until now: a waiting read settles. */
  stop(): void;
  /** Frees everything. */
  close(): void;
}

/** Carries rows from one pipeline to others: those of a process through rings in shared memory (`ringTopics`). */
export interface TopicPort {
  /**
   * Becomes the producer of a topic.
   *
   * @throws {RemoteError} `TOPIC_TAKEN` if it has one.
   * @throws {PipelineError} `SINK_FAILED` if nobody answers.
   */
  produce(terms: ProducerTerms): Promise<TopicPublisher>;
  /**
   * Joins a topic as a consumer. Rows come once there is a producer.
   *
   * @param position - Of an earlier reader. What the port cannot bring any more is told as a gap. `undefined`: from
   *   now on.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a position of no reader of this port.
   */
  subscribe(position: PlainData | undefined, terms: ConsumerTerms): TopicReader;
}
