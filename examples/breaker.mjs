// A breaker that two threads share: what one of them sees fail, neither asks again until it is over.
// npm run build && node examples/breaker.mjs
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { BreakerOpenError, createBreaker, openBreaker } from 'tickloom/breaker';

if (isMainThread) {
  const breaker = createBreaker({ name: 'quotes-api', failuresInRow: 3, openMs: 200, openJitter: 0 });
  breaker.subscribe((event) => console.log(`main: ${event.type}`));

  await breaker.execute(() => 'quotes');
  const worker = new Worker(new URL(import.meta.url), { workerData: breaker.handle() });
  const { threadId } = worker; // gone once it has exited
  await once(worker, 'exit');
  breaker.reclaim(threadId);

  await breaker
    .execute(() => 'quotes')
    .catch((error) => {
      if (!(error instanceof BreakerOpenError)) throw error;
      console.log(`main: refused, ${error.refusal.reason}`);
    });
  await Promise.all([breaker.whenCallable(), new Promise((resolve) => setTimeout(resolve, 250))]);
  console.log(`main: ${await breaker.execute(() => 'quotes again')}`);
  // An answer that refuses the request says that the provider is there: it opens no breaker.
  const unknown = Object.assign(new Error('no such symbol'), { status: 404 });
  for (let call = 0; call < 5; call++) await breaker.execute(() => Promise.reject(unknown)).catch(() => {});
  console.log(`main: ${breaker.state} after ${breaker.counts.ignored} times 404`);
  console.log(`main: ${breaker.counts.failed} failed, ${breaker.counts.refused} refused`);
  if (breaker.state !== 'closed' || breaker.counts.failed !== 3) process.exitCode = 1;
  breaker.close();
} else {
  const breaker = openBreaker(workerData);
  for (let call = 1; call <= 4; call++) {
    const outcome = await breaker
      .execute(() => Promise.reject(new Error('the provider is down')))
      .catch((error) => (error instanceof BreakerOpenError ? 'refused' : 'failed'));
    console.log(`worker: call ${call} ${outcome}`);
  }
}
