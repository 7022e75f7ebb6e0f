/** One of two threads on one breaker: warms up, waits for the other, and answers with ns a call. */
import { parentPort, workerData } from 'node:worker_threads';
import { openBreaker } from '../../src/resilience/breaker/open-breaker.js';
import { type BreakerTask, breakerLoop, permitLoop } from './breaker-loops.js';

const { handle, way, calls, gate } = workerData as BreakerTask;
const breaker = openBreaker(handle);
const loop = way === 'execute' ? breakerLoop : permitLoop;
const ready = new Int32Array(gate);

await loop(breaker, calls / 10);
Atomics.add(ready, 0, 1);
Atomics.notify(ready, 0);
while (Atomics.load(ready, 0) < 2) Atomics.wait(ready, 0, 1, 1_000);
const began = process.hrtime.bigint();
await loop(breaker, calls);
parentPort?.postMessage(Number(process.hrtime.bigint() - began) / calls);
