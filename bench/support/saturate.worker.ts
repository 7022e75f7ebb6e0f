/** Acquires in loops, at the same time as the other threads of the bench, and tells what it got. */
import { parentPort, workerData } from 'node:worker_threads';
import { openRates } from '../../src/resilience/rate/rate-client.js';
import type { Saturated, SaturateTask } from './saturate-task.js';

const { rates, ref, loops, cost, gate, threads, durationMs } = workerData as SaturateTask;
const client = openRates(rates);
const limiter = client.limiter(ref);
const gate64 = new BigInt64Array(gate);
if (Number(Atomics.add(gate64, 0, 1n)) === threads - 1) Atomics.store(gate64, 1, process.hrtime.bigint());
while (Atomics.load(gate64, 1) === 0n) await new Promise((resolve) => setImmediate(resolve));
const begin = Atomics.load(gate64, 1);
const end = begin + BigInt(durationMs) * 1_000_000n;

let permits = 0;
let waitNsMax = 0;
await Promise.all(Array.from({ length: loops }, loop));
client.close();
parentPort?.postMessage({ permits, waitMsMax: waitNsMax / 1e6 } satisfies Saturated);

async function loop(): Promise<void> {
  while (process.hrtime.bigint() < end) {
    const permit = await limiter.acquire({ cost });
    if (permit.atNs >= end) return;
    permits += cost;
    waitNsMax = Math.max(waitNsMax, permit.waitedNs);
  }
}
