// Question: what does a pipeline lose when its source stands in a router, and nothing ever fails?
//
// The pipeline of the bench `pipeline`, with its source bare and as the only source of a router, in turns, by CPU time;
// told is the median of the rounds. Then a router with a column `sequence`, whose last number it keeps for each symbol,
// beside one that does not.

import type { PipelineSpec, SourceSpec } from '../src/plan/typed-spec.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';
import { syntheticSpec } from './support/quote-rows.js';

const ROWS = 20_000_000;
const QUICK_ROWS = 300_000;
const ROUNDS = 9;

/** Numbers that cost nothing but their column. */
const NUMBERED = { use: 'derive', columns: { sequence: 'bidSize' } } as const;

export default async function benchRouter({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const rows = quick ? QUICK_ROWS : ROWS;
  const source = syntheticSpec({ rows, seed: 7, symbols: 100, intervalUs: 100 });
  const numbered = [{ ...source, operators: [NUMBERED] }];
  const numbers = { scope: 'symbol', step: 'up' } as const;
  // One pair after the other: a thread that has run much else runs all of it slower.
  const pairs: readonly Pair[] = [
    { name: 'a router', from: source, to: { use: 'router', sources: [source] } },
    {
      // Operators of an input cost more than those of the pipeline, so a router without numbers is what compares.
      name: 'keeping numbers by symbol',
      from: { use: 'router', sources: numbered },
      to: { use: 'router', sources: numbered, sequence: numbers },
    },
  ];
  const results: BenchResult[] = [];
  for (const pair of pairs) results.push(...(await measurePair(pair, { rows, quick, progress })));
  return results;
}

/** A source without something, and with it. */
interface Pair {
  readonly name: string;
  readonly from: SourceSpec;
  readonly to: SourceSpec;
}

async function measurePair(
  { name, from, to }: Pair,
  { rows, quick, progress }: { rows: number } & Pick<BenchContext, 'quick' | 'progress'>,
): Promise<BenchResult[]> {
  const ways = [
    { way: `without ${name}`, spec: spec(from), rates: [] as number[] },
    { way: `with ${name}`, spec: spec(to), rates: [] as number[] },
  ];
  const losses: number[] = [];
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(`${name}, ${round === 0 ? 'warming up' : `round ${round}`}`);
    const now = [];
    for (const { way, spec } of ways) now.push(await ticksPerCpuSecond(way, spec, rows));
    if (round === 0) continue;
    for (const [i, { rates }] of ways.entries()) rates.push(now[i]!);
    losses.push(100 * (1 - now[1]! / now[0]!));
  }
  return [
    ...ways.map(({ way, rates }) => {
      return { name: way, ours: true, perSecond: median(rates), unit: 'ticks' } as const;
    }),
    { name: `lost with ${name}, pair by pair`, ours: true, value: median(losses), unit: '%' },
  ];
}

/** By CPU time: what else the machine does hardly shows in it. */
async function ticksPerCpuSecond(way: string, spec: PipelineSpec, rows: number): Promise<number> {
  const before = process.cpuUsage();
  const { outcome, counters, error } = await createPipeline(spec).run();
  const { user, system } = process.cpuUsage(before);
  if (outcome !== 'completed' || counters.rowsIn !== rows) {
    throw new Error(`"${way}" did not complete: ${error?.message}`);
  }
  return (rows / (user + system)) * 1_000_000;
}

const spec = (source: SourceSpec): PipelineSpec => ({
  name: 'router',
  source,
  operators: [
    { use: 'filter', where: 'ask > bid and bidSize >= 10' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink: { use: 'null' },
});
