// Question: by how much does the process grow for each running pipeline?
//
// Resident memory, in a process for each number of pipelines, three seconds after the last one had
// its first rows; each reads 1,000 ticks a second and makes bars. For scale: bare Node threads.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchContext, BenchResult } from './support/bench-result.js';

const COUNTS = [10, 50, 200];
const QUICK_COUNTS = [10];
const CHILD = fileURLToPath(new URL('./support/memory-child.js', import.meta.url));

export default async function benchMemory({ quick, progress }: BenchContext): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const count of quick ? QUICK_COUNTS : COUNTS) {
    for (const kind of ['pipelines', 'threads'] as const) {
      const ours = kind === 'pipelines';
      const like = `a pipeline of ${count}`;
      const name = ours ? like : `a bare Node thread of ${count}`;
      progress(name);
      results.push({ name, ours, like, value: await growthMb(kind, count), unit: 'MB' });
    }
  }
  return results;
}

async function growthMb(kind: 'pipelines' | 'threads', count: number): Promise<number> {
  const child = fork(CHILD, [kind, String(count)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let growth: number | undefined;
  child.on('message', (message) => {
    growth = Number(message);
  });
  const [code] = await once(child, 'exit');
  if (growth === undefined) throw new Error(`${count} ${kind}: the process exited with code ${code}`);
  return growth;
}
