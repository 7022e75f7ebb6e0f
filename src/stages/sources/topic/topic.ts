import type { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { PlanProblems, SourceFactory } from '../../../engine/factories.js';
import { RESTART_REASON } from '../../../engine/intake/live-intake.js';
import type { Source } from '../../../engine/source.js';
import type { StageContext } from '../../../engine/stage.js';
import { problemOfOverflow } from '../../../topics/default-overflow.js';
import { schemaDifference } from '../../../topics/schema-difference.js';
import { TopicInlet } from '../../../topics/topic-inlet.js';
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
  #inlet: TopicInlet | undefined;
  #resumedAt: bigint | undefined;

  constructor(options: TopicSourceOptions, context: StageContext) {
    if (!options.schema)
      throw new PipelineError('INTERNAL', `The columns of topic "${options.topic}" were not planned`);
    this.schema = options.schema;
    this.order = { scope: 'symbol', maxDelayNs: options.maxDelay };
    this.#options = options;
    this.#context = context;
  }

  open(): void {
    const { topics: links, dictionaries, batchRows } = this.#context;
    if (!links) throw new PipelineError('SOURCE_FAILED', NO_RUNTIME);
    const { topic, maxDelay, overflow, rows, bytes, ringBytes, producerEnds, producerLost } = this.#options;
    const { schema } = this;
    this.#inlet = new TopicInlet({
      topic,
      schema,
      maxDelayNs: maxDelay,
      settings: { overflow, rows, bytes, ringBytes },
      links,
      dictionaries,
      batchRows,
      producerEnds,
      producerLost,
    });
    this.#inlet.open();
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

  /** The time of the latest row: what came after it is missing in the next start. */
  position(): PlainData {
    const latest = this.#inlet?.latest ?? this.#resumedAt;
    return { latest: latest === undefined ? null : String(latest) };
  }

  resume(position: PlainData): void {
    const { latest } = position as { readonly latest: string | null };
    if (latest === null) return;
    this.#resumedAt = BigInt(latest);
    this.#inlet!.missedSince(this.#resumedAt, RESTART_REASON);
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
