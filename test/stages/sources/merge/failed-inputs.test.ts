import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { defineComponent } from '../../../../src/engine/component.js';
import type { Source } from '../../../../src/engine/source.js';
import type { StageContext } from '../../../../src/engine/stage.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { batchOf } from '../../../support/batch-rows.js';
import { liveComponent } from '../../../support/nested-stages.js';
import { isRow, keepingSink, TRADES } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';

const START_MS = Date.parse('2024-03-04T10:00:00Z');
const at = (ms: number): bigint => BigInt(START_MS + ms) * 1_000_000n;
const row = (ms: number, price: number): Row => ({ time: at(ms), symbol: 'A', price });

/** Batches that can be read again from any place. */
class Log {
  readonly batches: Row[][] = [];
  error: Error | undefined;
  #wake = () => {};

  push(...rows: Row[]): void {
    this.batches.push(rows);
    this.#wake();
  }

  fail(error: Error): void {
    this.error = error;
    this.#wake();
  }

  source({ dictionaries }: StageContext): Source {
    let next = 0;
    let isStopped = false;
    return {
      schema: TRADES,
      capabilities: { delivery: 'resumable', bounded: false },
      read: async () => {
        while (next >= this.batches.length) {
          if (this.error) throw this.error;
          if (isStopped) return null;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        return batchOf(TRADES, dictionaries, this.batches[next++]!);
      },
      stop: () => {
        isStopped = true;
        this.#wake();
      },
      position: () => next,
      resume: (position) => {
        next = Number(position);
      },
    };
  }
}

function setting() {
  const logs = { a: new Log(), b: new Log() };
  const store = new MemoryCheckpointStore();
  const failing = { price: Number.NaN };
  const failsAt = defineComponent({
    kind: 'operator',
    name: 'failing',
    summary: 'Fails at a price.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, input) => ({
        output: input,
        process(batch, emit) {
          if (batch.float64('price').subarray(0, batch.length).includes(failing.price)) {
            throw new Error('as asked');
          }
          emit(batch);
        },
      }),
    }),
  });
  const start = async () => {
    const clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) });
    const kept = keepingSink();
    const pipeline = createPipeline(
      uncheckedSpec({
        name: 'failed',
        source: { use: 'merge', sources: [{ use: 'a' }, { use: 'b', operators: [{ use: 'failing' }] }] },
        batcher: { maxDelayMs: 1 },
        sink: { use: 'null' },
      }),
      {
        clock,
        store,
        components: [
          ...Object.entries(logs).map(([name, log]) =>
            liveComponent(name, (_options, context) => log.source(context), TRADES),
          ),
          failsAt,
        ],
        sink: { create: () => kept.sink },
      },
    );
    await pipeline.build();
    const run = pipeline.run();
    await clock.advance(1);
    return { clock, pipeline, run, prices: () => kept.stream.filter(isRow).map(({ price }) => price) };
  };
  const stop = async ({ pipeline, clock, run }: Awaited<ReturnType<typeof start>>) => {
    pipeline.stop();
    await clock.advance(1);
    await run;
  };
  return { logs, failing, start, stop };
}

describe('the next start after an input of a merge has failed', () => {
  it('reads it again', async () => {
    const { logs, start, stop } = setting();
    logs.a.push(row(0, 1));
    logs.b.push(row(0, 2));
    const first = await start();
    await first.clock.advance(300);
    logs.b.fail(new Error('socket hang up'));
    await first.clock.advance(50);
    expect((await first.run).error?.message).toContain('socket hang up');

    logs.b.error = undefined;
    const second = await start();
    logs.a.push(row(700, 3));
    logs.b.push(row(700, 4));
    await second.clock.advance(3_000);
    expect(second.prices()).toEqual(expect.arrayContaining([3, 4]));
    await stop(second);
  });

  it('has the rows that its operator did not get through', async () => {
    const { logs, failing, start, stop } = setting();
    logs.a.push(row(0, 1));
    logs.b.push(row(0, 2));
    const first = await start();
    await first.clock.advance(300);
    failing.price = 4;
    logs.b.push(row(300, 4));
    await first.clock.advance(300);
    expect((await first.run).error?.message).toContain('as asked');

    failing.price = Number.NaN;
    const second = await start();
    logs.a.push(row(700, 5));
    logs.b.push(row(700, 6));
    await second.clock.advance(3_000);
    expect(second.prices()).toContain(4);
    await stop(second);
  });

  it('has the rows behind one that was refused', async () => {
    const { logs, start, stop } = setting();
    logs.a.push(row(0, 1));
    logs.b.push(row(0, 2));
    const first = await start();
    await first.clock.advance(300);
    const inTenDays = 10 * 86_400_000;
    logs.b.push(row(300, 3), row(inTenDays, 4), row(301, 5));
    await first.clock.advance(300);
    expect((await first.run).error?.code).toBe('ROW_INVALID');

    logs.b.batches[1] = [row(300, 3), row(301, 5)];
    const second = await start();
    logs.a.push(row(700, 6));
    logs.b.push(row(700, 7));
    await second.clock.advance(3_000);
    expect(second.prices()).toEqual(expect.arrayContaining([5, 6, 7]));
    await stop(second);
  });
});
