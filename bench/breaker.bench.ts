// Question: what does a breaker cost a call that it lets through?
//
// The call is an async function that gives a number, so that nothing but the guard is there to be
// measured. A cost is that over the bare call: per way, ns of CPU time of its loop less that of the bare
// one. Ways take turns, and the median of the rounds counts. A peer is compared with our breaker of the
// same condition.
//
// Threads of their own use one breaker, one alone or two at the same time, each in a loop; what is told is
// the median of all, in CPU time of the thread, less the bare call in the same threads at the same time.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  CountBreaker,
  circuitBreaker,
  handleAll,
  SamplingBreaker,
} from 'cockatiel';
import OpossumBreaker from 'opossum';
import type { BreakerOptions } from '../src/resilience/breaker/breaker-options.js';
import { createBreaker } from '../src/resilience/breaker/create-breaker.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import {
  type BreakerAnswer,
  type BreakerTask,
  bareCall,
  bareLoop,
  breakerLoop,
  permitLoop,
} from './support/breaker-loops.js';
import { cpuNs, median } from './support/measure.js';

const CALLS = 200_000;
const CONDITIONS: readonly { readonly name: string; readonly options: BreakerOptions }[] = [
  { name: 'failures in a row', options: { name: 'bench', failuresInRow: 5 } },
  { name: 'count window', options: { name: 'bench', countWindow: { size: 100, failureRate: 0.5 } } },
  { name: 'time window', options: { name: 'bench', timeWindow: { lengthMs: 10_000, failureRate: 0.5 } } },
];

interface Way {
  readonly name: string;
  readonly ours: boolean;
  /** Of a peer: our way with the same condition. */
  readonly like?: string;
  loop(calls: number): Promise<void> | void;
}

export default async function benchBreaker({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const breakers = CONDITIONS.map(({ name, options }) => ({ name, breaker: createBreaker(options) }));
  const consecutive = circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(5) });
  const counting = circuitBreaker(handleAll, {
    halfOpenAfter: 5_000,
    breaker: new CountBreaker({ threshold: 0.5, size: 100 }),
  });
  const sampling = circuitBreaker(handleAll, {
    halfOpenAfter: 5_000,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
  });
  const opossum = new OpossumBreaker(bareCall, { timeout: false });
  const ways: Way[] = [
    ...breakers.map(({ name, breaker }) => ({
      name: `execute, ${name}`,
      ours: true,
      loop: (calls: number) => breakerLoop(breaker, calls),
    })),
    ...breakers.map(({ name, breaker }) => ({
      name: `permit, ${name}`,
      ours: true,
      loop: (calls: number) => permitLoop(breaker, calls),
    })),
    peer('cockatiel', 'failures in a row', (calls) => policyLoop(consecutive, calls)),
    peer('cockatiel', 'count window', (calls) => policyLoop(counting, calls)),
    peer('cockatiel', 'time window', (calls) => policyLoop(sampling, calls)),
    peer('opossum', 'time window', (calls) => fireLoop(opossum, calls)),
  ];

  const calls = quick ? 2_000 : CALLS;
  const rounds = quick ? 3 : 31;
  const figures = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const bare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    bare.push(await nsACall(bareLoop, calls));
    for (const { name, loop } of ways) figures.get(name)?.push(await nsACall(loop, calls));
  }
  const bareNs = median(bare);
  const results: BenchResult[] = ways.map(({ name, ours, like }) => {
    const ns = median(figures.get(name) ?? []);
    // A permit is taken and ended without a call: there is nothing to be taken off.
    return { name, ours, like, value: name.startsWith('permit') ? ns : ns - bareNs, unit: 'ns' };
  });
  for (const { name, breaker } of breakers) {
    for (const way of ['execute', 'permit'] as const) {
      for (const threads of [1, 2]) {
        const who = threads === 1 ? 'a thread of its own' : 'two threads';
        progress(`${who}, ${way}, ${name}`);
        const costs: number[] = [];
        for (let round = 0; round < (quick ? 1 : 5); round++) {
          costs.push(...(await inThreads({ handle: breaker.handle(), way, calls: calls * 2, threads })));
        }
        results.push({ name: `${way}, ${name}, ${who}`, ours: true, value: median(costs), unit: 'ns' });
      }
    }
  }
  results.push({ name: 'the bare call itself', ours: true, value: bareNs, unit: 'ns' });
  for (const { breaker } of breakers) breaker.close();
  opossum.shutdown();
  return results;
}

const peer = (who: string, condition: string, loop: Way['loop']): Way => ({
  name: `${who}, ${condition}`,
  ours: false,
  like: `execute, ${condition}`,
  loop,
});

async function nsACall(loop: (calls: number) => Promise<void> | void, calls: number): Promise<number> {
  const began = cpuNs();
  await loop(calls);
  return (cpuNs() - began) / calls;
}

async function policyLoop(policy: CircuitBreakerPolicy, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await policy.execute(bareCall);
}

async function fireLoop(breaker: OpossumBreaker<[], number>, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await breaker.fire();
}

/** What a call costs each of the threads, in ns, while all are at it. */
async function inThreads(task: Omit<BreakerTask, 'gate'>): Promise<number[]> {
  const gate = new SharedArrayBuffer(8);
  const threads = Array.from(
    { length: task.threads },
    () =>
      new Worker(new URL('./support/breaker.worker.js', import.meta.url), { workerData: { ...task, gate } }),
  );
  const answers = await Promise.all(threads.map((thread) => once(thread, 'message')));
  return answers.map(([answer]) => {
    const { ns, bareNs } = answer as BreakerAnswer;
    return task.way === 'permit' ? ns : ns - bareNs;
  });
}
