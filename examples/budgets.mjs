// One budget, spent from by the main thread and two workers: together they get no more than it gives.
// npm run build && node examples/budgets.mjs
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openRates, RateCoordinator } from 'tickloom/rate';

const RUN_MS = 1_000;

/** Calls the provider for a second, as often as the budget lets it. */
async function spend(limiter) {
  const end = performance.now() + RUN_MS;
  let calls = 0;
  for (let left = RUN_MS; left > 0; left = end - performance.now()) {
    const permit = await limiter.acquire({ timeoutMs: left }).catch((error) => {
      if (error.code !== 'ACQUIRE_TIMED_OUT') throw error;
    });
    if (!permit) break;
    calls++;
  }
  return calls;
}

if (isMainThread) {
  const began = performance.now();
  const rates = new RateCoordinator({ providers: { 'quotes-api': { permits: 300, per: '1s', burst: 30 } } });
  const workers = [1, 2].map(() => {
    const worker = new Worker(new URL(import.meta.url), { workerData: rates.handle() });
    rates.attach(worker); // what it holds is taken back when it ends
    return worker;
  });
  const calls = await Promise.all([
    spend(rates.limiter({ provider: 'quotes-api' })),
    ...workers.map((worker) => once(worker, 'message').then(([count]) => count)),
  ]);
  const seconds = (performance.now() - began) / 1_000;
  const granted = rates.status({ provider: 'quotes-api' }).permits;
  for (const [i, count] of calls.entries())
    console.log(`${i === 0 ? 'main' : `worker ${i}`}: ${count} calls`);
  console.log(`together: ${granted} in ${seconds.toFixed(1)} s, of a burst of 30 and 300 a second`);
  const isKept = granted <= 30 + 300 * seconds && calls.every((count) => count > 0);
  if (!isKept || granted !== calls.reduce((sum, count) => sum + count)) process.exitCode = 1;
  rates.close();
} else {
  const rates = openRates(workerData);
  parentPort.postMessage(await spend(rates.limiter({ provider: 'quotes-api' })));
  rates.close();
}
