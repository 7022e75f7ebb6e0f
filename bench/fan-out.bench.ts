// Question: what does a tee of two null sinks cost a pipeline, beside one null sink?
//
// All rows that the filter keeps reach the sinks, so that there is nothing behind which the cost could hide. CPU
// time of the process, in turns; told is the median of the rounds, pair by pair. A split of the same rows to two
// routes, and two whole pipelines, show what else one could do.
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';
import { syntheticSpec } from './support/quote-rows.js';
import { runOurs } from './support/run-ours.js';

const ROWS = 10_000_000;
const QUICK_ROWS = 200_000;
const ROUNDS = 9;

const spec = (rows: number, sink: PipelineSpec['sink']): PipelineSpec => ({
  name: 'fan-out',
  source: syntheticSpec({ rows, seed: 7, symbols: 100, intervalUs: 100 }),
  operators: [
    { use: 'filter', where: 'ask > bid and bidSize >= 10' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
  ],
  sink,
});

const NULL = { use: 'null' } as const;

export default async function benchFanOut({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const rows = quick ? QUICK_ROWS : ROWS;
  const one = () => runOurs(spec(rows, NULL));
  const ways = [
    { name: 'one null sink', run: one },
    { name: 'a tee of two', run: () => runOurs(spec(rows, { use: 'tee', branches: [NULL, NULL] })) },
    {
      name: 'a split to two',
      run: () =>
        runOurs(
          spec(rows, {
            use: 'split',
            routes: { even: { when: 'bidSize % 2 = 0', ...NULL } },
            otherwise: NULL,
          }),
        ),
    },
    {
      name: 'two whole pipelines',
      run: async () => {
        await one();
        await one();
      },
    },
  ];
  const rates = ways.map((): number[] => []);
  const costs = ways.map((): number[] => []);
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(round === 0 ? 'warming up' : `round ${round}`);
    const turns = ways.map((_, i) => (i + round) % ways.length);
    const used: number[] = [];
    for (const i of turns) used[i] = await cpuMsOf(ways[i]!.run);
    if (round === 0) continue;
    for (const [i, ms] of used.entries()) {
      rates[i]!.push((rows / ms) * 1_000);
      costs[i]!.push(100 * (ms / used[0]! - 1));
    }
  }
  return [
    ...ways.map(({ name }, i) => ({ name, ours: true, perSecond: median(rates[i]!), unit: 'rows' })),
    ...ways.slice(1).map(({ name }, i) => {
      return {
        name: `${name}, on top of one null sink`,
        ours: true,
        value: median(costs[i + 1]!),
        unit: '%',
      };
    }),
  ];
}

async function cpuMsOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
