// Question: what does a burst of submits cost the main thread, and for how long does it stand still?
//
// Ten thousand submits at once while all threads are in use, so that nothing but submitting is measured; and
// 300 jobs that start on 256 threads. The longest turn is the longest time from one turn of the event loop to
// the next one. On Linux, both are told in CPU time of the main thread, too: what else the machine does counts
// for wall time alone. Runs the package as built.
import { createRuntime, type JobHandle } from 'tickloom';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';
import { Turns, type TurnTimes } from './support/turns.js';

const ROUNDS = 5;
const SUBMITS = [1_000, 10_000];
const STARTS = 300;
const THREADS = 256;

export default async function benchSubmits({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  await burst(100); // loads the code
  for (const count of quick ? [200] : SUBMITS) {
    const rounds: TurnTimes[] = [];
    for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
      progress(`${count} submits, round ${round + 1}`);
      rounds.push(await burst(count));
    }
    results.push(...told(`${count} submits`, rounds));
  }
  const starts = quick ? 8 : STARTS;
  progress(`${starts} jobs on ${THREADS} threads`);
  results.push(...told(`${starts} jobs that start`, [await start(starts)]));
  return results;
}

function told(what: string, rounds: readonly TurnTimes[]): BenchResult[] {
  const figures = [
    [what, 'ms'],
    [`${what}, CPU of the main thread`, 'cpuMs'],
    [`${what}, longest turn`, 'longestMs'],
    [`${what}, longest turn, CPU`, 'longestCpuMs'],
  ] as const;
  return figures.map(([name, key]) => ({
    name,
    ours: true,
    value: median(rounds.map((round) => round[key])),
    unit: 'ms',
  }));
}

const spec = (name: string, rows?: number): PipelineSpec => ({
  name,
  source: { use: 'synthetic', ...(rows === undefined ? {} : { rows }) },
  operators: [
    { use: 'filter', where: 'bid > 0' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink: { use: 'null' },
});

/** Submits that all wait behind one job, which has the only thread. */
async function burst(count: number): Promise<TurnTimes> {
  const runtime = await createRuntime({ maxThreads: 1 });
  const first = await runtime.submit(spec('first'));
  const turns = new Turns();
  const jobs = await Promise.all(Array.from({ length: count }, (_, i) => runtime.submit(spec(`job${i}`))));
  const taken = await turns.end();
  await Promise.all(jobs.map((job) => job.stop()));
  await first.stop();
  await runtime.close();
  return taken;
}

/** Jobs that all start at once, as many as may be in threads of their own. */
async function start(count: number): Promise<TurnTimes> {
  const runtime = await createRuntime({ maxThreads: THREADS });
  const turns = new Turns();
  const jobs = await Promise.all(
    Array.from({ length: count }, (_, i): Promise<JobHandle> => runtime.submit(spec(`job${i}`, 1_000))),
  );
  const reports = await Promise.all(jobs.map(({ outcome }) => outcome));
  const taken = await turns.end();
  const failed = reports.find(({ outcome }) => outcome !== 'completed');
  if (failed) throw new Error(`"${failed.name}" ${failed.outcome}: ${failed.error?.message}`);
  await runtime.close();
  return taken;
}
