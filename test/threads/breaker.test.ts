import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  type BreakerHandle,
  type CircuitBreaker,
  createBreaker,
} from '../../dist/src/resilience/breaker/breaker.js';
import { until } from './threads-support.js';

const entry = pathToFileURL(
  fileURLToPath(new URL('../../dist/src/resilience/breaker/breaker.js', import.meta.url)),
).href;

/**
 * A thread with a breaker. The script sees `breaker`, `tell(value)`, `permits` and `cells`: 32-bit cells
 * that it shares with the others and the test.
 */
function startThread(handle: BreakerHandle, cells: Int32Array, script: string): Worker {
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { openBreaker } from ${JSON.stringify(entry)};
    const breaker = openBreaker(workerData.handle);
    const cells = workerData.cells;
    const tell = (value) => parentPort.postMessage(value);
    const permit = () => { try { return breaker.permit(); } catch { return undefined; } };
    ${script}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { handle, cells },
  });
}

const told = async (thread: Worker): Promise<unknown> => (await once(thread, 'message'))[0];
const sharedCells = () => new Int32Array(new SharedArrayBuffer(64));

/** Nothing of this thread runs meanwhile: no timer, no message, no wake-up. */
function blockFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function withBreaker(
  options: Parameters<typeof createBreaker>[0],
  use: (breaker: CircuitBreaker) => Promise<void>,
): Promise<void> {
  const breaker = createBreaker(options);
  try {
    await use(breaker);
  } finally {
    breaker.close();
  }
}

