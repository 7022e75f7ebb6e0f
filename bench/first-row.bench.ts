// Question: how long does it take from `submit` to the first row, on a new thread and on a warm one?
//
// For scale: a bare Node thread that posts one message.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createRuntime, type PipelineRuntime } from '../src/runtime/runtime.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const RUNS = 20;
const QUICK_RUNS = 5;

const spec = {
  name: 'first-row',
  source: { use: 'synthetic', rows: 10_000 },
  operators: [
    { use: 'filter', where: 'bid > 0' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink: { use: 'null' },
};

export default async function benchFirstRow({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const runs = quick ? QUICK_RUNS : RUNS;
  const inMs = async (name: string, ours: boolean, measure: () => Promise<number>) => {
    progress(name);
    await measure(); // the first one loads code and fills the caches of the file system
    const values: number[] = [];
    for (let run = 0; run < runs; run++) values.push(await measure());
    return { name, ours, value: median(values), unit: 'ms' };
  };

  const cold = await inMs('submit → first row, new thread', true, async () => {
    const runtime = await createRuntime();
    try {
      return await firstRowMs(runtime);
    } finally {
      await runtime.close();
    }
  });
  const runtime = await createRuntime({ warmThreads: 1 });
  try {
    const warm = await inMs('submit → first row, warm thread', true, () => firstRowMs(runtime));
    const bare = await inMs('bare Node thread → first message', false, bareThreadMs);
    return [cold, warm, bare];
  } finally {
    await runtime.close();
  }
}

async function firstRowMs(runtime: PipelineRuntime): Promise<number> {
  const submitted = process.hrtime.bigint();
  const job = await runtime.submit(spec);
  const { outcome, counters, error } = await job.outcome;
  if (outcome !== 'completed') throw new Error(`The job ${outcome}: ${error?.message}`);
  await sleep(20); // the thread becomes idle
  return (counters.firstRowAtNs - Number(submitted)) / 1e6;
}

async function bareThreadMs(): Promise<number> {
  const began = performance.now();
  const worker = new Worker(new URL('./support/idle.worker.js', import.meta.url));
  await once(worker, 'message');
  const ms = performance.now() - began;
  await worker.terminate();
  return ms;
}
