import type { Batch } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { StageContext } from '../../../engine/stage.js';
import { ringTopics } from '../../../topics/ring-topics.js';
import type { TopicPublisher } from '../../../topics/topic-port.js';
import type { StageHealth, StageStatistics } from '../../../wire/pipeline-report.js';
import type { TopicSinkOptions } from './options.js';

/** Gives rows to the sources `topic` of other pipelines, through a ring in shared memory for each. */
export const topicSink: SinkFactory<TopicSinkOptions> = {
  create: (options, input, context) => new TopicSink(options, input, context),
};

class TopicSink implements Sink {
  readonly capabilities = { delivery: 'append' } as const;
  readonly readsOnly = true;
  readonly #parts: readonly [TopicSinkOptions, Schema, StageContext];
  #producer: TopicPublisher | undefined;
  #rowsDurable = 0;

  constructor(...parts: readonly [TopicSinkOptions, Schema, StageContext]) {
    this.#parts = parts;
  }

  /** What is in the rings is there for the consumers, whatever becomes of this thread. */
  get rowsDurable(): number {
    this.#rowsDurable = this.#producer?.rowsGiven ?? this.#rowsDurable;
    return this.#rowsDurable;
  }

  async open(): Promise<void> {
    const [{ topic, blockDeadline, consumersDeadline }, schema, context] = this.#parts;
    const { topics: links, job, stream, dictionaries, clock, log, stopping } = context;
    if (!links) throw new PipelineError('SINK_FAILED', NO_RUNTIME);
    this.#producer = await ringTopics(links).produce({
      topic,
      schema,
      order: stream.order,
      title: `job "${job}"`,
      dictionaries,
      clock,
      log,
      stopping,
      blockDeadlineMs: blockDeadline / 1e6,
      consumersDeadlineMs: consumersDeadline / 1e6,
    });
  }

  write(batch: Batch): Promise<void> | void {
    const producer = this.#producer!;
    const writing = producer.publish(batch, producer.fence);
    return writing && this.#during(writing);
  }

  async flush(): Promise<Durable> {
    await this.#during(this.#producer!.flush());
    return { rows: this.rowsDurable, position: null };
  }

  suspend(): Promise<void> {
    return this.#producer!.suspend();
  }

  /** A topic begins anew with each start. */
  resume(): void {}

  close(): void {
    this.#rowsDurable = this.rowsDurable;
    this.#producer?.close();
    this.#producer = undefined;
  }

  /** Consumers may be slow, or paused: how long they are waited for is up to `blockDeadline`. */
  #during(wait: Promise<void>): Promise<void> {
    const [, , { knownWaits }] = this.#parts;
    return knownWaits?.during(wait) ?? wait;
  }

  health(): StageHealth {
    return this.#producer?.health() ?? { status: 'ok' };
  }

  statistics(): StageStatistics {
    return this.#producer?.statistics() ?? {};
  }
}

const NO_RUNTIME = 'A topic connects the pipelines of a runtime, and this pipeline runs without one';
