import { expect } from 'vitest';
import type { Row } from '../../../../src/columns/row-view.js';
import type { Schema } from '../../../../src/columns/schema.js';
import type { Nanos } from '../../../../src/core/units.js';
import type { Source } from '../../../../src/engine/source.js';
import type { SourceCapabilities } from '../../../../src/engine/source-capabilities.js';
import type { StageContext } from '../../../../src/engine/stage.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../../src/runtime/pipeline-builder.js';
import type { SequenceNumbers } from '../../../../src/wire/provider-capabilities.js';
import { batchOf } from '../../../support/batch-rows.js';
import { liveComponent } from '../../../support/nested-stages.js';
import { isRow, isWatermark, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';

export const START_MS = Date.parse('2024-03-04T10:00:00Z');
export const at = (ms: number): bigint => BigInt(START_MS + ms) * 1_000_000n;

export const NUMBERED: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'sequence', type: 'int64' },
  ],
};

/** A row whose price is its number. */
export const row = (ms: number, sequence: number, symbol = 'A'): Row => ({
  time: at(ms),
  symbol,
  price: sequence,
  sequence: BigInt(sequence),
});

/** A source that a test opens, feeds and breaks. Each opening is an instance of its own. */
export class Scripted {
  readonly name: string;
  readonly schema: Schema;
  delivery: SourceCapabilities['delivery'] = 'live-only';
  bounded = false;
  sequences: SequenceNumbers | undefined;
  /** What the next openings fail with. */
  readonly openErrors: Error[] = [];
  /** Whether an opening waits for `letOpen`. */
  isSlow = false;
  heldByBreaker: string | undefined;
  heldFrom: Nanos | undefined;
  made = 0;
  opened = 0;
  closed = 0;
  /** What each new instance gives at first. */
  initial: (opening: number) => readonly (Stream | Error | null)[] = () => [];
  letOpen = () => {};
  #queue: (Stream | Error | null)[] = [];
  #wake = () => {};

  constructor(name: string, schema = NUMBERED) {
    this.name = name;
    this.schema = schema;
  }

  get isOpen(): boolean {
    return this.opened > this.closed;
  }

  push(...stream: Stream): void {
    if (!this.isOpen) return; // nobody listens
    this.#put(stream);
  }

  fail(error: Error): void {
    this.#put(error);
  }

  end(): void {
    this.#put(null);
  }

  create({ dictionaries }: StageContext): Source {
    this.made++;
    const script = this;
    let isStopped = false;
    return {
      schema: this.schema,
      capabilities: { delivery: this.delivery, bounded: this.bounded },
      ...(this.sequences && { sequences: this.sequences }),
      get heldByBreaker() {
        return script.heldByBreaker;
      },
      get heldFrom() {
        return script.heldFrom;
      },
      async open() {
        const error = script.openErrors.shift();
        if (script.isSlow) {
          await new Promise<void>((resolve) => {
            script.letOpen = resolve;
          });
        }
        script.opened++;
        if (error) throw error;
        script.#queue = [...script.initial(script.opened)];
      },
      async read() {
        while (script.#queue.length === 0) {
          if (isStopped) return null;
          await new Promise<void>((resolve) => {
            script.#wake = resolve;
          });
        }
        const item = script.#queue.shift()!;
        if (item instanceof Error) throw item;
        if (item === null) return null;
        const controls = item.flatMap((entry, i) =>
          isRow(entry) ? [] : [{ row: item.slice(0, i).filter(isRow).length, record: entry }],
        );
        return batchOf(script.schema, dictionaries, item.filter(isRow), { controls });
      },
      stop() {
        isStopped = true;
        script.letOpen();
        script.#wake();
      },
      close() {
        script.closed++;
        script.#queue = [];
      },
      position: () => null,
      resume() {},
    };
  }

  #put(item: Stream | Error | null): void {
    this.#queue.push(item);
    this.#wake();
  }
}

export interface RoutedOptions {
  readonly options?: object;
  readonly sources?: readonly Scripted[];
  readonly pipeline?: PipelineOptions;
  readonly clock?: SimulatedClock;
  readonly operators?: readonly object[];
  readonly seed?: number;
}

/** A running pipeline with a router of scripted sources, on virtual time. */
export async function routed({
  options = {},
  sources = [new Scripted('a'), new Scripted('b')],
  pipeline: more = {},
  clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) }),
  operators = [],
  seed = 1,
}: RoutedOptions = {}) {
  const kept = keepingSink();
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'routed',
      seed,
      source: {
        use: 'router',
        sources: sources.map(({ name }) => ({ use: name })),
        backOff: '1ms',
        ...options,
      },
      operators,
      batcher: { maxDelayMs: 1 },
      sink: { use: 'null' },
    }),
    {
      clock,
      components: sources.map((source) =>
        liveComponent(source.name, (_options, context) => source.create(context), source.schema),
      ),
      sink: { create: () => kept.sink },
      ...more,
    },
  );
  const built = await pipeline.build();
  const run = pipeline.run();
  await clock.advance(5);
  const stream = kept.stream as Stream;
  /** Lets time pass in steps, since what waits may need several turns of the loop after a timer. */
  const pass = async (ms: number, stepMs = 50) => {
    for (let left = ms; left > 0; left -= stepMs) await clock.advance(Math.min(stepMs, left));
  };
  const report = () => built.describe().find(({ stage }) => stage === 'source')!;
  return {
    clock,
    pass,
    pipeline: built,
    run,
    stream,
    prices: () => (stream.filter(isRow) as Row[]).map(({ price }) => price),
    /** Rows by price, and control records as they are. */
    told: () =>
      stream
        .filter((entry) => !isWatermark(entry))
        .map((entry) => (isRow(entry) ? (entry as Row).price : entry)),
    records: (type: string) => stream.filter((entry) => entry.type === type),
    report,
    healthOf: () => report().health,
    numbersOf: () => report().statistics,
    /** Drains it. */
    async finish() {
      let isDone = false;
      void run.then(() => {
        isDone = true;
      });
      built.drain();
      for (let ms = 0; !isDone && ms < 1_000; ms += 20) await pass(20, 20);
      expect(isDone).toBe(true);
      return run;
    },
    async stop() {
      built.stop();
      await clock.advance(10);
      return run;
    },
  };
}

export const NUMBERS_BY_SYMBOL: SequenceNumbers = { space: 'test-trades', scope: 'symbol', step: 'one' };
