// Question: how many calls of tryAcquire a second does a thread get answered, clock included?
//
// All are set so that they grant (or, where it says so, refuse) every call. rate-limiter-flexible and
// bottleneck only have an asynchronous form, which is awaited, as their users do: they are compared with
// our `acquire`. `limiter` has a synchronous form. Ways take turns, and the median of the rounds counts,
// in CPU time.
//
// Two threads spend at the same time, each in a loop; what is told is the median of both, in CPU time of the
// thread. `cells` are
// the bare compare-and-swap of a budget on two cells of two threads, side by side in one cache line
// or apart, as the shared table has them: what the padding brings.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import Bottleneck from 'bottleneck';
import { RateLimiter } from 'limiter';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { BudgetInput } from '../src/resilience/rate/budget-options.js';
import { Pacer } from '../src/resilience/rate/pacer.js';
import { RateCoordinator } from '../src/resilience/rate/rate-coordinator.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { cpuNs, median } from './support/measure.js';
import type { SpendTask } from './support/spend-task.js';

const CALLS = 1_000_000;
/** An awaited call takes far longer. */
const AWAITED_CALLS = 100_000;

/** Never spent by one loop, nor by two. */
const AMPLE: BudgetInput = { permitsPerSecond: 1_000_000_000, burst: 1_000_000 };
const SPENT: BudgetInput = { permits: 1, per: '1d' };

interface Way {
  readonly name: string;
  readonly ours: boolean;
  /** Of a peer: our way that does the same. */
  readonly like?: string;
  readonly calls: number;
  loop(calls: number): Promise<void> | void;
}

export default async function benchTryAcquire({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const coordinator = new RateCoordinator({
    providers: { a: AMPLE, b: AMPLE, window: { permits: 60_000, per: '1ms', algorithm: 'rolling' } },
    tenants: { t: AMPLE },
  });
  const ample = new Pacer(AMPLE);
  const spent = new Pacer(SPENT);
  spent.tryAcquire();
  const both = coordinator.limiter({ tenant: 't', provider: 'a' });
  const rolling = coordinator.limiter({ provider: 'window' });
  const flexible = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 3_600 });
  const tokens = new RateLimiter({ tokensPerInterval: 1_000_000_000, interval: 'second' });
  const noTokens = new RateLimiter({ tokensPerInterval: 1, interval: 'day' });
  noTokens.tryRemoveTokens(1);
  const bottleneck = new Bottleneck({ reservoir: Number.MAX_SAFE_INTEGER });
  const nothing = async () => {};

  const calls = quick ? 20_000 : CALLS;
  const awaited = quick ? 2_000 : AWAITED_CALLS;
  const ways: Way[] = [
    // A loop of its own for each: one that called whatever it is given would be measured, too.
    {
      name: 'tickloom, granted',
      ours: true,
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) ample.tryAcquire();
      },
    },
    {
      name: 'tickloom, refused',
      ours: true,
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) spent.tryAcquire();
      },
    },
    {
      name: 'tickloom, tenant and provider',
      ours: true,
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) both.tryAcquire();
      },
    },
    {
      name: 'tickloom, rolling window',
      ours: true,
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) rolling.tryAcquire();
      },
    },
    {
      name: 'tickloom, acquire, awaited',
      ours: true,
      calls: awaited,
      loop: async (count) => {
        for (let i = 0; i < count; i++) await ample.acquire();
      },
    },
    {
      name: 'limiter, granted',
      ours: false,
      like: 'tickloom, granted',
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) tokens.tryRemoveTokens(1);
      },
    },
    {
      name: 'limiter, refused',
      ours: false,
      like: 'tickloom, refused',
      calls,
      loop: (count) => {
        for (let i = 0; i < count; i++) noTokens.tryRemoveTokens(1);
      },
    },
    {
      name: 'rate-limiter-flexible, memory, awaited',
      ours: false,
      like: 'tickloom, acquire, awaited',
      calls: awaited,
      loop: async (count) => {
        for (let i = 0; i < count; i++) await flexible.consume('key', 1);
      },
    },
  ];

  const rounds = quick ? 3 : 15;
  const figures = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const { name, calls: count, loop } of ways) {
      const began = cpuNs();
      await loop(count);
      const seconds = (cpuNs() - began) / 1e9;
      figures.get(name)?.push(count / seconds);
    }
  }
  const results: BenchResult[] = ways.map(({ name, ours, like }) => ({
    name,
    ours,
    like,
    perSecond: median(figures.get(name) ?? []),
    unit: 'calls',
  }));

  // By itself: it sleeps, and what runs after a sleep runs on a processor that has slowed down.
  progress('bottleneck');
  const scheduled = quick ? 20 : 200;
  const began = process.hrtime.bigint();
  for (let i = 0; i < scheduled; i++) await bottleneck.schedule(nothing);
  const perSecond = scheduled / (Number(process.hrtime.bigint() - began) / 1e9);
  results.push({
    name: 'bottleneck, schedule, awaited',
    ours: false,
    like: 'tickloom, acquire, awaited',
    perSecond,
    unit: 'calls',
  });

  const rates = coordinator.handle();
  const cells = new SharedArrayBuffer(1_024);
  const pairs: readonly (readonly [string, readonly SpendTask[]])[] = [
    ['one thread in a worker', [{ way: 'budget', rates, provider: 'a' }]],
    [
      'two threads, one budget',
      [
        { way: 'budget', rates, provider: 'a' },
        { way: 'budget', rates, provider: 'a' },
      ],
    ],
    [
      'two threads, two budgets',
      [
        { way: 'budget', rates, provider: 'a' },
        { way: 'budget', rates, provider: 'b' },
      ],
    ],
    [
      'cells of two threads, 128 bytes apart',
      [
        { way: 'cell', cells, at: 0 },
        { way: 'cell', cells, at: 16 },
      ],
    ],
    [
      'cells of two threads, side by side',
      [
        { way: 'cell', cells, at: 0 },
        { way: 'cell', cells, at: 1 },
      ],
    ],
  ];
  for (const [name, tasks] of pairs) {
    progress(name);
    const runs: number[] = [];
    for (let round = 0; round < (quick ? 1 : 5); round++) runs.push(await spendTogether(tasks, calls * 3));
    results.push({ name, ours: true, perSecond: median(runs), unit: 'calls a thread' });
  }
  coordinator.close();
  await bottleneck.disconnect();
  return results;
}

/** Calls a second of each thread, while all are at it. */
async function spendTogether(tasks: readonly SpendTask[], calls: number): Promise<number> {
  const gate = new SharedArrayBuffer(4);
  const threads = tasks.map(
    (task) =>
      new Worker(new URL('./support/spend.worker.js', import.meta.url), {
        workerData: { task, calls, gate, threads: tasks.length },
      }),
  );
  const answers = await Promise.all(threads.map((thread) => once(thread, 'message')));
  await Promise.all(threads.map((thread) => thread.terminate()));
  return median(answers.map(([perSecond]) => perSecond as number));
}
