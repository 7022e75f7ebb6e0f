import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { EventOrder } from '../../src/columns/event-order.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import type { Clock } from '../../src/core/clock.js';
import type { Batcher } from '../../src/engine/batcher.js';
import type { CheckpointSaver } from '../../src/engine/cuts/checkpoint-keeper.js';
import type { Operator } from '../../src/engine/operator.js';
import { type KeptRejects, stopOnReject } from '../../src/engine/rejects.js';
import type { Sink } from '../../src/engine/sink.js';
import type { Source } from '../../src/engine/source.js';
import type { SourceCapabilities } from '../../src/engine/source-capabilities.js';
import type { StageContext } from '../../src/engine/stage.js';
import { StreamingPipeline } from '../../src/engine/streaming-pipeline.js';
import type { QueueSettings } from '../../src/settings/queue-options.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { BatcherOptions } from '../../src/stages/batchers/smart/options.js';
import { smartBatcher } from '../../src/stages/batchers/smart/smart-batcher.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { batchOf, streamOf } from './batch-rows.js';
import { namedOperators } from './named-operators.js';
import { SimulatedClock } from './simulated-clock.js';
import { stageContext } from './stage-context.js';

export type Stream = (Row | ControlRecord)[];

export const TRADES: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};

export const isRow = (entry: Row | ControlRecord): entry is Row => entry.type === undefined;

export const isWatermark = (entry: Row | ControlRecord): boolean => entry.type === 'watermark';

/** A pipeline of stages that a test has made itself. */
export function pipelineOf(stages: {
  source: (context: StageContext) => Source;
  operators?: (context: StageContext) => Operator[];
  sink: Sink;
  batcher?: Partial<BatcherOptions>;
  /** In place of the smart batcher. */
  ownBatcher?: Batcher;
  clock?: Clock;
  counters?: Counters;
  rejects?: KeptRejects;
  saver?: CheckpointSaver;
  checkpoint?: Checkpoint;
  queue?: QueueSettings;
  /** Receives the texts of warnings. */
  warn?: (message: string) => void;
}): StreamingPipeline {
  const { clock = new SimulatedClock(), counters = new Counters() } = stages;
  const rejects: KeptRejects = stages.rejects ?? stopOnReject();
  const dictionaries = new DictionarySet();
  if (stages.checkpoint) dictionaries.restore(stages.checkpoint.dictionaries);
  const context = stageContext({ clock, dictionaries, rejects });
  const ownRejects = rejects.ofSource?.();
  const source = stages.source({ ...context, ...(ownRejects && { rejects: ownRejects }) });
  const operators = stages.operators?.(context) ?? [];
  const output = operators.at(-1)?.output ?? source.schema;
  const batcher =
    stages.ownBatcher ?? smartBatcher.create(BatcherOptions.parse(stages.batcher ?? {}), output, context);
  return new StreamingPipeline({
    source: { id: 'source', use: 'feed', stage: source, rejects: ownRejects },
    operators: namedOperators(operators),
    batcher: { id: 'batcher', use: 'smart', stage: batcher },
    sink: { id: 'sink', use: 'kept', stage: stages.sink },
    job: 'test',
    run: { id: 'run', epoch: 1, owner: { host: 'here', process: 'test', thread: 0 } },
    spec: {},
    rejects,
    dictionaries,
    counters,
    clock,
    log: stages.warn ? warningTo(stages.warn) : silentLogger,
    ...(stages.queue && { queue: stages.queue }),
    ...(stages.saver && { saver: stages.saver }),
    ...(stages.checkpoint && { checkpoint: stages.checkpoint }),
  });
}

const warningTo = (warn: (message: string) => void): Logger => ({
  ...silentLogger,
  warn: (_fields: unknown, message?: string) => warn(message ?? ''),
});

/** A sink that keeps all that it is given as one stream. */
export function keepingSink(afterwards: (stream: Stream) => Promise<void> | void = () => {}) {
  const stream: Stream = [];
  let rows = 0;
  const sink: Sink = {
    capabilities: { delivery: 'append' },
    write(batch) {
      rows += batch.length;
      const taken = streamOf([batch]);
      stream.push(...taken);
      return afterwards(taken);
    },
    flush: () => ({ rows, position: rows }),
  };
  return { stream, sink };
}

/** Shows a test all that goes past, and hands it on. */
export function watching(input: Schema, look: (stream: Stream) => void): Operator {
  return {
    output: input,
    process(batch, emit) {
      const { dictionaries } = batch;
      const controls = [...batch.controls];
      const stream = streamOf([batch]);
      look(stream);
      emit(batchOf(input, dictionaries, stream.filter(isRow), { controls }));
    },
  };
}

/** A source in the hands of the test: each `push` is one read, `fail` makes the read reject. */
export function feedOf(
  schema: Schema,
  { order, delivery = 'live-only' }: { order?: EventOrder; delivery?: SourceCapabilities['delivery'] } = {},
) {
  const queue: (Stream | Error | null)[] = [];
  let waiting: (() => void) | undefined;
  const put = (item: Stream | Error | null) => {
    queue.push(item);
    waiting?.();
  };
  const make = ({ dictionaries }: StageContext): Source => ({
    schema,
    capabilities: { delivery, bounded: false },
    ...(order && { order }),
    async read(): Promise<Batch | null> {
      while (queue.length === 0) {
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
      const item = queue.shift()!;
      if (item instanceof Error) throw item;
      if (item === null) return null;
      const controls = item.flatMap((entry, i) =>
        isRow(entry) ? [] : [{ row: item.slice(0, i).filter(isRow).length, record: entry }],
      );
      return batchOf(schema, dictionaries, item.filter(isRow), { controls });
    },
    stop: () => put(null),
    position: () => null,
    resume() {},
  });
  return {
    make,
    push: (...stream: Stream) => put(stream),
    fail: (error: Error) => put(error),
    end: () => put(null),
  };
}

/** Emits `count` rows of one column in batches of `batchRows`, some batches a step. */
export function numbersInSteps(count: number, { batchRows = 1_024, batchesAStep = 4 } = {}) {
  const schema: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'float64' }] };
  const pool = new BatchPool(schema, batchRows, new DictionarySet());
  let left = 0;
  const step = (emit: (batch: Batch) => void) => {
    for (let i = 0; i < batchesAStep && left > 0; i++) {
      const batch = pool.acquire();
      batch.length = Math.min(batchRows, left);
      left -= batch.length;
      emit(batch);
    }
  };
  const operator: Operator = {
    output: schema,
    process(batch, emit) {
      if (batch.length > 0) left = count;
      batch.release();
      step(emit);
    },
    get hasMore() {
      return left > 0;
    },
    emitMore: step,
  };
  return { schema, pool, operator };
}
