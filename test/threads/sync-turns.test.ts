import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { build } from 'rolldown';
import { afterAll, expect, it } from 'vitest';
import { SYNC_MEMORY_BYTES, SYNC_PERMITS, syncHandleOf } from '../../src/shared-memory/sync-memory.js';
import { PER_PERMIT_MAX } from '../../src/shared-memory/sync-turns.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** A thread that syncs again and again, or that takes both permits and then waits to be ended. */
const CODE = `
import { parentPort, workerData } from 'node:worker_threads';
import { inSyncTurn, shareSyncs } from './sync-turns.mjs';
const { handle, counts, syncs, holds } = workerData;
shareSyncs(handle);
const [AT_ONCE, MOST, DONE] = [0, 1, 2];
const sync = () => inSyncTurn(async () => {
  const atOnce = Atomics.add(counts, AT_ONCE, 1) + 1;
  for (let most = Atomics.load(counts, MOST); atOnce > most; most = Atomics.load(counts, MOST)) {
    Atomics.compareExchange(counts, MOST, most, atOnce);
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  Atomics.sub(counts, AT_ONCE, 1);
  Atomics.add(counts, DONE, 1);
});
if (holds) {
  for (let i = 0; i < 2; i++) inSyncTurn(() => new Promise(() => {}));
  parentPort.on('message', () => {});
  parentPort.postMessage('holds');
} else await Promise.all(Array.from({ length: syncs }, sync));
`;

async function startThreads() {
  const file = `${SCRATCH.folder}/sync-turns.mjs`;
  await build({
    input: new URL('../../src/shared-memory/sync-turns.ts', import.meta.url).pathname,
    platform: 'node',
    logLevel: 'silent',
    output: { file, format: 'esm' },
  });
  const entry = SCRATCH.write('syncing.mjs', CODE);
  const memory = new SharedArrayBuffer(SYNC_MEMORY_BYTES);
  const counts = new Int32Array(new SharedArrayBuffer(12));
  const start = (more: object) =>
    new Worker(entry, { workerData: { handle: syncHandleOf(memory), counts, ...more } });
  return { start, counts };
}

it('syncs of several threads take turns, also after one died with both permits', async () => {
  const { start, counts } = await startThreads();
  const dead = start({ holds: true });
  await once(dead, 'message');
  await dead.terminate();
  const began = performance.now();
  const threads = Array.from({ length: 4 }, () => start({ syncs: 100 }));
  // They end by themselves: nothing of the turns keeps them alive, and none ends in the middle.
  const codes = await Promise.all(threads.map(async (thread) => (await once(thread, 'exit'))[0] as number));
  expect(codes).toEqual([0, 0, 0, 0]);
  const [atOnce, most, done] = counts;
  expect([atOnce, done]).toEqual([0, 400]);
  // Without turns: hundreds. On a machine that stalls, a permit may expire before it is renewed, and a
  // loop may take longer than the syncs, so that a permit is good for more of them.
  expect(most).toBeLessThanOrEqual(2 * SYNC_PERMITS * PER_PERMIT_MAX);
  expect(performance.now() - began).toBeLessThan(10_000);
});
