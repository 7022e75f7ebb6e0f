import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { discard, moduleOperator, rows, startRuntime } from './threads-support.js';

/** Runs a job whose operator does this with every batch. */
async function runWith(process: string, top = '') {
  const runtime = await startRuntime();
  const operators = [moduleOperator(`${process}; emit(batch);`, { top })];
  const job = await runtime.submit({ name: 'flood', source: rows(1_000), operators, sink: discard });
  return job.outcome;
}

/** Counts the messages that the main thread is given by threads that start from now on. */
function countMessages(): { readonly taken: number } {
  const count = { taken: 0 };
  const watch = (worker: Worker) => {
    worker.on('message', () => {
      count.taken++;
    });
  };
  process.on('worker', watch);
  onTestFinished(() => {
    process.off('worker', watch);
  });
  return count;
}

describe('a module', () => {
  it('takes no time of the main thread with messages that nobody reads', async () => {
    const messages = countMessages();
    const top = `import { MessagePort, parentPort } from 'node:worker_threads';`;
    const { outcome } = await runWith(
      `for (let i = 0; i < 10_000; i++) {
        parentPort.postMessage({ i });
        MessagePort.prototype.postMessage.call(parentPort, { i });
      }`,
      top,
    );
    expect(outcome).toBe('completed');
    expect(messages.taken).toBeLessThan(10); // those with which threads say that they are there
  });

  it('leaves no more of a crash than its beginning', async () => {
    const { error } = await runWith(`setTimeout(() => { throw new Error('x'.repeat(5_500_000)); })`);
    expect(error).toMatchObject({ code: 'THREAD_CRASHED' });
    expect(JSON.stringify(error).length).toBeLessThan(30_000);
    expect(error?.stack).toContain('operator.mjs');
  });
});
