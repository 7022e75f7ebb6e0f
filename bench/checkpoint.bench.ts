// Question: what does a checkpoint each second cost a pipeline, and what does one save?
//
// The pipelines of the benches `csv-to-parquet` and `ticks-to-parquet`, each without a store and with one of
// plain files, in turns. A run takes about ten seconds, so that there are as many checkpoints in it; the two that
// its end takes are in it, too. The middle half of the pairs says how much of a loss is noise.
import { join } from 'node:path';
import { FileCheckpointStore } from '../src/checkpoints/file-checkpoint-store.js';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { costsOfSaves } from './support/costs-of-saves.js';
import { pairedLosses } from './support/paired-losses.js';
import { replaySpec, writeQuotesFile } from './support/quotes-file.js';

const ROWS = 40_000_000;
const QUICK_ROWS = 300_000;
const PAIRS = 15;
const EVERY_MS = 1_000;

export default async function benchCheckpoint(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const rows = quick ? QUICK_ROWS : ROWS;
  const csv = join(directory, 'quotes.csv');
  progress('making the file');
  await writeQuotesFile(csv, { rows, seed: 11, symbols: 10, intervalUs: 10_000 });

  const store = new CountingStore(join(directory, 'checkpoints'));
  const results: BenchResult[] = [];
  for (const [work, operators] of Object.entries(WORK)) {
    const spec = (name: string): PipelineSpec => ({
      name,
      source: replaySpec(csv),
      operators,
      sink: { use: 'parquet', path: join(directory, name), ifExists: 'replace' },
    });
    const bare = () => runToEnd(spec(`${work}-bare`), rows);
    const kept = () => runToEnd(spec(work), rows, { store, checkpointEveryMs: EVERY_MS });
    results.push(...(await pairedLosses(work, [bare, kept], quick ? 1 : PAIRS, progress)));
    const perRun = store.takeSaves() / (1 + (quick ? 1 : PAIRS));
    results.push({ name: `${work}: checkpoints a run`, ours: true, value: perRun, unit: '' });
  }
  // As one of a run that goes on: what the last run has left says that it has ended.
  const { ended: _, ...saved } = (await store.load('bars'))!;
  return [...results, ...(await costsOfSaves(store, saved, context))];
}

const WORK: Readonly<Record<'bars' | 'ticks', NonNullable<PipelineSpec['operators']>>> = {
  bars: [
    { use: 'filter', where: 'bid > 0 and ask >= bid' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1m', price: 'mid' },
  ],
  ticks: [],
};

class CountingStore extends FileCheckpointStore {
  #saves = 0;

  override save(...args: Parameters<FileCheckpointStore['save']>): Promise<void> {
    this.#saves++;
    return super.save(...args);
  }

  /** How many there were since the last call. */
  takeSaves(): number {
    const saves = this.#saves;
    this.#saves = 0;
    return saves;
  }
}

/** @returns The rows that it went through. */
async function runToEnd(
  spec: PipelineSpec,
  rows: number,
  options: { readonly store?: FileCheckpointStore; readonly checkpointEveryMs?: number } = {},
): Promise<number> {
  const { outcome, counters, error } = await createPipeline(spec, options).run();
  if (outcome !== 'completed' || counters.rowsIn !== rows) {
    throw new Error(`"${spec.name}" did not complete: ${error?.message}`);
  }
  return counters.rowsIn;
}
