// Question: what does a pipeline lose when a budget and a breaker stand before its source?
//
// The pipeline of the bench `pipeline`, bare and with a budget that never refuses and a breaker that
// stays closed, in turns; told is the median of the rounds.

import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { ResilienceCoordinator } from '../src/resilience/resilience-coordinator.js';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';
import { syntheticSpec } from './support/quote-rows.js';

const ROWS = 20_000_000;
const QUICK_ROWS = 300_000;
const ROUNDS = 9;

export default async function benchOrchestration({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const rows = quick ? QUICK_ROWS : ROWS;
  const resilience = new ResilienceCoordinator({
    providers: { feed: { permitsPerSecond: 1_000_000, burst: 1_000_000 } },
    tenants: { desk: { permitsPerSecond: 1_000_000, burst: 1_000_000 } },
    breakers: { feed: { timeWindow: { failureRate: 0.5 } } },
  });
  const bare = spec(rows);
  const guarded: PipelineSpec = {
    ...bare,
    source: { ...bare.source, budget: { provider: 'feed', tenant: 'desk' }, breaker: 'feed' },
  };
  const ways = [
    { name: 'bare', run: () => createPipeline(bare).run() },
    { name: 'with budget and breaker', run: () => createPipeline(guarded, { resilience }).run() },
  ];
  const figures = ways.map((): number[] => []);
  const losses: number[] = [];
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(round === 0 ? 'warming up' : `round ${round}`);
    const rates: number[] = [];
    for (const { name, run } of ways) {
      const began = performance.now();
      const { outcome, counters } = await run();
      if (outcome !== 'completed' || counters.rowsIn !== rows) throw new Error(`"${name}" did not complete`);
      rates.push((rows / (performance.now() - began)) * 1_000);
    }
    if (round === 0) continue;
    for (const [i, rate] of rates.entries()) figures[i]!.push(rate);
    losses.push(100 * (1 - rates[1]! / rates[0]!));
  }
  resilience.close();
  return [
    ...ways.map(({ name }, i) => ({ name, ours: true, perSecond: median(figures[i]!), unit: 'ticks' })),
    { name: 'lost, pair by pair', ours: true, value: median(losses), unit: '%' },
  ];
}

const spec = (rows: number): PipelineSpec => ({
  name: 'orchestration',
  source: syntheticSpec({ rows, seed: 7, symbols: 100, intervalUs: 100 }),
  operators: [
    { use: 'filter', where: 'ask > bid and bidSize >= 10' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink: { use: 'null' },
});
