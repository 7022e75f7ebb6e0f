import type { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { PlanProblems, SourceFactory } from '../../../engine/factories.js';
import type { Source } from '../../../engine/source.js';
import type { StageContext } from '../../../engine/stage.js';
import { problemOfOverflow } from '../../../topics/default-overflow.js';
import { ringTopics } from '../../../topics/ring-topics.js';
import { schemaDifference } from '../../../topics/schema-difference.js';
import type { TopicReader } from '../../../topics/topic-port.js';
import type { StageHealth, StageStatistics } from '../../../wire/pipeline-report.js';
import type { TopicSourceOptions } from './options.js';

/** Reads the rows that another pipeline gives to its sink `topic`, through a ring in shared memory. */
export const topicSource: SourceFactory<TopicSourceOptions> = {
  plan(options, problems, { topics = {} }) {
    // A topic may be called "constructor".
    const known = Object.hasOwn(topics, options.topic) ? topics[options.topic] : undefined;
    const schema = options.schema ?? plannedSchema(options, known, problems);
    const problem = schema.columns.length > 0 ? problemOfOverflow(options.overflow, schema) : undefined;
    if (problem !== undefined) problems.add(['overflow'], problem);
    return schema;
  },
  create: (options, context) => new TopicSource(options, context),
};

class TopicSource implements Source {
  readonly schema: Schema;
  readonly capabilities = { delivery: 'live-only', bounded: false } as const;
  readonly order: EventOrder;
  /** The producer puts its watermarks into the stream. */
  readonly tellsTime = true;
  /** What is in the ring has been given to this pipeline alone. */
  readonly holdsRows = true;
  readonly #options: TopicSourceOptions;
  readonly #context: StageContext;
  #inlet: TopicReader | undefined;
  #position: PlainData = { latest: null };

  constructor(options: TopicSourceOptions, context: StageContext) {
    if (!options.schema)
      throw new PipelineError('INTERNAL', `The columns of topic "${options.topic}" were not planned`);
    this.schema = options.schema;
    this.order = { scope: 'symbol', maxDelayNs: options.maxDelay };
    this.#options = options;
    this.#context = context;
  }

  open(): void {
    if (!this.#context.resuming) this.#inlet = this.#subscribe(undefined);
  }

  read(): Promise<Batch | null> | Batch | null {
    return this.#inlet!.read();
  }

  stop(): void {
    this.#inlet?.stop();
  }

  close(): void {
    this.#inlet?.close();
  }

  position(): PlainData {
    return this.#inlet?.position() ?? this.#position;
  }

  resume(position: PlainData): void {
    this.#position = position;
    this.#inlet = this.#subscribe(position);
  }

  health(): StageHealth {
    const inlet = this.#inlet;
    if (!inlet) return { status: 'ok' };
    const { topic } = this.#options;
    if (inlet.producer === undefined) {
      return { status: 'degraded', reason: `topic "${topic}" has no producer now` };
    }
    if (!inlet.isTooSlow) return { status: 'ok' };
    return {
      status: 'degraded',
      reason: `rows of topic "${topic}" are taken too slowly: ${inlet.rowsLeftOut} were left out so far`,
    };
  }

  statistics(): StageStatistics {
    const inlet = this.#inlet;
    if (!inlet) return {};
    const { producers, rows, rowsLeftOut, bytesWaiting } = inlet;
    return { producers, rowsReceived: rows, rowsLeftOutByProducer: rowsLeftOut, bytesInRing: bytesWaiting };
  }

  #subscribe(position: PlainData | undefined): TopicReader {
    const { topics: links, dictionaries, batchRows } = this.#context;
    if (!links) throw new PipelineError('SOURCE_FAILED', NO_RUNTIME);
    const { topic, maxDelay, overflow, rows, bytes, ringBytes, producerEnds, producerLost } = this.#options;
    return ringTopics(links).subscribe(position, {
      topic,
      schema: this.schema,
      maxDelayNs: maxDelay,
      settings: { overflow, rows, bytes, ringBytes },
      dictionaries,
      batchRows,
      producerEnds,
      producerLost,
    });
  }
}

function plannedSchema(
  { topic, columns, kind = 'custom' }: TopicSourceOptions,
  known: Schema | undefined,
  problems: PlanProblems,
): Schema {
  if (!columns) {
    if (known) return known;
    problems.add(
      ['topic'],
      `no pipeline is known that produces topic "${topic}", so its columns are not either: submit that one first, ` +
        'give both to one `run`, or say what comes with "columns" and "kind"',
    );
    return { kind, columns: [] };
  }
  const declared: Schema = {
    kind,
    columns: columns.map(({ name, type, values, nullable }) => {
      return { name, type, ...(values && { values }), ...(nullable && { nullable }) };
    }),
  };
  const difference = known && schemaDifference(known, declared);
  if (difference !== undefined)
    problems.add(['columns'], `topic "${topic}" has other columns: ${difference}`);
  return declared;
}

const NO_RUNTIME = 'A topic connects the pipelines of a runtime, and this pipeline runs without one';
