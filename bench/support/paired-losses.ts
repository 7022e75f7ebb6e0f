import type { BenchResult } from './bench-result.js';
import { median, middleHalf } from './measure.js';

/** A whole run of the work in one of two ways. Answers with the rows that it went through. */
export type Way = () => Promise<number>;

interface Run {
  readonly rowsPerSecond: number;
  readonly rowsPerCpuSecond: number;
}

/**
 * Runs two ways in turns, and tells what the second loses against the first: by wall time and by CPU time, each
 * as the median of the pairs, with the middle half of them. Each way goes first in every other pair, since what
 * one leaves to the disk is the other's burden. A first pair warms up, and does not count.
 *
 * @param work - Names the work in the results.
 */
export async function pairedLosses(
  work: string,
  ways: readonly [bare: Way, burdened: Way],
  pairs: number,
  progress: (text: string) => void,
): Promise<BenchResult[]> {
  const wall: number[] = [];
  const cpu: number[] = [];
  const rates: number[] = [];
  for (let pair = 0; pair <= pairs; pair++) {
    progress(`${work}: ${pair === 0 ? 'warming up' : `pair ${pair} of ${pairs}`}`);
    const [bare, burdened] = await runPair(ways, pair % 2 === 1);
    if (pair === 0) continue;
    wall.push(lossOf(bare.rowsPerSecond, burdened.rowsPerSecond));
    cpu.push(lossOf(bare.rowsPerCpuSecond, burdened.rowsPerCpuSecond));
    rates.push(bare.rowsPerSecond);
  }
  const result = (name: string, losses: readonly number[]): BenchResult => ({
    name: `${work}: ${name}`,
    ours: true,
    value: median(losses),
    unit: '%',
    middleHalf: middleHalf(losses),
  });
  return [
    { name: `${work}: without checkpoints`, ours: true, perSecond: median(rates), unit: 'rows' },
    result('throughput lost', wall),
    result('… by CPU time', cpu),
  ];
}

async function runPair([bare, burdened]: readonly [Way, Way], isReversed: boolean): Promise<[Run, Run]> {
  if (!isReversed) return [await timed(bare), await timed(burdened)];
  const second = await timed(burdened);
  return [await timed(bare), second];
}

async function timed(way: Way): Promise<Run> {
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const rows = await way();
  const seconds = (performance.now() - began) / 1e3;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { rowsPerSecond: rows / seconds, rowsPerCpuSecond: rows / ((user + system) / 1e6) };
}

/** In percent. */
const lossOf = (bare: number, burdened: number): number => 100 * (1 - burdened / bare);
