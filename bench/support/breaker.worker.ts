/** A thread on one breaker: warms up, waits for the others, and answers with ns a call. */
import { parentPort, workerData } from 'node:worker_threads';
import { openBreaker } from '../../src/resilience/breaker/open-breaker.js';
import { type BreakerAnswer, type BreakerTask, bareLoop, breakerLoop, permitLoop } from './breaker-loops.js';
import { threadNs } from './thread-ns.js';

const { handle, way, calls, threads, gate } = workerData as BreakerTask;
const breaker = openBreaker(handle);
const ready = new Int32Array(gate);
const guarded = (count: number) =>
  way === 'execute' ? breakerLoop(breaker, count) : permitLoop(breaker, count);

const answer: BreakerAnswer = { bareNs: await nsACall(bareLoop, 0), ns: await nsACall(guarded, 1) };
breaker.close();
parentPort?.postMessage(answer);

/** @param cell - Of the gate. */
async function nsACall(loop: (calls: number) => Promise<void> | void, cell: number): Promise<number> {
  await loop(calls / 5);
  Atomics.add(ready, cell, 1);
  Atomics.notify(ready, cell);
  let found = Atomics.load(ready, cell);
  while (found < threads) {
    Atomics.wait(ready, cell, found, 1_000);
    found = Atomics.load(ready, cell);
  }
  const began = threadNs();
  await loop(calls);
  return (threadNs() - began) / calls;
}
