// Question: does the cost of a commit grow with the parts that are there, or that of a checkpoint with
// those that are open? And what do 200 pipelines with a checkpoint each second cost?
//
// Parts that are there are empty files under names of ours: a commit does not look at them. The rest is
// the sinks of the product, from the call to its end on the disk, syncs included.
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FileCheckpointStore } from '../src/checkpoints/file-checkpoint-store.js';
import { Batch } from '../src/columns/batch.js';
import { DictionarySet } from '../src/columns/dictionary.js';
import type { Schema } from '../src/columns/schema.js';
import { systemClock } from '../src/core/clock.js';
import { unlimitedGate } from '../src/engine/call-gate.js';
import { stopOnReject } from '../src/engine/rejects.js';
import type { StageContext } from '../src/engine/stage.js';
import { partName } from '../src/outputs/parts/part-name.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import { ParquetSinkOptions } from '../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../src/stages/sinks/parquet/parquet.js';
import { silentLogger } from '../src/telemetry/logger.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const PARTS_THERE = [10, 10_000];
const PARTS_OPEN = [1, 20, 500];
const TURNS = 40;
const QUICK_TURNS = 3;
const PIPELINES = 200;
const QUICK_PIPELINES = 10;
const SECONDS = 8;
const QUICK_SECONDS = 2;

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64' },
  ],
};
const ROWS = 5_000;

export default async function benchCommit(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const turns = quick ? QUICK_TURNS : TURNS;
  const results: BenchResult[] = [];
  for (const count of PARTS_THERE) {
    progress(`${count} parts there`);
    const path = join(directory, `there-${count}`);
    await mkdir(path);
    for (let sequence = 1; sequence <= count; sequence++) {
      await writeFile(
        join(path, partName('other', { run: 'a'.repeat(10), epoch: 1, sequence }, 'parquet')),
        '',
      );
    }
    const folder = await open(path);
    await folder.sync(); // they are not the commit's to make durable
    await folder.close();
    const ms = await costsOfTurns(path, {}, 1, turns, true);
    results.push({ name: `commit of one part, ${count} there`, ours: true, value: median(ms), unit: 'ms' });
  }
  for (const count of PARTS_OPEN) {
    progress(`${count} parts open`);
    const options = { partitionBy: ['symbol'], openPartsMax: Math.max(...PARTS_OPEN) };
    const ms = await costsOfTurns(join(directory, `open-${count}`), options, count, turns, false);
    results.push({ name: `checkpoint, ${count} parts open`, ours: true, value: median(ms), unit: 'ms' });
  }
  const pipelines = quick ? QUICK_PIPELINES : PIPELINES;
  for (const isKept of [false, true]) {
    progress(`${pipelines} pipelines`);
    const folder = join(directory, `many-${isKept}`);
    const { cpuMs, checkpoints } = await runMany(folder, pipelines, quick ? QUICK_SECONDS : SECONDS, isKept);
    const name = `${pipelines} pipelines ${isKept ? 'with a checkpoint each second' : 'without checkpoints'}`;
    results.push({ name: `${name}, CPU a second`, ours: true, value: cpuMs, unit: 'ms' });
    if (isKept) results.push({ name: '… checkpoints a second', ours: true, value: checkpoints, unit: '' });
  }
  return results;
}

/** Ms that each turn takes to make 5,000 rows count: without the encoding of rows, which is before it. */
async function costsOfTurns(
  path: string,
  options: Record<string, unknown>,
  symbols: number,
  turns: number,
  isEnd: boolean,
): Promise<number[]> {
  const dictionaries = new DictionarySet();
  const context: StageContext = {
    job: 'bench',
    id: 'sink',
    clock: systemClock,
    seed: 1,
    log: silentLogger,
    dictionaries,
    memory: dictionaries.memory,
    batchRows: ROWS,
    inputs: {},
    branches: {},
    wake() {},
    rejects: stopOnReject(),
    gate: unlimitedGate,
    stream: { order: { scope: 'all', maxDelayNs: 0 }, bounded: true },
    checkpointed: true,
    epoch: 1,
  };
  const sink = parquetSink.create(
    ParquetSinkOptions.parse({ path, ifExists: 'append', ...options }),
    SCHEMA,
    context,
  );
  await sink.open();
  const ms: number[] = [];
  for (let turn = 0; turn < turns + 2; turn++) {
    await sink.write(batchOf(dictionaries, turn, symbols));
    const began = performance.now();
    const { position } = await sink.prepare(isEnd);
    await sink.commit(position);
    if (turn >= 2) ms.push(performance.now() - began);
  }
  await sink.flush();
  await sink.close();
  return ms;
}

function batchOf(dictionaries: DictionarySet, turn: number, symbols: number): Batch {
  const batch = new Batch(SCHEMA, ROWS, dictionaries);
  const ids = batch.int32('symbol');
  const names = dictionaries.get('symbol');
  const prices = batch.float64('price');
  for (let row = 0; row < ROWS; row++) {
    ids[row] = names.idOf(`SYM${row % symbols}`);
    prices[row] = 100 + ((turn * ROWS + row) % 977) / 100;
  }
  batch.length = ROWS;
  return batch;
}

async function runMany(folder: string, count: number, seconds: number, isKept: boolean) {
  const store = new FileCheckpointStore(join(folder, 'checkpoints'));
  let checkpoints = 0;
  const counting = {
    load: (key: string) => store.load(key),
    claim: (...of: Parameters<typeof store.claim>) => store.claim(...of),
    list: () => store.list(),
    remove: (key: string) => store.remove(key),
    save: async (...of: Parameters<typeof store.save>) => {
      await store.save(...of);
      checkpoints++;
    },
  };
  const pipelines = Array.from({ length: count }, (_, i) =>
    createPipeline(
      {
        name: `many-${i}`,
        source: { use: 'synthetic', symbols: 5, rate: 200 },
        sink: { use: 'parquet', path: join(folder, `out-${i}`) },
      },
      isKept ? { store: counting, checkpointEveryMs: 1_000 } : {},
    ),
  );
  const ends = pipelines.map((pipeline) => pipeline.run());
  await setTimeout(3_000); // all are open
  const from = process.cpuUsage();
  const before = checkpoints;
  await setTimeout(seconds * 1_000);
  const { user, system } = process.cpuUsage(from);
  const taken = checkpoints - before;
  for (const pipeline of pipelines) pipeline.drain();
  for (const report of await Promise.all(ends)) {
    if (report.outcome !== 'completed')
      throw new Error(`a pipeline ${report.outcome}: ${report.error?.message}`);
  }
  return { cpuMs: (user + system) / 1_000 / seconds, checkpoints: taken / seconds };
}
