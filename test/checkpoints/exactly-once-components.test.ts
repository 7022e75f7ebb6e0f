import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { defineComponent } from '../../src/engine/component.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { scratchFolder } from '../support/recorded-data.js';
import { TransactionalTable } from '../support/transactional-table.js';
import '../support/property-seed.js';

const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 4);
const TIME_LIMIT = 60_000 + ROUNDS * 20_000;
const ROWS = 400;

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TICKS = SCRATCH.write(
  'ticks.csv',
  `time,symbol,price,size\n${Array.from(
    { length: ROWS },
    (_, i) => `${1_700_000_000_000 + i * 13},${'AB'[i % 2]},${100 + ((i * 7) % 31)},${1 + (i % 5)}`,
  ).join('\n')}\n`,
);
const REPLAY = {
  use: 'replay',
  path: TICKS,
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price', size: 'size' },
};
const SYNTHETIC = { use: 'synthetic', rows: ROWS, symbols: 3 };
const MODULE = SCRATCH.write(
  'counting.mjs',
  `export default {
    plan: (options, input) => input,
    create: (options, input) => {
      let rows = 0;
      return {
        output: input,
        process(batch, emit) {
          const price = batch.float64('price');
          for (let row = 0; row < batch.length; row++) price[row] += rows++;
          emit(batch);
        },
        snapshot: () => rows,
        restore: (saved) => { rows = saved; },
      };
    },
  };`,
);

/** A spec for each component that takes part: `path` is where its sink writes, if it is one. */
const SPECS: Readonly<Record<string, (path: string) => object>> = {
  'source replay': () => ({ source: REPLAY }),
  'source synthetic': () => ({ source: SYNTHETIC }),
  'source merge': () => ({ source: { use: 'merge', sources: [SYNTHETIC, { ...SYNTHETIC, seed: 9 }] } }),
  'source router': () => ({ source: { use: 'router', sources: [REPLAY, REPLAY] } }),
  'operator asof': () => ({
    source: REPLAY,
    operators: [
      {
        use: 'asof',
        with: { ...SYNTHETIC, start: '2023-11-14T22:13:20Z', rate: 'max' },
        take: { other: 'bid' },
      },
    ],
  }),
  'operator bars': () => ({ source: REPLAY, operators: [{ use: 'bars', every: '100ms' }] }),
  'operator derive': () => ({
    source: REPLAY,
    operators: [{ use: 'derive', columns: { paid: 'price * size' } }],
  }),
  'operator filter': () => ({ source: REPLAY, operators: [{ use: 'filter', where: 'price > 110' }] }),
  'operator select': () => ({ source: REPLAY, operators: [{ use: 'select', columns: ['time', 'price'] }] }),
  'operator sessions': () => ({
    source: REPLAY,
    operators: [{ use: 'sessions', calendar: 'XNYS', hours: 'extended', keep: 'closed' }],
  }),
  'operator module': () => ({ source: REPLAY, operators: [{ use: 'module', path: MODULE }] }),
  'batcher smart': () => ({ source: REPLAY, batcher: { use: 'smart', maxRows: 7, key: 'symbol' } }),
  'sink csv': (path) => ({ source: REPLAY, sink: { use: 'csv', path, rotate: { rows: 60 } } }),
  'sink jsonl': (path) => ({ source: REPLAY, sink: { use: 'jsonl', path, rotate: { rows: 60 } } }),
  'sink parquet': (path) => ({ source: REPLAY, sink: { use: 'parquet', path, rotate: { rows: 60 } } }),
  'sink null': () => ({ source: REPLAY, sink: { use: 'null' } }),
  'sink tee': (path) => ({
    source: REPLAY,
    sink: {
      use: 'tee',
      branches: [
        { use: 'csv', path: `${path}/all` },
        { use: 'jsonl', path: `${path}/bars`, operators: [{ use: 'bars', every: '200ms' }] },
      ],
    },
  }),
  'sink split': (path) => ({
    source: REPLAY,
    sink: {
      use: 'split',
      routes: { high: { when: 'price > 115', use: 'csv', path: `${path}/high` } },
      otherwise: { use: 'jsonl', path: `${path}/low` },
    },
  }),
};

/** These are options of theirs, and their tests run against a venue: `test/providers`. */
const PROVIDERS = builtIn.all('source').filter(({ provider }) => provider);

const nameOf = ({ kind, name }: { readonly kind: string; readonly name: string }) => `${kind} ${name}`;

