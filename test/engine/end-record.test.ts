import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BatchPool } from '../../src/columns/batch-pool.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { barsOperator } from '../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../src/stages/operators/bars/options.js';
import { defineRowOperator } from '../../src/stages/operators/row-operator/define-operator.js';
import { batchOf } from '../support/batch-rows.js';
import {
  feedOf,
  isRow,
  isWatermark,
  keepingSink,
  pipelineOf,
  type Stream,
  TRADES,
} from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const trade = (price: number, atMs = price): Row => ({
  time: BigInt(Math.trunc(atMs)) * 1_000_000n,
  symbol: 'A',
  price,
});

/** Each gives one row as it is flushed; some swallow records, some say one again. */
const KINDS = {
  plain: {},
  swallowing: { swallows: true },
  repeating: { repeats: true },
  emittingOnEnd: { emitsOnEnd: true },
};

function operatorOf(
  { dictionaries }: StageContext,
  mark: number,
  traits: { swallows?: boolean; repeats?: boolean; emitsOnEnd?: boolean },
): Operator & { readonly seen: string[] } {
  const seen: string[] = [];
  const row = (price: number) => batchOf(TRADES, dictionaries, [trade(price)]);
  return {
    seen,
    output: TRADES,
    process(batch, emit) {
      for (let i = 0; i < batch.length; i++) seen.push('row');
      const ends = batch.controls.filter(({ record }) => record.type === 'end');
      seen.push(...ends.map(() => 'end'));
      if (traits.emitsOnEnd && ends.length > 0) emit(row(mark + 0.5));
      if (traits.swallows) batch.controls = [];
      if (traits.repeats) batch.controls.push(...batch.controls);
      emit(batch);
    },
    flush(emit) {
      seen.push('flush');
      emit(row(mark));
    },
  };
}

