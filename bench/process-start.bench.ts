// Question: what does a job in a process of its own cost beside one in a thread: to its first row, for an answer, and
// in memory?
//
// For scale: a bare Node process that writes one byte. All take turns, so that what else the machine does hits all of
// them. Runs the package as built.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRuntime, type JobHandle, type PipelineRuntime } from 'tickloom';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const RUNS = 12;
const QUICK_RUNS = 3;
const ASKS = 200;
const NS_PER_MS = 1e6;
const PROCESS = 'submit → first row, process';
const KB_PER_MB = 1_024;

const operators = [
  { use: 'filter', where: 'bid > 0' },
  { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
  { use: 'bars', every: '1s', price: 'mid' },
] as const;
const sink = { use: 'null' } as const;

type Isolation = 'thread' | 'process';

interface Contender {
  readonly name: string;
  readonly ours: boolean;
  readonly like?: string;
  readonly measure: () => Promise<number>;
}

export default async function benchProcessStart({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const rounds = quick ? QUICK_RUNS : RUNS;
  const firstRows = [
    { name: 'submit → first row, new thread', ours: true, measure: () => firstRowMs('thread') },
    { name: PROCESS, ours: true, measure: () => firstRowMs('process') },
    { name: 'bare Node process → first byte', ours: false, like: PROCESS, measure: bareProcessMs },
  ].map((contender: Contender) => ({ ...contender, values: [] as number[] }));
  for (const { measure } of firstRows) await measure();
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round}`);
    for (const { measure, values } of firstRows) values.push(await measure());
  }
  const results: BenchResult[] = firstRows.map(({ name, ours, like, values }) => ({
    name,
    ours,
    ...(like !== undefined && { like }),
    value: median(values),
    unit: 'ms',
  }));
  for (const isolation of ['thread', 'process'] as const) {
    progress(`at work in a ${isolation}`);
    const { answerMs, residentMb } = await atWork(isolation);
    results.push({ name: `question → answer, ${isolation}`, ours: true, value: answerMs, unit: 'ms' });
    results.push({ name: `resident memory, ${isolation}`, ours: true, value: residentMb, unit: 'MB' });
  }
  return results;
}

async function withRuntime<T>(use: (runtime: PipelineRuntime) => Promise<T>): Promise<T> {
  const runtime = await createRuntime();
  try {
    return await use(runtime);
  } finally {
    await runtime.close({ deadlineMs: 0 });
  }
}

function firstRowMs(isolation: Isolation): Promise<number> {
  return withRuntime(async (runtime) => {
    const submitted = process.hrtime.bigint();
    const source = { use: 'synthetic', rows: 10_000 } as const;
    const spec = { name: 'first-row', source, operators: [...operators], sink };
    const { outcome, counters, error } = await (await runtime.submit(spec, { isolation })).outcome;
    if (outcome !== 'completed') throw new Error(`The job ${outcome}: ${error?.message}`);
    return (counters.firstRowAtNs - Number(submitted)) / NS_PER_MS;
  });
}

/** Of a job that reads 1,000 rows a second. A thread shares the memory of the process that it is in. */
function atWork(isolation: Isolation): Promise<{ readonly answerMs: number; readonly residentMb: number }> {
  return withRuntime(async (runtime) => {
    const before = residentMb('self');
    const source = { use: 'synthetic', rate: 1_000 } as const;
    const job = await runtime.submit(
      { name: 'at-work', source, operators: [...operators], sink },
      { isolation },
    );
    while (job.inspect().counters.rowsIn < 2_000) await new Promise((resolve) => setTimeout(resolve, 50));
    const { pid } = job.inspect();
    const resident = pid === undefined ? residentMb('self') - before : residentMb(String(pid));
    return { answerMs: await answerMs(job), residentMb: resident };
  });
}

async function answerMs(job: JobHandle): Promise<number> {
  const values: number[] = [];
  for (let ask = 0; ask < ASKS; ask++) {
    const asked = performance.now();
    await job.describe();
    values.push(performance.now() - asked);
  }
  return median(values);
}

/** Linux: what of a process is in memory. */
function residentMb(pid: string): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kilobytes) / KB_PER_MB;
}

async function bareProcessMs(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, ['--eval', "process.stdout.write('x')"], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const ms = performance.now() - began;
  await once(child, 'exit');
  return ms;
}
