import { Bench } from 'tinybench';
import type { BenchContext, RateResult } from './bench-result.js';

/** One way to do the work, a whole run of it. */
interface Way {
  readonly name: string;
  readonly ours: boolean;
  /** Of a peer: the name of ours that does the same. Default: our first one. */
  readonly like?: string;
  /** Rows, ticks and such that a run goes through. */
  readonly count: number;
}

/** One that runs in this process, which measures it. */
export interface Contender extends Way {
  run(): Promise<unknown> | unknown;
}

/** One that runs in another process, which has measured it. */
export interface RemoteContender extends Way {
  runElsewhere(): Promise<RunTimes>;
}

/** What a run took, ms. */
export interface RunTimes {
  readonly wallMs: number;
  /** Processor time of the process, all threads, user and system. */
  readonly cpuMs: number;
}

const RUNS_MIN = 5;
/** What the runs of each contender take in sum, at least. */
const MEASURED_MS = 3_000;
/** One that has run for so long need not wait for the quick ones. */
const ENOUGH_MS = 10_000;

/**
 * Runs the contenders by turns, so that what else the machine does hits all of them, and answers with the
 * rates of their median runs, by wall clock and by CPU time. One run each to warm up; then at least five
 * and three seconds (quick: one run).
 */
export async function measureRates(
  unit: string,
  contenders: readonly (Contender | RemoteContender)[],
  { quick, progress }: BenchContext,
): Promise<RateResult[]> {
  const entries = contenders.map((contender) => ({ contender, runs: [] as RunTimes[] }));
  for (const { contender } of entries) {
    progress(`${contender.name}, to warm up`);
    await timesOf(contender);
  }
  const spentMs = (runs: readonly RunTimes[]) => runs.reduce((sum, { wallMs }) => sum + wallMs, 0);
  const hasAtLeast = (runs: readonly RunTimes[], ms: number) =>
    quick ? runs.length > 0 : runs.length >= RUNS_MIN && spentMs(runs) >= ms;
  for (let round = 1; !entries.every(({ runs }) => hasAtLeast(runs, MEASURED_MS)); round++) {
    progress(`round ${round}`);
    for (const { contender, runs } of entries) {
      if (!hasAtLeast(runs, ENOUGH_MS)) runs.push(await timesOf(contender));
    }
  }
  return entries.map(({ contender: { name, ours, like, count }, runs }) => {
    const [wallMs, cpuMs] = [median(runs.map((run) => run.wallMs)), median(runs.map((run) => run.cpuMs))];
    const a1000Ms = (ms: number) => (count / ms) * 1_000;
    return { name, ours, like, perSecond: a1000Ms(wallMs), perCpuSecond: a1000Ms(cpuMs), unit };
  });
}

async function timesOf(contender: Contender | RemoteContender): Promise<RunTimes> {
  if ('runElsewhere' in contender) return contender.runElsewhere();
  return timesOfRun(() => contender.run());
}

/** Runs it once, with the CPU time of the whole process. */
export async function timesOfRun(run: () => Promise<unknown> | unknown): Promise<RunTimes> {
  let before = process.cpuUsage();
  let cpuMs = Number.NaN;
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true });
  bench.add('run', async () => void (await run()), {
    async: true,
    beforeEach() {
      before = process.cpuUsage();
    },
    afterEach() {
      const { user, system } = process.cpuUsage(before);
      cpuMs = (user + system) / 1_000;
    },
  });
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (result?.state !== 'completed') throw new Error(`a run was not measured: ${result?.state}`);
  return { wallMs: result.latency.p50, cpuMs };
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
