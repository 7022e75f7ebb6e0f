// Question: how long does it take from the fault of a source to the first row of the next one?
//
// Two sources that open at once and have a row as soon as they are open, so the time is that of the router and of the
// pipeline, from the fault to the sink. Cold: the next source is made and opened after the fault. Hot: it is open, and
// gives its row right after the fault.

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Batch } from '../src/columns/batch.js';
import type { Schema } from '../src/columns/schema.js';
import { ProviderError } from '../src/core/provider-error.js';
import { defineComponent } from '../src/engine/component.js';
import type { Source } from '../src/engine/source.js';
import type { StageContext } from '../src/engine/stage.js';
import { uncheckedSpec } from '../src/plan/typed-spec.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import { callbackSink } from '../src/stages/sinks/callback.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median, middleHalf } from './support/measure.js';

const FAULTS = 300;
const QUICK_FAULTS = 20;
/** Between faults, until the failed source has rested and is open again. */
const REST_MS = 5;

const SCHEMA: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'float64' }] };

/** A live source that gives a row when it is asked to. */
class Feed {
  readonly name: string;
  #next: 'row' | Error | undefined;
  #wake = () => {};

  constructor(name: string) {
    this.name = name;
  }

  row(): void {
    this.#next = 'row';
    this.#wake();
  }

  fail(): void {
    this.#next = new ProviderError('disconnected', 'the socket was closed');
    this.#wake();
  }

  component(givesAtOnce: boolean) {
    return defineComponent({
      kind: 'source',
      name: this.name,
      summary: 'Fed by the bench.',
      options: async () => z.strictObject({}),
      load: async () => ({
        plan: () => SCHEMA,
        create: (_options, context) => this.#make(context, givesAtOnce),
      }),
    });
  }

  #make({ dictionaries }: StageContext, givesAtOnce: boolean): Source {
    let isStopped = false;
    return {
      schema: SCHEMA,
      capabilities: { delivery: 'live-only', bounded: false },
      open: () => {
        this.#next = givesAtOnce ? 'row' : undefined;
      },
      read: async () => {
        while (this.#next === undefined) {
          if (isStopped) return null;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        const next = this.#next;
        this.#next = undefined;
        if (next instanceof Error) throw next;
        const batch = new Batch(SCHEMA, 1, dictionaries);
        batch.length = 1;
        return batch;
      },
      stop: () => {
        isStopped = true;
        this.#wake();
      },
      position: () => null,
      resume() {},
    };
  }
}

export default async function benchFailover({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const faults = quick ? QUICK_FAULTS : FAULTS;
  const results: BenchResult[] = [];
  for (const standby of ['cold', 'hot'] as const) {
    progress(standby);
    const times = await failoverMs(standby, faults);
    results.push({
      name: `fault → first row of the next source, ${standby}`,
      ours: true,
      value: median(times),
      middleHalf: middleHalf(times),
      unit: 'ms',
    });
  }
  return results;
}

async function failoverMs(standby: 'cold' | 'hot', faults: number): Promise<number[]> {
  const feeds = [new Feed('a'), new Feed('b')] as const;
  let tell = () => {};
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'failover',
      source: {
        use: 'router',
        strategy: 'round-robin',
        sources: [{ use: 'a' }, { use: 'b' }],
        standby,
        backOff: '1ms',
        backOffMax: '1ms',
      },
      batcher: { maxRows: 1 },
      sink: { use: 'null' },
    }),
    {
      components: feeds.map((feed) => feed.component(standby === 'cold')),
      sink: callbackSink(() => tell()),
    },
  );
  await pipeline.build();
  const arrival = () =>
    new Promise<void>((resolve) => {
      tell = resolve;
    });
  const first = arrival();
  const run = pipeline.run();
  await sleep(REST_MS);
  if (standby === 'hot') feeds[0].row();
  await first;
  const times: number[] = [];
  for (let fault = 0; fault < faults; fault++) {
    await sleep(REST_MS);
    const [current, next] = fault % 2 === 0 ? feeds : [feeds[1], feeds[0]];
    const arrived = arrival();
    const began = performance.now();
    current.fail();
    if (standby === 'hot') next.row();
    await arrived;
    times.push(performance.now() - began);
  }
  pipeline.stop();
  await run;
  return times;
}
