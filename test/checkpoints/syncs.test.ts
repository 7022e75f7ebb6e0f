import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { Row } from '../../src/columns/row-view.js';
import type { SinkFactory, SourceFactory } from '../../src/engine/factories.js';
import type { OpenFilesLimits } from '../../src/outputs/staging/open-files.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { SyncTurns } from '../../src/shared-memory/sync-turns.js';
import { csvSink } from '../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../src/stages/sinks/csv/options.js';
import { ParquetSinkOptions } from '../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../src/stages/sinks/parquet/parquet.js';
import { batchOf } from '../support/batch-rows.js';
import { TRADES } from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
afterEach(() => vi.restoreAllMocks());

interface Reading {
  readonly rows: readonly Row[];
  readonly bad: number;
  readonly raw: string;
}

/** A source of rows and of bad ones, in the hands of the test. */
function feed() {
  const queue: (Reading | null)[] = [];
  let arrived = () => {};
  let asked = () => {};
  let rowsRejected = 0;
  const factory: SourceFactory<unknown> = {
    plan: () => TRADES,
    create: (_options, { dictionaries, rejects }) => ({
      schema: TRADES,
      capabilities: { delivery: 'replayable', bounded: false },
      get rowsRejected() {
        return rowsRejected;
      },
      async read() {
        while (queue.length === 0) {
          asked();
          await new Promise<void>((resolve) => {
            arrived = resolve;
          });
        }
        const next = queue.shift();
        if (!next) return null;
        for (let i = 0; i < next.bad; i++) {
          const line = ++rowsRejected;
          rejects.add({ file: 'feed', line, expected: 'a price', found: 'none', raw: next.raw });
        }
        return batchOf(TRADES, dictionaries, next.rows);
      },
      stop: () => put(null),
      position: () => null,
      resume() {},
    }),
  };
  const put = (reading: Reading | null) => {
    queue.push(reading);
    arrived();
  };
  const whenAsked = () =>
    new Promise<void>((resolve) => {
      asked = resolve;
    });
  /** Settles once the pipeline has taken it. */
  const push = (rows: readonly Row[], bad = 0, raw = '') => {
    const taken = whenAsked();
    put({ rows, bad, raw });
    return taken;
  };
  return { factory, push, whenAsked };
}

let time = 1_704_067_200_000_000_000n;
/** As many rows, with symbols counted from one on. */
const trades = (count: number, from = 0, symbols = 1): Row[] =>
  Array.from({ length: count }, (_, i) => {
    time += 1_000n;
    return { time, symbol: `SYMBOL${from + (i % symbols)}`, price: 100 + (i % 977) / 100 };
  });
/** More strings than a checkpoint says itself. */
const MANY = 8_000;
const FLOOD = 'more bad rows than it says itself';

/** A batch of `MANY` rows is many times what may wait, or what a journal begins anew at. */
const GROWN: OpenFilesLimits = { journalBytesMax: 10_000, unsyncedBytesMax: 2_000, waitingBytesMax: 8_000 };

const SINKS = {
  'a directory of Parquet': { use: 'parquet', path: 'parquet' },
  'a directory of CSV': { use: 'csv', path: 'csv' },
  'a directory of packed CSV': { use: 'csv', path: 'packed', compression: 'gzip' },
  'one file of CSV': { use: 'csv', path: 'one.csv' },
  'one packed file': { use: 'csv', path: 'one.csv.gz' },
  'five hundred partitions': { use: 'csv', path: 'parted', partitionBy: ['symbol'], openPartsMax: 512 },
} as const;

const FACTORIES = { csv: [csvSink, CsvSinkOptions], parquet: [parquetSink, ParquetSinkOptions] } as const;

/** The sink of a spec, whose limits for files that grow are the test's. */
function limited({ use, ...options }: { readonly use: keyof typeof FACTORIES }, limits: OpenFilesLimits) {
  const [sink, schema] = FACTORIES[use];
  const parsed = schema.parse(options) as never; // the options of this sink
  let written = () => {};
  const factory: SinkFactory<unknown> = {
    create: (_options, input, context) => {
      const made = sink.create(parsed, input, context, undefined, limits);
      const write = made.write.bind(made);
      made.write = (batch) => write(batch).then(() => written());
      return made;
    },
  };
  const whenWritten = () =>
    new Promise<void>((resolve) => {
      written = resolve;
    });
  return { factory, whenWritten };
}

