// Question: how much of a budget is left unused when everybody wants more than there is, and who gets it?
//
// Threads acquire in loops for ten seconds. Unused is what was not granted of burst + rate × time.
// The heavy call (cost = burst) competes with light ones of other threads; told is its longest wait,
// of which burst ÷ rate (100 ms) is its due. Tenants of weight 3 and 1 have two threads each: told is
// by how many per cent the share of the first is off 75 %.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RateCoordinator } from '../src/resilience/rate/rate-coordinator.js';
import type { ScopeRef } from '../src/resilience/rate/scope-ref.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import type { Saturated, SaturateTask } from './support/saturate-task.js';

const DURATION_MS = 10_000;
const QUICK_MS = 500;
const BUDGETS = {
  '1,000/s, burst 50': { permits: 1_000, per: '1s', burst: 50 },
  '20,000/s, burst 1,000': { permits: 20_000, per: '1s', burst: 1_000 },
} as const;

interface Share {
  readonly ref: ScopeRef;
  readonly loops: number;
  readonly cost?: number;
}

export default async function benchSaturation({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const durationMs = quick ? QUICK_MS : DURATION_MS;
  const results: BenchResult[] = [];
  const ref = { provider: 'p' };
  for (const [name, budget] of Object.entries(BUDGETS)) {
    for (const threads of [1, 4, 16]) {
      progress(`${name}, ${threads} threads`);
      const shares = Array.from({ length: threads }, () => ({ ref, loops: 32 }));
      const got = await saturate({ providers: { p: budget } }, shares, durationMs);
      const granted = got.reduce((sum, { permits }) => sum + permits, 0);
      const due = budget.burst + (budget.permits * durationMs) / 1_000;
      results.push({
        name: `unused of ${name}, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
        ours: true,
        value: 100 - (100 * granted) / due,
        unit: '%',
      });
    }
  }

  progress('a heavy call among light ones');
  const light = Array.from({ length: 3 }, () => ({ ref, loops: 32 }));
  const heavy = { ref, loops: 1, cost: 100 };
  const budget = { permits: 1_000, per: '1s', burst: 100 };
  const [heavyGot] = await saturate({ providers: { p: budget } }, [heavy, ...light], durationMs);
  results.push({ name: 'longest wait of a heavy call', ours: true, value: heavyGot!.waitMsMax, unit: 'ms' });

  progress('tenants of weight 3 and 1');
  const tenants = { a: { weight: 3 }, b: { weight: 1 } };
  const shares = ['a', 'a', 'b', 'b'].map((tenant) => ({ ref: { provider: 'p', tenant }, loops: 32 }));
  const got = await saturate({ providers: { p: BUDGETS['1,000/s, burst 50'] }, tenants }, shares, durationMs);
  const [a1 = 0, a2 = 0, b1 = 0, b2 = 0] = got.map(({ permits }) => permits);
  const share = (a1 + a2) / (a1 + a2 + b1 + b2);
  results.push({
    name: 'share of weight 3 against 1, off 75 %',
    ours: true,
    value: 100 * Math.abs(share - 0.75),
    unit: '%',
  });
  return results;
}

async function saturate(
  budgets: ConstructorParameters<typeof RateCoordinator>[0],
  shares: readonly Share[],
  durationMs: number,
): Promise<Saturated[]> {
  const coordinator = new RateCoordinator(budgets);
  const gate = new SharedArrayBuffer(16);
  const workers = shares.map(({ ref, loops, cost = 1 }) => {
    const task: SaturateTask = {
      rates: coordinator.handle(),
      ref,
      loops,
      cost,
      gate,
      threads: shares.length,
      durationMs,
    };
    return new Worker(new URL('./support/saturate.worker.js', import.meta.url), { workerData: task });
  });
  const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
  coordinator.close();
  return answers.map(([answer]) => answer as Saturated);
}
