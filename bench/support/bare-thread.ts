import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** From the start of a thread with a CommonJS entry, as ours has, that loads nothing else, to its first message. */
export async function bareThreadMs(): Promise<number> {
  const began = performance.now();
  const worker = new Worker(new URL('../../../bench/support/idle.worker.cjs', import.meta.url));
  await once(worker, 'message');
  const ms = performance.now() - began;
  await worker.terminate();
  return ms;
}
