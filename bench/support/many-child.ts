/**
 * A process that starts so many pipelines at once, and posts what they take (`ManyFigures`).
 * Arguments: the kind, how many, and a folder.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRuntime, type PipelineSpec } from 'tickloom';
import { Turns } from './turns.js';

export type ManyKind = 'idle' | 'at work' | 'with checkpoints';

export interface ManyFigures {
  /** By which the process grew, for each pipeline. */
  readonly megabytes: number;
  /** From the first submit until all have rows. */
  readonly startMs: number;
  /** Of the event loop, meanwhile; in CPU time of the main thread. */
  readonly startTurnCpuMs: number;
  /** Of all threads, in a second in which all run. */
  readonly cpuMs: number;
  /** Of the main thread, in such a second. */
  readonly mainCpuMs: number;
  readonly turnCpuMs: number;
}

const SETTLE_MS = 3_000;
const WATCH_MS = 5_000;
const START_DEADLINE_MS = 300_000;
/** The loop sleeps between looks, so that a main thread with nothing to do is seen to do nothing. */
const LOOK_MS = 20;

const [kind, count, folder] = [process.argv[2] as ManyKind, Number(process.argv[3]), process.argv[4]!];

const specOf = (index: number): PipelineSpec => ({
  name: `pipeline-${index}`,
  source: { use: 'synthetic', rate: kind === 'idle' ? 1 : 1_000, seed: index },
  operators: [
    { use: 'filter', where: 'bid > 0 and ask >= bid' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ],
  sink:
    kind === 'with checkpoints'
      ? { use: 'jsonl', path: join(folder, `out-${index}`), rotate: { every: '1m' } }
      : { use: 'null' },
});

const residentMb = () => process.memoryUsage.rss() / 1_048_576;

const runtime = await createRuntime({
  maxThreads: count,
  startDeadlineMs: START_DEADLINE_MS,
  ...(kind === 'with checkpoints' && { checkpoints: { path: join(folder, 'checkpoints'), every: '1s' } }),
});
const before = residentMb();
const began = performance.now();
const starting = new Turns();
const jobs = await Promise.all(Array.from({ length: count }, (_, index) => runtime.submit(specOf(index))));
while (!jobs.every((job) => job.inspect().counters.firstRowAtNs > 0)) {
  const failed = jobs.find((job) => job.inspect().error);
  if (failed) throw new Error(`"${failed.name}": ${failed.inspect().error?.message}`);
  if (performance.now() - began > START_DEADLINE_MS)
    throw new Error('expected rows in every pipeline in time');
  await sleep(LOOK_MS);
}
const startMs = performance.now() - began;
const { longestCpuMs: startTurnCpuMs } = await starting.end();
await sleep(SETTLE_MS);
const megabytes = (residentMb() - before) / count;
const running = new Turns(LOOK_MS);
const cpu = process.cpuUsage();
await sleep(WATCH_MS);
const { user, system } = process.cpuUsage(cpu);
const { ms, cpuMs, longestCpuMs } = await running.end();
const perSecond = (spentMs: number) => (spentMs / ms) * 1_000;
const figures: ManyFigures = {
  megabytes,
  startMs,
  startTurnCpuMs,
  cpuMs: perSecond((user + system) / 1_000),
  mainCpuMs: perSecond(cpuMs),
  turnCpuMs: longestCpuMs,
};
process.send?.(figures);
await runtime.close({ deadlineMs: 60_000 });
process.disconnect?.();
