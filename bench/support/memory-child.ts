/**
 * A process with so many pipelines, or bare threads, that posts by how many MB a piece it grew.
 * Arguments: `pipelines` or `threads`, and how many.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createRuntime } from 'tickloom';

const SETTLE_MS = 3_000;
const START_DEADLINE_MS = 60_000;

const [kind, count] = [process.argv[2], Number(process.argv[3])];

const residentMb = () => process.memoryUsage.rss() / 1_048_576;

async function startPipelines(): Promise<() => Promise<void>> {
  const runtime = await createRuntime({ maxThreads: count, startDeadlineMs: START_DEADLINE_MS });
  const submit = (index: number) =>
    runtime.submit({
      name: `pipeline-${index}`,
      source: { use: 'synthetic', rate: 1_000, seed: index },
      operators: [
        { use: 'filter', where: 'bid > 0 and ask >= bid' },
        { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
        { use: 'bars', every: '1s', price: 'mid' },
      ],
      sink: { use: 'null' },
    });
  const jobs = await Promise.all(Array.from({ length: count }, (_, index) => submit(index)));
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!jobs.every((job) => job.inspect().counters.rowsIn > 0)) {
    if (performance.now() > deadline) throw new Error('expected rows in every pipeline within a minute');
    await sleep(50);
  }
  return () => runtime.close({ deadlineMs: 10_000 });
}

async function startThreads(): Promise<() => Promise<void>> {
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('../../../bench/support/idle.worker.cjs', import.meta.url)),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
}

const before = residentMb();
const end = await (kind === 'pipelines' ? startPipelines() : startThreads());
await sleep(SETTLE_MS);
process.send?.((residentMb() - before) / count);
await end();
process.disconnect?.();
