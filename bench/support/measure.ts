import { Bench } from 'tinybench';
import type { BenchContext, RateResult } from './bench-result.js';

/** One way to do the work: a whole run of it. */
export interface Contender {
  readonly name: string;
  readonly ours: boolean;
  /** Rows, ticks and such that a run goes through. */
  readonly count: number;
  run(): Promise<unknown> | unknown;
}

/**
 * Runs each contender again and again and answers with the rate of its median run. One run to warm
 * up; then at least three runs and some seconds (quick: one run).
 */
export async function measureRates(
  unit: string,
  contenders: readonly Contender[],
  { quick, progress }: BenchContext,
): Promise<RateResult[]> {
  const results: RateResult[] = [];
  for (const { name, ours, count, run } of contenders) {
    progress(name);
    const medianMs = await medianRunMs(name, async () => void (await run()), quick);
    results.push({ name, ours, perSecond: (count / medianMs) * 1_000, unit });
  }
  return results;
}

async function medianRunMs(name: string, run: () => Promise<void>, quick: boolean): Promise<number> {
  const bench = new Bench({
    iterations: quick ? 1 : 3,
    time: quick ? 1 : 3_000,
    warmupIterations: 1,
    warmupTime: 1,
    throws: true,
  }).add(name, run, { async: true });
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (result?.state !== 'completed') throw new Error(`"${name}" was not measured: ${result?.state}`);
  return result.latency.p50;
}

/** The middle one of an odd number of values, else the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The lowest and the highest of the values without a quarter of them at each end. */
export function middleHalf(values: readonly number[]): [low: number, high: number] {
  const sorted = [...values].sort((a, b) => a - b);
  const quarter = values.length >> 2;
  return [sorted[quarter] ?? Number.NaN, sorted[values.length - 1 - quarter] ?? Number.NaN];
}

/** CPU time of this process so far, in ns: what a shared machine does meanwhile hardly shows in it. */
export function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}
