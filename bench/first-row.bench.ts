// Question: how long does it take from `submit` to the first row, on a new thread and on a warm one?
//
// For scale: a bare Node thread, CommonJS as ours, that posts one message. The three take turns, so that what
// else the machine does hits all of them. Runs the package as built: how it is bundled is most of the answer.

import { setTimeout as sleep } from 'node:timers/promises';
import { createRuntime, type PipelineRuntime } from 'tickloom';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { bareThreadMs } from './support/bare-thread.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const RUNS = 20;
const QUICK_RUNS = 5;

const spec: PipelineSpec = {
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
  const warm = await createRuntime({ warmThreads: 1 });
  const contenders = [
    { name: 'submit → first row, new thread', ours: true, measure: newThreadMs },
    { name: 'submit → first row, warm thread', ours: true, measure: () => firstRowMs(warm) },
    { name: 'bare Node thread → first message', ours: false, measure: bareThreadMs },
  ].map((contender) => ({ ...contender, values: [] as number[] }));
  try {
    // The first round loads code and fills the caches of the file system.
    for (const { measure } of contenders) await measure();
    for (let run = 1; run <= (quick ? QUICK_RUNS : RUNS); run++) {
      progress(`round ${run}`);
      for (const { measure, values } of contenders) values.push(await measure());
    }
  } finally {
    await warm.close();
  }
  return contenders.map(({ name, ours, values }) => ({ name, ours, value: median(values), unit: 'ms' }));
}

async function newThreadMs(): Promise<number> {
  const runtime = await createRuntime();
  try {
    return await firstRowMs(runtime);
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
