import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../src/columns/row-view.js';
import { sleep } from '../../src/core/clock.js';
import { Random } from '../../src/core/random.js';
import { millis } from '../../src/core/units.js';
import { type Component, defineComponent } from '../../src/engine/component.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { buryRuns, globbed } from '../support/file-runs.js';
import { gatedSink } from '../support/gated-sink.js';
import { liveComponent, NUMBERS, nestedStages } from '../support/nested-stages.js';
import { feedOf } from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { numbersOf, one } from '../support/tee-of.js';
import { TransactionalTable } from '../support/transactional-table.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** A sink as a component: each `name` is a table that outlives the runs. Its writes take some time. */
function tables() {
  const byName = new Map<string, TransactionalTable>();
  const tableOf = (name: string): TransactionalTable => {
    const table = byName.get(name) ?? new TransactionalTable();
    byName.set(name, table);
    return table;
  };
  const component: Component = defineComponent({
    kind: 'sink',
    name: 'table',
    summary: 'Keeps rows.',
    options: async () => z.strictObject({ of: z.string(), delayMs: z.int().default(0) }),
    load: async () => ({
      create({ of, delayMs }, input, context) {
        const wait = async () => {
          if (delayMs > 0) await sleep(context.clock, millis(delayMs));
        };
        return tableOf(of).sink(wait).create({}, input, context);
      },
    }),
  });
  const numbers = (name: string) => tableOf(name).visible.map(({ n }) => n as number);
  return { component, tableOf, numbers };
}

const asSpec = (spec: object): OpenSpec =>
  ({ name: 'branched', batcher: { maxRows: 4 }, ...spec }) as OpenSpec;

/** Lets time pass until a run ends. */
async function ended(clock: SimulatedClock, run: Promise<PipelineReport>): Promise<PipelineReport> {
  let report: PipelineReport | undefined;
  run.then((of) => {
    report = of;
  });
  for (let turn = 0; turn < 2_000 && !report; turn++) await clock.advance(20);
  if (!report) throw new Error('the run is stuck');
  return report;
}

/** Lets what reads and writes files get on: that takes real time. */
const turnOfRealTime = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

/** Runs a spec to its end, and drops it some times on the way: each start goes on from the last checkpoint. */
async function inManyStarts(spec: object, drops: number, seed: number, options: PipelineOptions) {
  const random = new Random(seed);
  const store = new MemoryCheckpointStore();
  for (let drop = 0; ; drop++) {
    const clock = new SimulatedClock();
    const pipeline = createPipeline(asSpec(spec), { store, clock, checkpointEveryMs: 10, ...options });
    await pipeline.build();
    const run = pipeline.run();
    if (drop === drops) return ended(clock, run);
    await clock.advance(Math.ceil(random.next() * 150)); // then its time stands still for ever
  }
}

describe('a branch with an operator that reads an input of its own', () => {
  const side = { use: 'counting', from: 1_000, rows: 200, batch: 7 };
  const spec = (of: string, delayMs: number) => ({
    source: { use: 'counting', rows: 120, batch: 3 },
    sink: {
      use: 'tee',
      branches: [
        {
          use: 'table',
          of: `${of} zipped`,
          delayMs,
          operators: [{ use: 'zip', with: side, operators: [{ use: 'running' }, { use: 'splitting' }] }],
          batcher: { maxRows: 5 },
          queue: { rows: 6 },
        },
        { use: 'table', of: `${of} plain`, operators: [{ use: 'running' }] },
      ],
    },
  });

  it('has both at one place in every checkpoint, wherever it is dropped', async () => {
    const { component, numbers } = tables();
    const components = [...nestedStages(), component];
    const whole = await createPipeline(asSpec(spec('whole', 0)), { components }).run();
    expect(whole).toMatchObject({ outcome: 'completed' });
    expect(numbers('whole zipped')).toHaveLength(120);
    for (let seed = 1; seed <= 6; seed++) {
      const report = await inManyStarts(spec(`${seed}`, 3), 4, seed, { components });
      expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 120, rowsOut: 120 } });
      expect(numbers(`${seed} zipped`)).toEqual(numbers('whole zipped'));
      expect(numbers(`${seed} plain`)).toEqual(numbers('whole plain'));
    }
  });
});

