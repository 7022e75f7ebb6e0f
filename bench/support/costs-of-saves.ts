import { encodeCheckpoint } from '../../src/checkpoints/checkpoint-codec.js';
import type { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { BenchContext, BenchResult } from './bench-result.js';
import { median } from './measure.js';

const SAVES = 200;
const QUICK_SAVES = 5;
/** Open windows of as many symbols. */
const LARGE_SYMBOLS = 20_000;
const MANY_SYMBOLS = [1_000, 100_000];

/**
 * What a save costs, as medians of some hundred in a row: of a small checkpoint, of a large one, and of one
 * with many strings of which one is new.
 *
 * @param small - A checkpoint of a run, to vary.
 */
export async function costsOfSaves(
  store: FileCheckpointStore,
  small: Checkpoint,
  { quick, progress }: Pick<BenchContext, 'quick' | 'progress'>,
): Promise<BenchResult[]> {
  const saves = quick ? QUICK_SAVES : SAVES;
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
