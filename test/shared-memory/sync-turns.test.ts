import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { SYNC_MEMORY_BYTES, SYNC_PERMITS } from '../../src/shared-memory/sync-memory.js';
import { PERMIT_NS } from '../../src/shared-memory/sync-permits.js';
import { PER_PERMIT_MAX, SyncTurns, type WaitForChange } from '../../src/shared-memory/sync-turns.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const PERMIT_MS = Number(PERMIT_NS) / 1e6;

/** A loop that is never busy: it goes round before any sync ends. */
const goRoundAtOnce = () => Promise.resolve();

/** The timers of a thread, which do not fire once its loop hangs or the thread is dead. */
function timersOfThread(clock: SimulatedClock) {
  let hangs = false;
  const timers: Clock = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimeout: (callback, delayMs) => clock.setTimeout(() => hangs || callback(), delayMs),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
  return { timers, hang: () => (hangs = true) };
}

/** Gates of several threads of one process, on virtual time. */
function turnsOf(count: number) {
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
  const threads = Array.from({ length: count }, () => {
    const { timers, hang } = timersOfThread(clock);
    return Object.assign(new SyncTurns(memory, timers, wait, goRoundAtOnce), { hang });
  });
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

/** Turns of a thread that learns of what has ended once a round of its loop. */
function busyThread() {
  const memory = new SharedArrayBuffer(SYNC_MEMORY_BYTES);
  let ended: (() => void)[] = [];
  let rounds: (() => void)[] = [];
  const goRound = () => new Promise<void>((resolve) => rounds.push(resolve));
  const turns = new SyncTurns(memory, new SimulatedClock({ now: 1n }), () => never(), goRound);
  const counts = { atOnce: 0, done: 0 };
  const round = async () => {
    const seen = { ended, rounds };
    [ended, rounds] = [[], []];
    for (const resolve of seen.ended) resolve();
    await new Promise((resolve) => setImmediate(resolve));
    for (const resolve of seen.rounds) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** @param rounds - How often the loop goes round until it learns of the end. */
  const sync = (rounds: number) =>
    turns.run(async () => {
      counts.atOnce++;
      for (let i = 0; i < rounds; i++) await new Promise<void>((resolve) => ended.push(resolve));
      counts.atOnce--;
      counts.done++;
    });
  return { sync, round, counts };
}

describe('turns of syncs', () => {
  it('are taken by two at a time, over all threads, and every sync gets one, however slow the disk is', async () => {
    const takesMs = fc.oneof(
      fc.integer({ min: 0, max: PERMIT_MS - 1 }),
      fc.integer({ min: PERMIT_MS, max: 10 * PERMIT_MS }),
    );
    const sync = fc.record({ thread: fc.nat({ max: 3 }), atMs: fc.nat({ max: 50 }), takesMs });
    await fc.assert(
      fc.asyncProperty(fc.array(sync, { minLength: 1, maxLength: 15 }), async (syncs) => {
        const { clock, threads, sleeping, seen } = turnsOf(4);
        let done = 0;
        for (const { thread, atMs, takesMs } of syncs) {
          clock.setTimeout(() => {
            void threads[thread]!.run(sleeping(takesMs)).then(() => done++);
          }, atMs);
        }
        // A thread that has a turn itself may notice only after this time that another one is free.
        const totalMs = syncs.reduce((sum, { takesMs }) => sum + takesMs + PERMIT_MS, 0);
        await clock.advance(50 + totalMs);
        expect(done).toBe(syncs.length);
        expect(seen.atOnceMax).toBeLessThanOrEqual(SYNC_PERMITS);
        expect(clock.timersPending).toBe(0);
      }),
    );
  });

  it('are kept by syncs that never end, as long as their thread lives', async () => {
    const { clock, threads } = turnsOf(2);
    let begun = 0;
    for (let i = 0; i < 100; i++) {
      void threads[i % 2]!.run(() => {
        begun++;
        return never();
      });
    }
    await clock.advance(60_000);
    expect(begun).toBe(SYNC_PERMITS);
  });

  it('are in the order of the calls in one thread', async () => {
    const { clock, threads, sleeping } = turnsOf(1);
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
    const { clock, threads, sleeping } = turnsOf(2);
    const [dead, alive] = [threads[0]!, threads[1]!];
    void dead.run(never);
    void dead.run(never);
    await clock.advance(10 * PERMIT_MS);
    dead.hang();
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

  it('are not given back by a thread whose loop hung until another thread had its permit', async () => {
    const { clock, threads, sleeping, seen } = turnsOf(2);
    const [slow, other] = [threads[0]!, threads[1]!];
    void slow.run(sleeping(150));
    void slow.run(sleeping(150));
    slow.hang();
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

  it('are given back by a sync that fails', async () => {
    const { threads } = turnsOf(1);
    for (let i = 0; i < 10; i++) {
      const failing = threads[0]!.run(() => Promise.reject(new Error('EIO')));
      await expect(failing).rejects.toThrow('EIO');
    }
  });

  it('are taken by more at a time while they end before the loop has gone round', async () => {
    const { sync, round, counts } = busyThread();
    for (let i = 0; i < 100; i++) void sync(1);
    const done: number[] = [];
    for (let i = 0; i < 8; i++) {
      expect(counts.atOnce).toBeLessThanOrEqual(SYNC_PERMITS * PER_PERMIT_MAX);
      await round();
      done.push(counts.done);
    }
    // Each permit is good for more and more of them, up to the bound.
    expect(done).toEqual([2, 10, 26, 42, 58, 74, 90, 100]);
  });

  it('are taken by two at a time again once they take longer than the loop', async () => {
    const { sync, round, counts } = busyThread();
    for (let i = 0; i < 60; i++) void sync(1);
    while (counts.done < 60) await round();
    for (let i = 0; i < 200; i++) void sync(3);
    while (counts.done < 60 + 100) await round();
    const atOnce: number[] = [];
    for (let i = 0; i < 10; i++) {
      atOnce.push(counts.atOnce);
      await round();
    }
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(SYNC_PERMITS);
  });
});
