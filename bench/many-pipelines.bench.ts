// Question: what do 200 pipelines at once take on one machine: memory, time to start, CPU, turns of the main thread?
//
// Each kind in a process of its own: pipelines with a row a second, which have next to nothing to do; with 1,000 ticks
// a second into bars; and the same with a checkpoint each second, into files. Memory is what the process grew by,
// three seconds after all had rows, divided by their number. Turns and the main thread are told in CPU time, since wall
// time counts what else the machine does: while pipelines run, of what happens within 20 ms. Runs the package as built.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import type { ManyFigures, ManyKind } from './support/many-child.js';

const COUNT = 200;
const QUICK_COUNT = 10;
const KINDS: readonly ManyKind[] = ['idle', 'at work', 'with checkpoints'];
const CHILD = fileURLToPath(new URL('./support/many-child.js', import.meta.url));

export default async function benchManyPipelines({
  quick,
  directory,
  progress,
}: BenchContext): Promise<BenchResult[]> {
  const count = quick ? QUICK_COUNT : COUNT;
  const results: BenchResult[] = [];
  for (const kind of KINDS) {
    progress(`${count} pipelines, ${kind}`);
    const figures = await figuresOf(kind, count, join(directory, kind));
    const told: readonly (readonly [name: string, value: number, unit: string])[] = [
      ['memory a pipeline', figures.megabytes, 'MB'],
      ['until all have rows', figures.startMs, 'ms'],
      ['longest turn meanwhile, CPU', figures.startTurnCpuMs, 'ms'],
      ['CPU a second, all threads', figures.cpuMs, 'ms'],
      ['of which the main thread', figures.mainCpuMs, 'ms'],
      ['longest turn while they run, CPU', figures.turnCpuMs, 'ms'],
    ];
    results.push(
      ...told.map(([name, value, unit]) => ({ name: `${count} ${kind}: ${name}`, ours: true, value, unit })),
    );
  }
  return results;
}

async function figuresOf(kind: ManyKind, count: number, folder: string): Promise<ManyFigures> {
  const child = fork(CHILD, [kind, String(count), folder], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let figures: ManyFigures | undefined;
  child.on('message', (message) => {
    figures = message as ManyFigures;
  });
  const [code] = await once(child, 'exit');
  if (figures === undefined || code !== 0) {
    throw new Error(`${count} pipelines, ${kind}: the process exited with code ${code}`);
  }
  return figures;
}