/** `test/stages/sinks/postgres/lost-connections.test.ts` and `test/threads/duckdb-kills.test.ts` kill them. */
const IN_DATABASES: ReadonlySet<string> = new Set(['postgres', 'duckdb']);

describe('the components that take part in checkpoints', () => {
  it('are run here, all of them', () => {
    const fit = builtIn
      .all()
      .filter(
        (component) => typeof component.exactlyOnce !== 'object' && !PROVIDERS.includes(component as never),
      );
    // Those of a database are run beside their server.
    const here = fit.filter(({ name }) => !IN_DATABASES.has(name));
    expect(Object.keys(SPECS).sort()).toEqual(here.map(nameOf).sort());
  });
});

/** All rows of all files, by folder: parts in the order of their names, of which a start and a checkpoint may begin one. */
async function rowsIn(folder: string): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {};
  const visit = async (inside: string) => {
    for (const name of readdirSync(join(folder, inside)).sort()) {
      const path = join(inside, name);
      if (name.startsWith('.')) continue;
      if (statSync(join(folder, path)).isDirectory()) await visit(path);
      else found[inside] = [...(found[inside] ?? []), ...(await rowsOf(join(folder, path)))];
    }
  };
  await visit('.');
  return found;
}

async function rowsOf(path: string): Promise<unknown[]> {
  if (path.endsWith('.parquet')) return parquetReadObjects({ file: await asyncBufferFromFile(path) });
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return path.endsWith('.csv') ? lines.slice(1) : lines;
}

/** An operator that changes nothing, and tells the test of each batch. */
const tap = (onBatch: () => void) =>
  defineComponent({
    kind: 'operator',
    name: 'tap',
    summary: 'Of the test.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, input) => ({
        output: input,
        stateless: true,
        process(batch, emit) {
          onBatch();
          emit(batch);
        },
      }),
    }),
  });

const COUNTS = [
  'rowsIn',
  'rowsDerived',
  'rowsFiltered',
  'rowsFolded',
  'rowsDropped',
  'rowsOut',
  'rowsLate',
] as const;
const countsOf = ({ counters }: PipelineReport) => COUNTS.map((name) => [name, counters[name]]);

let outputs = 0;

/** Starts one run as often as it takes, and returns what it has left behind. */
async function outcomeOf(
  specOf: (path: string) => object,
  kills: readonly number[],
  checkpointEvery: number,
) {
  const path = `${SCRATCH.folder}/out-${outputs++}`;
  SCRATCH.makeFolder(path.slice(SCRATCH.folder.length + 1));
  const { operators = [], ...of } = specOf(join(path, 'rows')) as { operators?: object[]; sink?: object };
  const spec = {
    name: 'walked',
    delivery: 'exactly-once',
    batchRows: 16,
    batcher: { maxRows: 16 },
    sink: { use: 'null' },
    ...of,
    operators: [{ use: 'tap' }, ...operators],
  } as unknown as OpenSpec;
  const table = of.sink ? undefined : new TransactionalTable();
  const store = new MemoryCheckpointStore();
  const start = (killAt: number): Promise<PipelineReport> => {
    let batches = 0;
    const pipeline = createPipeline(spec, {
      store,
      ...(table && { sink: table.sink() as never }),
      components: [
        tap(() => {
          if (++batches === killAt) void pipeline.stop();
          else if (batches % checkpointEvery === 0) pipeline.checkpoint().catch(() => undefined);
        }),
      ],
    });
    return pipeline.run();
  };
  let report: PipelineReport | undefined;
  for (const killAt of [...kills, Number.POSITIVE_INFINITY]) {
    report = await start(killAt);
    if (report.outcome !== 'stopped') break;
  }
  expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  // A checkpoint closes the batches of all keys, so the order between keys is another one.
  const rows = table?.visible.toSorted((a, b) => Number((a.time as bigint) - (b.time as bigint)));
  return { rows, files: await rowsIn(path), counts: countsOf(report!) };
}

describe.each(Object.entries(SPECS))('%s', (_name, specOf) => {
  it(
    'gives each row once, wherever the run is killed, and however often',
    async () => {
      const whole = await outcomeOf(specOf, [], 1_000);
      expect(whole.counts).toContainEqual(['rowsOut', expect.any(Number)]);
      const kills = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(kills, fc.integer({ min: 1, max: 6 }), async (killsAt, every) => {
          expect(await outcomeOf(specOf, killsAt, every)).toEqual(whole);
        }),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );
});
