import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import { type BranchedSettings, branchedPipeline, type SinkSpec } from '../../support/branched-pipeline.js';
import { gatedSink } from '../../support/gated-sink.js';
import { feedOf, keepingSink } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const TRADES: Schema = {
  kind: 'trade',
  columns: [
    { name: 'symbol', type: 'string' },
    { name: 'size', type: 'float64' },
  ],
};

type SplitSpec = Extract<SinkSpec, { readonly split: unknown }>;

const trade = (size: number, symbol = 'A') => ({ symbol, size });
const sizesOf = ({ rows }: { readonly rows: readonly Row[] }) => rows.map(({ size }) => size);

function splitOf(sink: SplitSpec, settings: Partial<BranchedSettings> = {}) {
  const feed = feedOf(TRADES);
  const pipeline = branchedPipeline({ source: feed.make, sink, clock: new SimulatedClock(), ...settings });
  return { feed, pipeline, run: pipeline.run() };
}

describe('split', () => {
  it('gives each row to the first route whose condition holds', async () => {
    const [large, even, rest] = [gatedSink(), gatedSink(), gatedSink()];
    const { feed, run } = splitOf({
      split: {
        large: { when: 'size >= 6', sink: large.sink },
        even: { when: 'size % 2 == 0', sink: even.sink },
      },
      otherwise: { sink: rest.sink },
    });
    feed.push(...[1, 2, 3, 4, 5, 6, 7, 8].map((size) => trade(size)));
    feed.end();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 8, rowsOut: 8 } });
    expect([sizesOf(large), sizesOf(even), sizesOf(rest)]).toEqual([
      [6, 7, 8],
      [2, 4],
      [1, 3, 5],
    ]);
    expect(report.stages.find(({ stage }) => stage === 'sink')?.statistics).toMatchObject({
      rowsUnrouted: 0,
    });
  });

  it('gives each row to all routes whose conditions hold, and counts those that take none', async () => {
    const [large, even] = [gatedSink(), gatedSink()];
    const { feed, run } = splitOf({
      match: 'all',
      split: {
        large: { when: 'size >= 6', sink: large.sink },
        even: { when: 'size % 2 == 0', sink: even.sink },
      },
    });
    feed.push(...[1, 2, 3, 4, 5, 6, 7, 8].map((size) => trade(size)));
    feed.end();
    const report = await run;
    expect([sizesOf(large), sizesOf(even)]).toEqual([
      [6, 7, 8],
      [2, 4, 6, 8],
    ]);
    expect(report.stages.find(({ stage }) => stage === 'sink')?.statistics).toMatchObject({
      rowsUnrouted: 3,
    });
  });

  it('tells all branches of control records, at their places between the rows', async () => {
    const [a, b] = [keepingSink(), keepingSink()];
    const { feed, run } = splitOf({
      split: { a: { when: "symbol = 'A'", sink: a.sink }, b: { when: "symbol = 'B'", sink: b.sink } },
    });
    const reset = { type: 'reset', at: 5n as never, reason: 'why' } as const;
    feed.push(trade(1, 'A'), trade(2, 'B'), reset, trade(3, 'A'));
    feed.end();
    await run;
    const end = { type: 'end', how: 'completed' };
    expect(a.stream).toEqual([trade(1, 'A'), reset, trade(3, 'A'), end]);
    expect(b.stream).toEqual([trade(2, 'B'), reset, end]);
  });

  it('goes on counting the rows without a route from a checkpoint', async () => {
    const saved: Checkpoint[] = [];
    const saver = {
      everyMs: 3_600_000,
      save: async (checkpoint: Checkpoint) => void saved.push(checkpoint),
    };
    const spec = (): SplitSpec => ({ split: { large: { when: 'size > 1', sink: gatedSink().sink } } });
    const clock = new SimulatedClock();
    const before = splitOf(spec(), { saver, clock });
    before.feed.push(trade(1), trade(2));
    await clock.advance(100);
    before.pipeline.suspend();
    await before.run;
    const after = splitOf(spec(), { saver, checkpoint: saved.at(-1)! });
    after.feed.push(trade(1), trade(1));
    after.feed.end();
    const report = await after.run;
    expect(report.stages.find(({ stage }) => stage === 'sink')?.statistics).toMatchObject({
      rowsUnrouted: 3,
    });
  });

  it('divides any rows as the conditions say, one by one', async () => {
    const row = fc.record({ symbol: fc.constantFrom('A', 'B', 'C'), size: fc.integer({ min: 0, max: 9 }) });
    const thresholds = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row, { minLength: 1, maxLength: 20 }), { maxLength: 5 }),
        thresholds,
        fc.constantFrom('first' as const, 'all' as const),
        fc.boolean(),
        async (batches, limits, match, hasOtherwise) => {
          const sinks = [...limits, -1].map(() => gatedSink());
          const routes = Object.fromEntries(
            limits.map((limit, i) => [`r${i}`, { when: `size >= ${limit}`, sink: sinks[i]!.sink }]),
          );
          const otherwise = hasOtherwise && { otherwise: { sink: sinks.at(-1)!.sink } };
          const { feed, run } = splitOf({ split: routes, match, ...otherwise });
          for (const batch of batches) feed.push(...batch);
          feed.end();
          const report = await run;
          expect(report.error).toBeUndefined();
          const rows = batches.flat();
          const takes = (size: number, i: number) =>
            size >= limits[i]! && (match === 'all' || !limits.slice(0, i).some((limit) => size >= limit));
          for (const i of limits.keys()) {
            expect(sinks[i]!.rows).toEqual(rows.filter(({ size }) => takes(size, i)));
          }
          const others = rows.filter(({ size }) => !limits.some((limit) => size >= limit));
          if (hasOtherwise) expect(sinks.at(-1)!.rows).toEqual(others);
          const { rowsUnrouted } = report.stages.find(({ stage }) => stage === 'sink')!.statistics;
          expect(rowsUnrouted).toBe(hasOtherwise ? 0 : others.length);
        },
      ),
      { numRuns: 50 },
    );
  });
});
