// Question: what does a pipeline lose when its source stands in a router, and nothing ever fails?
//
// The pipeline of the bench `pipeline`, with its source bare and as the only source of a router, in turns; told is the
// median of the rounds. Once more with a column `sequence`, whose last number the router keeps for each symbol.

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
  const merged = { use: 'merge', sources: [{ ...source, operators: [NUMBERED] }] } as const;
  const ways = [
    { name: 'bare', spec: spec(source) },
    { name: 'in a router', spec: spec({ use: 'router', sources: [source] }) },
    // Operators of an input run before those of the pipeline, so a merge of one is what compares.
    { name: 'with numbers, in a merge of one', spec: spec(merged) },
    {
      name: 'with numbers, in a router',
      spec: spec({
        use: 'router',
        sequence: { scope: 'symbol', step: 'up' },
        sources: [{ ...source, operators: [NUMBERED] }],
      }),
    },
  ];
  const figures = ways.map((): number[] => []);
  const losses: number[] = [];
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(round === 0 ? 'warming up' : `round ${round}`);
    const rates: number[] = [];
    for (const { name, spec } of ways) {
      const before = process.cpuUsage();
      const { outcome, counters, error } = await createPipeline(spec).run();
      const { user, system } = process.cpuUsage(before);
      if (outcome !== 'completed' || counters.rowsIn !== rows) {
        throw new Error(`"${name}" did not complete: ${error?.message}`);
      }
      rates.push((rows / (user + system)) * 1_000_000);
    }
    if (round === 0) continue;
    for (const [i, rate] of rates.entries()) figures[i]!.push(rate);
    losses.push(100 * (1 - rates[1]! / rates[0]!));
  }
  return [
    ...ways.map(({ name }, i) => ({
      name: `${name} (CPU)`,
      ours: true,
      perSecond: median(figures[i]!),
      unit: 'ticks',
    })),
    { name: 'lost in a router, pair by pair', ours: true, value: median(losses), unit: '%' },
  ];
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