describe('the end of a stream', () => {
  it('comes once, behind all that operators emit then, whatever they make of the record', async () => {
    const kind = fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[]));
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { maxLength: 5 }), async (kinds) => {
        const { stream, sink } = keepingSink();
        const feed = feedOf(TRADES);
        feed.push(trade(1), trade(2));
        feed.end();
        let made: ReturnType<typeof operatorOf>[] = [];
        const pipeline = pipelineOf({
          source: feed.make,
          operators: (context) => {
            made = kinds.map((name, i) => operatorOf(context, 100 * (i + 1), KINDS[name]));
            return made;
          },
          sink,
        });
        expect(await pipeline.run()).toMatchObject({ outcome: 'completed', rowsPending: 0 });

        const wanted = [1, 2];
        kinds.forEach((name, i) => {
          if (name === 'emittingOnEnd') wanted.push(100 * (i + 1) + 0.5);
          wanted.push(100 * (i + 1));
        });
        expect(stream.filter(isRow).map(({ price }) => price)).toEqual(wanted);
        expect(stream.filter((entry) => !isRow(entry) && !isWatermark(entry))).toEqual([
          { type: 'end', how: 'completed' },
        ]);
        expect(isRow(stream.at(-1)!)).toBe(false);
        // Each operator saw all rows from above, then one record, then it was flushed.
        made.forEach(({ seen }, i) => {
          const above = kinds.slice(0, i).filter((name) => name === 'emittingOnEnd').length + i + 2;
          expect(seen).toEqual([...new Array(above).fill('row'), 'end', 'flush']);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('says that it was drained, or that it failed', async () => {
    const drained = keepingSink();
    const feed = feedOf(TRADES);
    feed.push(trade(1));
    const pipeline = pipelineOf({ source: feed.make, sink: drained.sink });
    pipeline.drain();
    await pipeline.run();
    expect(drained.stream.at(-1)).toEqual({ type: 'end', how: 'drained' });

    const failed = keepingSink();
    const broken = feedOf(TRADES);
    broken.push(trade(1));
    broken.fail(new Error('connection lost'));
    const report = await pipelineOf({ source: broken.make, sink: failed.sink }).run();
    expect(report).toMatchObject({ outcome: 'failed', rowsPending: 0, error: { code: 'SOURCE_FAILED' } });
    expect(failed.stream.filter((entry) => !isWatermark(entry))).toEqual([
      trade(1),
      { type: 'end', how: 'failed' },
    ]);
  });

  it('of a source that can be replayed is not told when it fails, and nothing is delivered', async () => {
    const { stream, sink } = keepingSink();
    const feed = feedOf(TRADES, { delivery: 'replayable' });
    feed.push(trade(1));
    feed.fail(new Error('cut off'));
    expect(await pipelineOf({ source: feed.make, sink }).run()).toMatchObject({ outcome: 'failed' });
    expect(stream).toEqual([]);
  });

  it('lets rows that a row operator makes of the record go on into bars', async () => {
    const { stream, sink } = keepingSink();
    const feed = feedOf(TRADES);
    feed.push(trade(5, 100), trade(7, 200));
    feed.end();
    const closing = defineRowOperator({
      state: () => ({ last: undefined as Row | undefined }),
      onRow(row, context) {
        context.state.last = { ...row };
      },
      onControl(record, { state, emit }) {
        if (record.type === 'end' && state.last) emit({ ...state.last, price: 9 });
      },
    });
    const pipeline = pipelineOf({
      source: feed.make,
      operators: (context) => [
        closing.create(undefined, TRADES, context),
        barsOperator.create(BarsOptions.parse({ every: '1m', price: 'price' }), TRADES, context),
      ],
      sink,
    });
    await pipeline.run();
    expect(stream.filter((entry) => !isWatermark(entry))).toMatchObject([
      { open: 5, high: 9, close: 9, count: 3 },
      { type: 'end', how: 'completed' },
    ]);
  });

  it('stands in the JSON lines that a failed live source has left, in parts and in one file', async () => {
    const names = ['parts', 'one.jsonl'];
    for (const name of names) {
      const feed = feedOf(TRADES);
      feed.push(trade(1));
      feed.fail(new Error('connection lost'));
      const spec: OpenSpec = {
        name: 'broken',
        sink: { use: 'jsonl', path: join(SCRATCH.folder, name), controls: true },
      };
      const source = {
        plan: () => TRADES,
        create: (_: unknown, context: StageContext) => feed.make(context),
      };
      const report = await createPipeline(spec, { source }).run();
      expect(report).toMatchObject({ outcome: 'failed', counters: { rowsOut: 1 } });
      const text = report.outputs.map((path) => readFileSync(path, 'utf8')).join('');
      expect(text.trim().split('\n').at(-1)).toBe('{"control":"end","how":"failed"}');
    }
  });

  it('leaves no batch with an operator whose pipeline was stopped in the middle', async () => {
    const feed = feedOf(TRADES);
    const pools: BatchPool[] = [];
    const many: (context: StageContext) => Operator = ({ dictionaries }) => {
      const pool = new BatchPool(TRADES, 1, dictionaries);
      pools.push(pool);
      return {
        output: TRADES,
        process(batch, emit) {
          batch.release();
          for (let i = 0; i < 10; i++) emit(Object.assign(pool.acquire(), { length: 1 }));
        },
      };
    };
    const { stream, sink } = keepingSink((taken: Stream) => {
      if (taken.length > 0) pipeline.stop();
    });
    const operators = (context: StageContext) => [many(context), many(context)];
    const pipeline = pipelineOf({ source: feed.make, operators, sink, batcher: { maxRows: 1 } });
    feed.push(trade(1));
    expect(await pipeline.run()).toMatchObject({ outcome: 'stopped' });
    expect(stream.length).toBeLessThan(100);
    expect(pools.map(({ outstanding }) => outstanding)).toEqual([0, 0]);
  });
});