describe('a breaker and real threads', () => {
  it('admits no call on any thread after the failure that trips it, while its owner is blocked', async () => {
    await withBreaker({ name: 'trip', failuresInRow: 3, openMs: 60_000 }, async (breaker) => {
      const cells = sharedCells();
      // Cell 0: how many are ready; 1: the breaker is known to be open; 2: admissions after that.
      const caller = `
        Atomics.add(cells, 0, 1);
        let admitted = 0;
        const end = Date.now() + 600;
        while (Date.now() < end) {
          const isOpen = Atomics.load(cells, 1);
          const taken = permit();
          if (taken) admitted++;
          if (taken && isOpen) Atomics.add(cells, 2, 1);
          taken?.ignore();
        }
        tell(admitted);`;
      const failer = `
        Atomics.add(cells, 0, 1);
        while (Atomics.load(cells, 0) < 3);
        for (let i = 0; i < 3; i++) permit()?.fail();
        Atomics.store(cells, 1, 1);
        tell(permit() === undefined);`;
      const threads = [caller, caller, failer].map((script) => startThread(breaker.handle(), cells, script));
      const answers = Promise.all(threads.map(told));
      while (Atomics.load(cells, 0) < 3) await new Promise((resolve) => setImmediate(resolve));
      blockFor(1_000);
      expect(Atomics.load(cells, 1)).toBe(1);
      expect(Atomics.load(cells, 2)).toBe(0);
      const [first, second, isRefused] = await answers;
      expect(Number(first) + Number(second)).toBeGreaterThan(0);
      expect(isRefused).toBe(true);
      expect(breaker.state).toBe('open');
      await Promise.all(threads.map((thread) => thread.terminate()));
    });
  });

  it('goes half-open and gives its probes while its owner is blocked, and no more after a failed one', async () => {
    await withBreaker({ name: 'probe', failuresInRow: 1, openMs: 100, probes: 2 }, async (breaker) => {
      const events: string[] = [];
      breaker.subscribe(({ type }) => events.push(type));
      const cells = sharedCells();
      const script = `
        Atomics.add(cells, 0, 1);
        while (Atomics.load(cells, 0) < 4);
        permit()?.fail();
        const taken = [];
        while (Atomics.load(cells, 1) < 2) {
          const probe = permit();
          if (probe) { taken.push(probe); Atomics.add(cells, 1, 1); }
        }
        for (let i = 0; i < 1000; i++) if (permit()) Atomics.add(cells, 2, 1);
        Atomics.add(cells, 3, 1);
        while (Atomics.load(cells, 3) < 4);
        for (const probe of taken) probe.fail();
        for (let i = 0; i < 1000; i++) if (permit()) Atomics.add(cells, 4, 1);
        tell('done');`;
      const threads = Array.from({ length: 4 }, () => startThread(breaker.handle(), cells, script));
      const answers = Promise.all(threads.map(told));
      while (Atomics.load(cells, 0) < 4) await new Promise((resolve) => setImmediate(resolve));
      blockFor(1_000);
      // [ready, probes given, surplus that was admitted, threads that are through, admitted after failure]
      expect([...cells.subarray(0, 5)]).toEqual([4, 2, 0, 4, 0]);
      await answers;
      await until(() => events.includes('probe'));
      expect(events.slice(0, 3)).toEqual(['opened', 'halfOpened', 'probe']);
      await Promise.all(threads.map((thread) => thread.terminate()));
    });
  });

  it('gives the probe of a killed thread to another, once, when it is told', async () => {
    await withBreaker({ name: 'killed', failuresInRow: 1, openMs: 10, probes: 1 }, async (breaker) => {
      const cells = sharedCells();
      const holder = startThread(
        breaker.handle(),
        cells,
        `permit().fail();
         let probe;
         while (!(probe = permit()));
         tell('held');
         for (;;) Atomics.wait(cells, 7, 0, 1_000);`,
      );
      await told(holder);
      expect(breaker.refusal()).toMatchObject({ state: 'halfOpen' });
      const { threadId } = holder;
      await holder.terminate();
      expect(breaker.refusal()).toMatchObject({ state: 'halfOpen' });
      expect(breaker.reclaim(threadId)).toBe(1);
      expect(breaker.reclaim(threadId)).toBe(0);
      const other = startThread(breaker.handle(), cells, `permit().succeed(); tell(permit() !== undefined);`);
      await told(other);
      await until(() => breaker.state === 'closed');
      await other.terminate();
    });
  });

  it('gives the probe of a killed thread to another after its wait, when nobody is told', async () => {
    const options = { name: 'lost', failuresInRow: 1, openMs: 10, probes: 1, probeMsMax: 200 };
    await withBreaker(options, async (breaker) => {
      const holder = startThread(
        breaker.handle(),
        sharedCells(),
        `permit().fail();
         let probe;
         while (!(probe = permit()));
         tell('held');
         setInterval(() => {}, 1_000);`,
      );
      await told(holder);
      await holder.terminate();
      await breaker.whenCallable();
      await breaker.execute(() => 'again');
      expect(breaker.state).toBe('closed');
    });
  });

  it('wakes a thread that waits for a held breaker', async () => {
    await withBreaker({ name: 'held', failuresInRow: 1 }, async (breaker) => {
      const release = breaker.hold();
      const thread = startThread(
        breaker.handle(),
        sharedCells(),
        `setInterval(() => {}, 1_000); // the wait itself keeps no thread alive
         tell('waits');
         await breaker.whenCallable();
         tell('callable');`,
      );
      await told(thread);
      const callable = told(thread);
      release();
      expect(await callable).toBe('callable');
      await thread.terminate();
    });
  });

  it('counts every call of more threads than it has places for, while places change hands', async () => {
    await withBreaker({ name: 'counted', failuresInRow: 5 }, async (breaker) => {
      const cells = sharedCells();
      const script = `
        for (let job = 0; job < 50; job++) {
          const own = openBreaker(workerData.handle);
          const inFlight = own.permit();
          for (let call = 0; call < 200; call++) own.permit().succeed();
          own.close();
          inFlight.ignore();
        }
        tell('done');`;
      const threads = Array.from({ length: 20 }, () => startThread(breaker.handle(), cells, script));
      await Promise.all(threads.map(told));
      expect(breaker.counts).toMatchObject({ succeeded: 20 * 50 * 200, ignored: 20 * 50, late: 0 });
      await Promise.all(threads.map((thread) => thread.terminate()));
    });
  });

  it('counts every call in its windows, of more threads than it has places for', async () => {
    const options = {
      name: 'windows',
      timeWindow: { lengthMs: 86_400_000, failureRate: 1 },
      countWindow: { size: 8_000, minimumVolume: 2, failureRate: 1 },
    };
    await withBreaker(options, async (breaker) => {
      // No window is ever full of failures: each thread begins with a success, and the windows hold it.
      const script = `
        for (let job = 0; job < 5; job++) {
          const own = openBreaker(workerData.handle);
          for (let call = 0; call < 50; call++) await own.execute(() => call);
          for (let call = 0; call < 10; call++) await own.execute(async () => { throw new Error(); }).catch(() => {});
          for (let call = 0; call < 10; call++) own.permit().succeed();
          own.close();
        }
        tell('done');`;
      const threads = Array.from({ length: 20 }, () => startThread(breaker.handle(), sharedCells(), script));
      await Promise.all(threads.map(told));
      const calls = { volume: 20 * 5 * 70, failed: 20 * 5 * 10 };
      expect(breaker.status().gauges).toMatchObject({ timeWindow: calls, countWindow: calls });
      expect(breaker.counts).toMatchObject({ succeeded: calls.volume - calls.failed, failed: calls.failed });
      await Promise.all(threads.map((thread) => thread.terminate()));
    });
  });

  it.each([
    ['failures in a row', { failuresInRow: 1 }],
    ['a count window', { countWindow: { size: 50, failureRate: 0.02 } }],
    ['a time window', { timeWindow: { lengthMs: 60_000, failureRate: 0.001 } }],
  ])('calls no function after the trip that a thread knows of, by %s', async (_, condition) => {
    await withBreaker(
      { name: 'glanced', openMs: 86_400_000, openMsMax: 86_400_000, ...condition },
      async (breaker) => {
        const cells = sharedCells();
        // Cell 0: how many are ready; 1: the breaker is known to be open; 2: calls after that; 3: calls.
        const caller = `
        Atomics.add(cells, 0, 1);
        let isOpen = 0;
        for (let call = 0, after = 0; after < 1_000; call++) {
          isOpen = Atomics.load(cells, 1);
          after += isOpen;
          breaker.execute(() => { Atomics.add(cells, 3, 1); if (isOpen) Atomics.add(cells, 2, 1); }).catch(() => {});
          if (call % 50 === 0) await null;
        }
        tell('done');`;
        const failer = `
        while (Atomics.load(cells, 3) < 1_000);
        for (let taken = permit(); taken; taken = permit()) taken.fail();
        Atomics.store(cells, 1, 1);
        tell('done');`;
        const threads = [caller, caller, failer].map((script) =>
          startThread(breaker.handle(), cells, script),
        );
        await Promise.all(threads.map(told));
        expect(breaker.state).toBe('open');
        expect(Atomics.load(cells, 3)).toBeGreaterThanOrEqual(1_000);
        expect(Atomics.load(cells, 2)).toBe(0);
        await Promise.all(threads.map((thread) => thread.terminate()));
      },
    );
  });

  it('ends a loop of calls that waits for nothing, once it is held', async () => {
    await withBreaker({ name: 'loop', failuresInRow: 1 }, async (breaker) => {
      const cells = sharedCells();
      // A compiler that read the state once would never end it.
      const script = `
        let isCalled = true;
        let last;
        while (isCalled) {
          isCalled = false;
          last = breaker.execute(() => { isCalled = true; Atomics.store(cells, 0, 1); });
        }
        last.catch(() => {});
        tell('held');`;
      const thread = startThread(breaker.handle(), cells, script);
      const answer = told(thread);
      while (Atomics.load(cells, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
      breaker.hold();
      expect(await answer).toBe('held');
      await thread.terminate();
    });
  });

  it('has its options changed in threads that are using it, while its owner is blocked afterwards', async () => {
    await withBreaker({ name: 'changed', failuresInRow: 1_000, openMs: 60_000 }, async (breaker) => {
      const cells = sharedCells();
      // Cell 0: the thread calls; 1: the options have changed.
      const script = `
        permit().succeed();
        Atomics.store(cells, 0, 1);
        while (Atomics.load(cells, 1) === 0) permit()?.succeed();
        let failures = 0;
        for (let taken = permit(); taken; taken = permit()) { taken.fail(); failures++; }
        Atomics.store(cells, 2, failures);
        Atomics.notify(cells, 2);
        tell('done');`;
      const thread = startThread(breaker.handle(), cells, script);
      while (Atomics.load(cells, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
      const answer = told(thread);
      breaker.configure({
        failuresInRow: undefined,
        countWindow: { size: 4_000, minimumVolume: 7, failureRate: 1 },
      });
      Atomics.store(cells, 1, 1);
      Atomics.wait(cells, 2, 0, 60_000);
      // Calls from before the change were of the run: the window holds those after it.
      expect(cells[2]).toBeGreaterThanOrEqual(7);
      expect(breaker.state).toBe('open');
      await answer;
      await thread.terminate();
    });
  });

  it('keeps no process alive, closed or open', async () => {
    const script = `
      import { createBreaker } from ${JSON.stringify(entry)};
      const breaker = createBreaker({ name: 'idle', failuresInRow: 1, openMs: 60_000 });
      breaker.subscribe(({ type }) => console.log(type));
      breaker.permit().fail();
      createBreaker({ name: 'closed' });`;
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { timeout: 60_000 },
    );
    expect([stdout, stderr]).toEqual(['opened\n', '']);
  });
});