describe('a live input inside a branch', () => {
  async function live() {
    const clock = new SimulatedClock();
    const [main, side] = [feedOf(NUMBERS), feedOf(NUMBERS)];
    const sources = Object.entries({ main, side }).map(([name, { make }]) =>
      liveComponent(name, (_, context) => make(context), NUMBERS),
    );
    const kept = gatedSink();
    const gated = defineComponent({
      kind: 'sink',
      name: 'gated',
      summary: 'In the hands of the test.',
      options: async () => z.strictObject({}),
      load: async () => ({ create: () => kept.sink }),
    });
    const branch = { use: 'gated', batcher: one, operators: [{ use: 'weave', with: { use: 'side' } }] };
    const pipeline = createPipeline(
      asSpec({ source: { use: 'main' }, batcher: one, sink: { use: 'tee', branches: [branch] } }),
      { clock, components: [...nestedStages(), ...sources, gated] },
    );
    const built = await pipeline.build();
    const run = pipeline.run();
    await clock.advance(1);
    return { clock, main, side, kept, pipeline: built, run };
  }

  it('is drained once the rows of the branch are through, however far it is behind', async () => {
    const { clock, main, side, kept, pipeline, run } = await live();
    const goOn = kept.hold('write');
    for (const n of [1, 2, 3]) main.push({ n });
    await clock.advance(10);
    pipeline.drain();
    await clock.advance(1_000);
    side.push({ n: 100 });
    await clock.advance(10);
    goOn();
    await clock.advance(10);
    expect(await ended(clock, run)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(numbersOf(kept).sort()).toEqual([1, 100, 2, 3]);
    expect(clock.timersPending).toBe(0);
  });

  it('is drained at once where only it is waited for', async () => {
    const { clock, main, side, kept, pipeline, run } = await live();
    main.push({ n: 1 });
    main.end();
    await clock.advance(50);
    side.push({ n: 2 });
    await clock.advance(50);
    pipeline.drain();
    expect(await ended(clock, run)).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(kept)).toEqual([1, 2]);
  });
});

describe('branches that write files', () => {
  it('hold every row once, however often the run is dropped', async () => {
    const ROWS = 150;
    const delaying = defineComponent({
      kind: 'operator',
      name: 'delaying',
      summary: 'Takes its time.',
      options: async () => z.strictObject({ delayMs: z.int() }),
      load: async () => ({
        plan: (_options, input) => input,
        create: ({ delayMs }, output, { clock }) => ({
          output,
          async process(batch, emit) {
            await sleep(clock, millis(delayMs));
            emit(batch);
          },
        }),
      }),
    });
    for (let seed = 1; seed <= 3; seed++) {
      const folder = `${SCRATCH.folder}/files-${seed}`;
      const [parts, one] = [`${folder}/parts`, `${folder}/rest`];
      const spec = {
        source: {
          use: 'synthetic',
          rows: ROWS,
          symbols: 3,
          start: '2024-01-01T00:00:00Z',
          interval: '1s',
        },
        batchRows: 8,
        sink: {
          use: 'tee',
          branches: [
            {
              use: 'jsonl',
              path: parts,
              rotate: { rows: 20 },
              ifExists: 'append',
              operators: [{ use: 'delaying', delayMs: 7 }],
              queue: { rows: 16 },
            },
            {
              use: 'split',
              routes: { none: { when: 'bid < 0', use: 'null' } },
              otherwise: { use: 'jsonl', path: one, rotate: { rows: 33 }, ifExists: 'append' },
            },
          ],
        },
      };
      const random = new Random(seed);
      const store = new MemoryCheckpointStore();
      let report: PipelineReport | undefined;
      for (let start = 0; !report; start++) {
        const clock = new SimulatedClock();
        const options = { store, clock, checkpointEveryMs: 10, components: [delaying] };
        const pipeline = createPipeline(asSpec(spec), options);
        await pipeline.build();
        void pipeline.run().then((of) => {
          report = of;
        });
        const until = start < 5 ? Math.ceil(random.next() * 12) : 5_000;
        for (let turn = 0; turn < until && !report; turn++) {
          await clock.advance(5);
          await turnOfRealTime();
        }
        if (report) break;
        buryRuns(parts);
        buryRuns(one);
      }
      expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: ROWS } });
      const all = Array.from({ length: ROWS }, (_, i) => i);
      expect([seed, globbed(parts)]).toEqual([seed, all]);
      expect([seed, globbed(one)]).toEqual([seed, all]);
    }
  });
});

describe('a branch behind a batcher with a key', () => {
  it('makes the bars of rows that come in another order than they were read', async () => {
    const { component, tableOf } = tables();
    const bars = { operators: [{ use: 'bars', every: '10s', price: 'bid' }], batcher: { maxRows: 3 } };
    const spec = (of: string, key: object) => ({
      source: { use: 'synthetic', rows: 600, symbols: 5, interval: '200ms', seed: 3 },
      batchRows: 32,
      batcher: { maxRows: 7, ...key },
      sink: { use: 'tee', branches: [{ use: 'table', of, ...bars }] },
    });
    const bySymbol = (rows: readonly Row[]) =>
      [...rows].sort((a, b) => (`${a.symbol}${a.time}` < `${b.symbol}${b.time}` ? -1 : 1));
    for (const [of, key] of Object.entries({ plain: {}, keyed: { key: 'symbol' } })) {
      const report = await createPipeline(asSpec(spec(of, key)), { components: [component] }).run();
      expect(report.error).toBeUndefined();
    }
    expect(tableOf('plain').visible.length).toBeGreaterThan(10);
    expect(bySymbol(tableOf('keyed').visible)).toEqual(bySymbol(tableOf('plain').visible));
  });
});