/** A run that is under way, with checkpoints when the test says so. Each `MANY` rows are a batch. */
async function started(
  name: string,
  sink: { readonly use: 'csv' | 'parquet' | 'tee' } | SinkFactory<unknown>,
) {
  const { factory, push, whenAsked } = feed();
  const pipeline = createPipeline(
    {
      name,
      ...('use' in sink && { sink }),
      batcher: { maxRows: MANY },
      deadLetter: { path: `${SCRATCH.folder}/${name}.dead.jsonl` },
    } as never, // of a sink whose options differ
    {
      source: factory,
      ...('create' in sink && { sink }),
      key: 'run',
      checkpointEveryMs: 86_400_000, // so that none is taken but those that the test asks for
      store: new FileCheckpointStore(`${SCRATCH.folder}/${name}.checkpoints`),
    },
  );
  const syncs = vi.spyOn(SyncTurns.prototype, 'run');
  const opened = whenAsked();
  const run = pipeline.run();
  await Promise.race([opened, run]);
  /** How many syncs are made until nothing is under way. */
  const syncsOf = async (act: () => Promise<unknown>) => {
    syncs.mockClear();
    await act();
    for (let seen = -1; seen < syncs.mock.results.length; ) {
      seen = syncs.mock.results.length;
      await Promise.allSettled(syncs.mock.results.map(({ value }) => value as Promise<unknown>));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return syncs.mock.calls.length;
  };
  const stop = async () => {
    await pipeline.stop();
    return run;
  };
  return { push, syncsOf, checkpoint: () => pipeline.checkpoint(), stop };
}

describe.each(Object.entries(SINKS))('a checkpoint of a run into %s', (_name, { path, ...sink }) => {
  it('takes four syncs at most, whatever is new', async () => {
    const isParted = path === 'parted';
    const into = { ...sink, path: `${SCRATCH.folder}/${path}` };
    const { push, syncsOf, checkpoint, stop } = await started(path, into);
    const costs: Record<string, number> = {};
    const symbols = isParted ? 500 : MANY;
    const cases: readonly (readonly [string, readonly Row[], number, string])[] = [
      ['the first, and all is new', trades(MANY, 0, symbols), 3, ''],
      ['a few rows', trades(10), 0, ''],
      ['a few rows again', trades(10), 0, ''],
      ['rows and bad rows', trades(10), 3, ''],
      ['many strings', trades(MANY, isParted ? 0 : MANY, symbols), 0, ''],
      ['many rows, strings and bad rows', trades(4 * MANY, isParted ? 0 : 2 * MANY, symbols), 3, ''],
      ['nothing but bad rows', trades(1), 10, ''],
      [FLOOD, trades(10), 1_500, 'x'.repeat(1_000)],
      ['rows behind these', trades(10), 1, ''],
      [`${FLOOD} again`, trades(10), 1_500, 'x'.repeat(1_000)],
    ];
    for (const [name, rows, bad, raw] of cases) {
      await push(rows, bad, raw);
      costs[name] = await syncsOf(checkpoint);
    }
    // A file of dead letters is synced by itself when there are many, the first time with its folders.
    const own: Record<string, number> = { [FLOOD]: 3, [`${FLOOD} again`]: 1 };
    for (const [name, cost] of Object.entries(costs)) {
      expect(cost, name).toBeLessThanOrEqual(4 + (own[name] ?? 0));
    }
    // The journal or the file, the checkpoint and its name: nothing was lost on the way to so few.
    for (const [name, cost] of Object.entries(costs)) expect(cost, name).toBeGreaterThanOrEqual(3);
    const inStore = readdirSync(`${SCRATCH.folder}/${path}.checkpoints/run`);
    expect(inStore.some((name) => name.endsWith('.strings'))).toBe(!isParted);
    await stop();
  });

  it('takes no more however far the files have grown, since they are synced as they grow', async () => {
    const name = `grown-${path}`;
    const grouped = sink.use === 'parquet' ? { rowGroupRows: 1_024 } : {};
    const into = { ...sink, ...grouped, path: `${SCRATCH.folder}/${name}` };
    const { factory, whenWritten } = limited(into, GROWN);
    const { push, syncsOf, checkpoint, stop } = await started(name, factory);
    const folder = `${SCRATCH.folder}/.${basename(into.path)}.tickloom`;
    const journals = new Set<string>();
    let behind = 0;
    for (let turn = 0; turn < 8; turn++) {
      behind += await syncsOf(() => Promise.all([push(trades(MANY, 0, 20)), whenWritten()]));
      const cost = await syncsOf(checkpoint);
      expect([turn, cost]).toEqual([turn, expect.toSatisfy((syncs: number) => syncs >= 3 && syncs <= 4)]);
      for (const found of readdirSync(folder, { recursive: true }) as string[]) {
        if (found.includes('journal-')) journals.add(found);
      }
    }
    expect(behind).toBeGreaterThan(4);
    // Text alone, in one file, needs none.
    if (path === 'parquet' || path === 'parted') expect(journals.size).toBeGreaterThan(1);
    expect((await stop()).error).toBeUndefined();
  });
});

describe('a checkpoint of a run into several branches', () => {
  it('takes two syncs at most for each of them, and two for the store', async () => {
    const sinks = [
      { use: 'parquet', path: 'parquet' },
      { use: 'csv', path: 'packed', compression: 'gzip' },
      { use: 'csv', path: 'one.csv' },
    ];
    const branches = sinks.map((sink) => ({ ...sink, path: `${SCRATCH.folder}/tee/${sink.path}` }));
    const tee = { use: 'tee', branches } as const;
    const { push, syncsOf, checkpoint, stop } = await started('tee', tee);
    for (const rows of [trades(MANY), trades(10), trades(10), trades(MANY, MANY)]) {
      await push(rows);
      const cost = await syncsOf(checkpoint);
      expect(cost).toBeLessThanOrEqual(2 * sinks.length + 2);
      expect(cost).toBeGreaterThanOrEqual(sinks.length + 2);
    }
    expect((await stop()).error).toBeUndefined();
  });
});
