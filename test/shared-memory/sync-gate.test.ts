import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PERMIT_NS, SyncGate, TURN_NS_MAX, type WaitForChange } from '../../src/shared-memory/sync-gate.js';
import { SYNC_MEMORY_BYTES, SYNC_PERMITS } from '../../src/shared-memory/sync-memory.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const PERMIT_MS = Number(PERMIT_NS) / 1e6;

/** Gates of several threads of one process, on virtual time. */
function gates(count: number) {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const memory = new SharedArrayBuffer(SYNC_MEMORY_BYTES);
  const waiting = new Set<() => void>();
  const wait: WaitForChange = (cell, seen, timeoutMs) =>
    new Promise((resolve) => {
      const look = () => {
        if (Atomics.load(cell, 0) === seen) return;
        finish();
      };
      const finish = () => {
        waiting.delete(look);
        clock.clearTimeout(timer);
        resolve();
      };
      const timer = clock.setTimeout(finish, timeoutMs);
      waiting.add(look);
      look();
    });
  const threads = Array.from({ length: count }, () => new SyncGate(memory, clock, wait));
  /** As `Atomics.notify` does: of those who wait, one looks. */
  const notify = () => {
    for (const look of [...waiting]) look();
  };
  let atOnce = 0;
  const seen = { atOnceMax: 0 };
  const sleeping = (ms: number) => async () => {
    seen.atOnceMax = Math.max(seen.atOnceMax, ++atOnce);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    atOnce--;
    queueMicrotask(() => queueMicrotask(notify));
  };
  return { clock, threads, sleeping, seen, notify };
}

const never = () => new Promise<void>(() => {});

describe('turns of syncs', () => {
  it('are taken by two at a time, over all threads, and every sync gets one', async () => {
    const sync = fc.record({
      thread: fc.nat({ max: 3 }),
      atMs: fc.nat({ max: 50 }),
      takesMs: fc.integer({ min: 0, max: PERMIT_MS - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(sync, { minLength: 1, maxLength: 25 }), async (syncs) => {
        const { clock, threads, sleeping, seen } = gates(4);
        let done = 0;
        for (const { thread, atMs, takesMs } of syncs) {
          clock.setTimeout(() => {
            void threads[thread]!.run(sleeping(takesMs)).then(() => done++);
          }, atMs);
        }
        const totalMs = syncs.reduce((sum, { takesMs }) => sum + takesMs + 1, 0);
        await clock.advance(50 + totalMs);
        expect(done).toBe(syncs.length);
        if (totalMs / SYNC_PERMITS < Number(TURN_NS_MAX) / 1e6) {
          expect(seen.atOnceMax).toBeLessThanOrEqual(SYNC_PERMITS);
        }
        expect(clock.timersPending).toBe(0);
      }),
    );
  });

  it('are in the order of the calls in one thread', async () => {
    const { clock, threads, sleeping } = gates(1);
    const order: number[] = [];
    for (let i = 0; i < 20; i++) {
      void threads[0]!.run(async () => {
        order.push(i);
        await sleeping(5)();
      });
    }
    await clock.advance(100);
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('are held up once by a thread that died with both, and no longer than a permit lasts', async () => {
    const { clock, threads, sleeping } = gates(2);
    const [dead, alive] = threads as [SyncGate, SyncGate];
    void dead.run(never);
    void dead.run(never);
    const doneAt: number[] = [];
    const start = Number(clock.now()) / 1e6;
    const run = () => void alive.run(sleeping(1)).then(() => doneAt.push(Number(clock.now()) / 1e6 - start));
    run();
    await clock.advance(PERMIT_MS - 1);
    expect(doneAt).toEqual([]);
    await clock.advance(3);
    expect(doneAt).toEqual([PERMIT_MS + 1]);
    run();
    await clock.advance(1);
    expect(doneAt).toHaveLength(2);
    expect(clock.timersPending).toBe(0);
  });

  it('are not given up by one that took so long that its permit is somebody else’s', async () => {
    const { clock, threads, sleeping, seen } = gates(2);
    const [slow, other] = threads as [SyncGate, SyncGate];
    void slow.run(sleeping(150));
    void slow.run(sleeping(150));
    await clock.advance(PERMIT_MS);
    // Both take the place of one that has expired, and are at it when those come to their end.
    void other.run(sleeping(90));
    void other.run(sleeping(90));
    await clock.advance(60);
    seen.atOnceMax = 0;
    void other.run(sleeping(1));
    await clock.advance(29);
    expect(seen.atOnceMax).toBe(0);
    await clock.advance(10);
    expect(seen.atOnceMax).toBeGreaterThan(0);
  });

  it('are not waited for longer than a second, however many wait and however slow the disk is', async () => {
    const { clock, threads } = gates(1);
    let begun = 0;
    for (let i = 0; i < 100; i++) {
      void threads[0]!.run(() => {
        begun++;
        return never();
      });
    }
    await clock.advance(Number(TURN_NS_MAX) / 1e6 - 1);
    expect(begun).toBeLessThanOrEqual(2 * 10);
    await clock.advance(2);
    expect(begun).toBe(100);
    expect(clock.timersPending).toBe(0);
  });

  it('are given back by a sync that fails', async () => {
    const { threads } = gates(1);
    for (let i = 0; i < 10; i++) {
      const failing = threads[0]!.run(() => Promise.reject(new Error('EIO')));
      await expect(failing).rejects.toThrow('EIO');
    }
  });
});
