/** Spends in a loop, at the same time as the other threads of the bench, and tells its calls a second. */
import { parentPort, workerData } from 'node:worker_threads';
import { openRates } from '../../src/resilience/rate/rate-client.js';
import type { SpendOrder, SpendTask } from './spend-task.js';
import { threadNs } from './thread-ns.js';

const WARM_UP_CALLS = 50_000;
const { task, calls, gate, threads } = workerData as SpendOrder;
const spend = spender(task);
spend(WARM_UP_CALLS);

const ready = new Int32Array(gate);
Atomics.add(ready, 0, 1);
while (Atomics.load(ready, 0) < threads); // the shortest way to begin together
const began = threadNs();
spend(calls);
parentPort?.postMessage(calls / ((threadNs() - began) / 1e9));

function spender(of: SpendTask): (calls: number) => void {
  if (of.way === 'budget') {
    const limiter = openRates(of.rates).limiter({ provider: of.provider });
    return (count) => {
      for (let i = 0; i < count; i++) limiter.tryAcquire();
    };
  }
  const cells = new BigInt64Array(of.cells);
  return (count) => {
    for (let i = 0; i < count; i++) {
      let found = Atomics.load(cells, of.at);
      for (;;) {
        const before = Atomics.compareExchange(cells, of.at, found, BigInt.asIntN(64, found + 1n));
        if (before === found) break;
        found = before;
      }
    }
  };
}
