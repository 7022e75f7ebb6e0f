// Question: what does a checkpoint each second cost a pipeline, and what does one save?
//
// The pipeline of the bench `csv-to-parquet`, without a store and with one of plain files, in turns; told
// is the median of the rounds. A run takes some seconds, so that there are checkpoints in it; the two that
// its end takes are in it, too. Of saves, medians of some hundred in a row.
import { join } from 'node:path';
import { encodeCheckpoint } from '../src/checkpoints/checkpoint-codec.js';
import { FileCheckpointStore } from '../src/checkpoints/file-checkpoint-store.js';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import type { Checkpoint } from '../src/wire/checkpoint.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';
import { replaySpec, writeQuotesFile } from './support/quotes-file.js';

const ROWS = 16_000_000;
const QUICK_ROWS = 300_000;
const ROUNDS = 7;
const SAVES = 200;
const QUICK_SAVES = 5;
/** Open windows of as many symbols. */
const LARGE_SYMBOLS = 20_000;
const MANY_SYMBOLS = [1_000, 100_000];

export default async function benchCheckpoint({
  directory,
  quick,
  progress,
}: BenchContext): Promise<BenchResult[]> {
  const rows = quick ? QUICK_ROWS : ROWS;
  const csv = join(directory, 'quotes.csv');
  progress('making the file');
  await writeQuotesFile(csv, { rows, seed: 11, symbols: 10, intervalUs: 10_000 });
  const store = new FileCheckpointStore(join(directory, 'checkpoints'));
  let checkpoints = 0;
  const counting = {
    load: (key: string) => store.load(key),
    claim: (...of: Parameters<typeof store.claim>) => store.claim(...of),
    list: () => store.list(),
    remove: (key: string) => store.remove(key),
    save: (...of: Parameters<typeof store.save>) => {
      checkpoints++;
      return store.save(...of);
    },
  };
  const spec = (name: string): PipelineSpec => ({
    name,
    source: replaySpec(csv),
    operators: [
      { use: 'filter', where: 'bid > 0 and ask >= bid' },
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'bars', every: '1m', price: 'mid' },
    ],
    sink: { use: 'parquet', path: join(directory, name), ifExists: 'replace' },
  });
  const ways = [
    { name: 'without checkpoints', run: () => createPipeline(spec('bare')).run() },
    {
      name: 'with one each second',
      run: () => createPipeline(spec('kept'), { store: counting, checkpointEveryMs: 1_000 }).run(),
    },
  ];
  const figures = ways.map((): number[] => []);
  const losses: number[] = [];
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(round === 0 ? 'warming up' : `round ${round}`);
    if (round === 1) checkpoints = 0;
    const rates: number[] = [0, 0];
    // Each goes first in every other round: what one leaves to the disk is the other's burden.
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const { name, run } = ways[i]!;
      const began = performance.now();
      const { outcome, counters, error } = await run();
      if (outcome !== 'completed' || counters.rowsIn !== rows) {
        throw new Error(`"${name}" did not complete: ${error?.message}`);
      }
      rates[i] = (rows / (performance.now() - began)) * 1_000;
    }
    if (round === 0) continue;
    for (const [i, rate] of rates.entries()) figures[i]!.push(rate);
    losses.push(100 * (1 - rates[1]! / rates[0]!));
  }
  const saved = (await store.load('kept'))!;
  return [
    ...ways.map(({ name }, i) => ({ name, ours: true, perSecond: median(figures[i]!), unit: 'rows' })),
    { name: 'lost, pair by pair', ours: true, value: median(losses), unit: '%' },
    { name: 'checkpoints a run', ours: true, value: checkpoints / losses.length, unit: '' },
    ...(await costsOfSaves(store, saved, quick ? QUICK_SAVES : SAVES, progress)),
  ];
}

async function costsOfSaves(
  store: FileCheckpointStore,
  small: Checkpoint,
  saves: number,
  progress: BenchContext['progress'],
): Promise<BenchResult[]> {
  const lines = Array.from({ length: LARGE_SYMBOLS }, (_, i) => ({
    symbol: i,
    open: 100 + i / 7,
    high: 101 + i / 7,
    low: 99 + i / 7,
    close: 100.5 + i / 7,
    volume: i * 31,
    from: String(1_700_000_000_000_000_000n + BigInt(i)),
  }));
  const large: Checkpoint = {
    ...small,
    states: { ...small.states, 'operators[0]': lines },
    dictionaries: { symbol: symbolsOf(LARGE_SYMBOLS) },
  };
  const results: BenchResult[] = [];
  for (const checkpoint of [small, large]) {
    const kilobytes = Math.round(encodeCheckpoint(checkpoint).length / 1_024);
    progress(`saving ${kilobytes} kB`);
    const [cost] = await costOf(store, [{ first: checkpoint, next: () => checkpoint }], saves);
    results.push(...resultsOf(`one save of ${kilobytes} kB`, cost!));
  }
  progress('saving many symbols');
  const counts = MANY_SYMBOLS.map((count) => {
    const symbol = symbolsOf(count + saves);
    const of = (size: number) => ({ ...small, dictionaries: { symbol: symbol.slice(0, size) } });
    return { first: of(count), next: (save: number) => of(count + save + 1) };
  });
  const costs = await costOf(store, counts, saves);
  for (const [i, count] of MANY_SYMBOLS.entries()) {
    results.push(
      ...resultsOf(`one save with ${count.toLocaleString('en')} symbols, one of them new`, costs[i]!),
    );
  }
  return results;
}

interface Saved {
  /** Saved before the measuring. */
  readonly first: Checkpoint;
  next(save: number): Checkpoint;
}

interface Cost {
  readonly savedMs: number[];
  /** Until the call returns: all that the thread encodes. */
  readonly encodedMs: number[];
}

/** Each under a key of its own, in turns. */
async function costOf(
  store: FileCheckpointStore,
  contenders: readonly Saved[],
  saves: number,
): Promise<Cost[]> {
  const costs = contenders.map((): Cost => ({ savedMs: [], encodedMs: [] }));
  const keys = contenders.map((_, i) => `saves-${i}`);
  const fences = await Promise.all(contenders.map(({ first }, i) => store.claim(keys[i]!, first.run.owner)));
  for (const [i, { first }] of contenders.entries()) await store.save(keys[i]!, fences[i]!, first);
  for (let save = 0; save < saves; save++) {
    for (const [i, { next }] of contenders.entries()) {
      const checkpoint = next(save);
      const began = performance.now();
      const saved = store.save(keys[i]!, fences[i]!, checkpoint);
      costs[i]!.encodedMs.push(performance.now() - began);
      await saved;
      costs[i]!.savedMs.push(performance.now() - began);
    }
  }
  return costs;
}

const resultsOf = (name: string, { savedMs, encodedMs }: Cost): BenchResult[] => [
  { name, ours: true, value: median(savedMs), unit: 'ms' },
  { name: '… of which this thread encodes', ours: true, value: median(encodedMs), unit: 'ms' },
];

const symbolsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `SYM${i}`);
