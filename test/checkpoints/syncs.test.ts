import { readdirSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { Row } from '../../src/columns/row-view.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { SyncGate } from '../../src/shared-memory/sync-gate.js';
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

const SINKS = {
  'a directory of Parquet': { use: 'parquet', path: 'parquet' },
  'a directory of CSV': { use: 'csv', path: 'csv' },
  'a directory of packed CSV': { use: 'csv', path: 'packed', compression: 'gzip' },
  'one file of CSV': { use: 'csv', path: 'one.csv' },
  'one packed file': { use: 'csv', path: 'one.csv.gz' },
  'five hundred partitions': { use: 'csv', path: 'parted', partitionBy: ['symbol'], openPartsMax: 512 },
} as const;

describe.each(Object.entries(SINKS))('a checkpoint of a run into %s', (_name, { path, ...sink }) => {
  it('takes four syncs at most, whatever is new', async () => {
    const isParted = path === 'parted';
    const { factory, push, whenAsked } = feed();
    const pipeline = createPipeline(
      {
        name: path,
        sink: { ...sink, path: `${SCRATCH.folder}/${path}` },
        deadLetter: { path: `${SCRATCH.folder}/${path}.dead.jsonl` },
      } as never, // of a sink whose options differ
      {
        source: factory,
        key: 'run',
        store: new FileCheckpointStore(`${SCRATCH.folder}/${path}.checkpoints`),
      },
    );
    const syncs = vi.spyOn(SyncGate.prototype, 'run');
    const opened = whenAsked();
    const run = pipeline.run();
    await opened;
    const costOfCheckpoint = async () => {
      syncs.mockClear();
      await pipeline.checkpoint();
      return syncs.mock.calls.length;
    };
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
      costs[name] = await costOfCheckpoint();
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
    await pipeline.stop();
    await run;
  });
});
