import { EventEmitter } from 'node:events';
import { threadId, type Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openPacer, Pacer } from '../../../src/resilience/rate/pacer.js';
import { openRates } from '../../../src/resilience/rate/rate-client.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { BlockedClock, code, drain } from './coordinator-rig.js';
import { START } from './rate-rig.js';

function start(
  budget: ConstructorParameters<typeof Pacer>[0],
  more: ConstructorParameters<typeof Pacer>[1] = {},
) {
  const clock = new SimulatedClock({ now: START });
  return { clock, pacer: new Pacer(budget, { clock, ...more }) };
}

describe('a pacer', () => {
  it('spends from one budget: tryAcquire, acquire, reserve', async () => {
    const { clock, pacer } = start({ permits: 10, per: '1s', burst: 2 });
    expect(pacer.tryAcquire(2)).toBe(0);
    const call = pacer.acquire({ cost: 1 });
    await clock.advance(100);
    expect((await call).waitedNs).toBe(100_000_000);
    expect(pacer.reserve({ maxWaitMs: 99 })).toBe(100_000_000);
    expect(pacer.reserve()).toMatchObject({ waitNs: 100_000_000 });
    expect(pacer.status()).toMatchObject({ permits: 4, granted: 3, waited: 1, refused: 1, left: 0 });
  });

  it('runs a function when its turn comes, and frees its place however it ends', async () => {
    const { pacer } = start({ inFlight: 1 });
    expect(await pacer.run(() => pacer.status().inFlight)).toBe(1);
    await expect(pacer.run(() => Promise.reject(new RangeError('no')))).rejects.toThrow('no');
    expect(pacer.tryAcquire()).toBe(0);
    const next = pacer.run(() => 'next');
    pacer.release();
    expect(await next).toBe('next');
  });

  it('does not call the function where it gets no permit', async () => {
    const { pacer } = start({ permits: 0, burst: 1 });
    pacer.tryAcquire();
    await expect(pacer.run(() => expect.unreachable())).rejects.toEqual(code('BUDGET_SPENT'));
  });

  it('is changed and cooled down while it runs', async () => {
    const { clock, pacer } = start({ permits: 10, per: '1s', burst: 2 });
    expect(drain(pacer)).toBe(2);
    pacer.set({ permits: 10, per: '1s', burst: 3 });
    await clock.advance(300);
    expect(drain(pacer)).toBe(3);
    pacer.cooldown(1_000);
    await clock.advance(999);
    expect(pacer.tryAcquire()).toBe(1_000_000);
    expect(pacer.status().cooldownMs).toBe(1);
  });

  it('is opened in other threads by its handle, which is plain data', () => {
    const { clock, pacer } = start({ permits: 5 });
    const other = openPacer(structuredClone(pacer.handle()), { clock });
    expect(other.tryAcquire(3)).toBe(0);
    expect(drain(pacer)).toBe(2);
  });

  it('gives what it opened in a thread its place in the table back when that is closed', async () => {
    const { clock, pacer } = start({ permits: 100, inFlight: 2 }, { threadsMax: 2 });
    for (let i = 0; i < 10; i++) {
      const opened = openPacer(pacer.handle(), { clock });
      expect([drain(opened), opened.left(), opened.status().inFlight]).toEqual([2, 98 - 2 * i, 2]);
      const call = opened.acquire();
      opened.close();
      await expect(call).rejects.toEqual(code('RATE_CLOSED'));
      expect(pacer.status().inFlight).toBe(0);
    }
  });

  it('takes no place in the table where it cannot be opened', () => {
    const clock = new SimulatedClock({ now: START });
    const others = new RateCoordinator({ clock, threadsMax: 2 });
    others.set({ provider: 'other' }, { permits: 1 });
    for (let i = 0; i < 3; i++)
      expect(() => openPacer(others.handle(), { clock })).toThrow(code('SCOPE_UNKNOWN'));
    openRates(others.handle(), { clock }).close();
  });

  it('is cooled down for all threads by what one of them opened', () => {
    const { clock, pacer } = start({ permits: 100 });
    openPacer(pacer.handle(), { clock }).cooldown(5_000);
    expect(pacer.status().cooldownMs).toBe(5_000);
  });

  it('has room for a rolling window of the size that it is told', () => {
    const budget = { permits: 100_000, per: '1m', algorithm: 'rolling' } as const;
    expect(() => start(budget)).toThrow(code('RATE_TABLE_FULL'));
    expect(() => start(budget)).toThrow('"rollingPermitsMax"');
    const { pacer } = start(budget, { rollingPermitsMax: 200_000 });
    expect(pacer.tryAcquire(100_000)).toBe(0);
    expect(pacer.tryAcquire()).toBe(60_000_000_000);
    pacer.set(budget);
    expect(pacer.tryAcquire()).toBe(60_000_000_000);
  });

  it('refuses those who wait when it is closed, and leaves no timer', async () => {
    const { clock, pacer } = start({ permits: 1, per: '1h' });
    pacer.tryAcquire();
    const call = pacer.acquire();
    pacer.close();
    await expect(call).rejects.toEqual(code('RATE_CLOSED'));
    expect(clock.timersPending).toBe(0);
    expect(() => pacer.tryAcquire()).toThrow(code('RATE_CLOSED'));
  });

  it('uses the clock of the system without one', () => {
    const pacer = new Pacer({ permits: 2, per: '1h' });
    expect(drain(pacer)).toBe(2);
    expect(pacer.tryAcquire()).toBeLessThanOrEqual(1_800_000_000_000);
    pacer.close();
  });
});

describe('a thread that has ended', () => {
  // Each client stands for a thread; they all have the id of this one.
  const other = (pacer: Pacer, clock: SimulatedClock) => openPacer(pacer.handle(), { clock });

  it('gives its places in flight and its place in the table back', async () => {
    const { clock, pacer } = start({ permits: 100, inFlight: 2 }, { threadsMax: 2 });
    const dead = other(pacer, clock);
    expect(drain(dead)).toBe(2);
    expect(() => other(pacer, clock)).toThrow(code('RATE_TABLE_FULL'));
    pacer.reclaim(threadId);
    expect(pacer.status()).toMatchObject({ inFlight: 0, granted: 2, permits: 2 });
    expect(drain(other(pacer, clock))).toBe(2);
  });

  it('leaves the line of those who wait', async () => {
    const { clock, pacer } = start({ permits: 1, per: '1s' });
    const dead = other(pacer, new BlockedClock(clock));
    dead.tryAcquire();
    void dead.acquire().catch(() => {});
    pacer.reclaim(threadId);
    await clock.advance(1_000);
    expect(pacer.tryAcquire()).toBe(0);
  });

  it('is reclaimed by itself once its worker is attached', () => {
    const { pacer } = start({ inFlight: 1 });
    const worker = Object.assign(new EventEmitter(), { threadId }) as unknown as Worker;
    pacer.attach(worker);
    expect(pacer.tryAcquire()).toBe(0);
    worker.emit('exit', 1);
    expect(pacer.status().inFlight).toBe(0);
  });
});

describe('a handle', () => {
  const { pacer } = start({});
  const good = pacer.handle();

  function truncated(memory: SharedArrayBuffer, bytes: number): SharedArrayBuffer {
    const short = new SharedArrayBuffer(memory.byteLength - bytes);
    new Uint8Array(short).set(new Uint8Array(memory).subarray(0, short.byteLength));
    return short;
  }

  function overwritten(memory: SharedArrayBuffer, word: number, value: number): SharedArrayBuffer {
    const other = truncated(memory, 0);
    new Int32Array(other)[word] = value;
    return other;
  }

  it.each([
    undefined,
    null,
    {},
    { ...good, kind: 'other' },
    { ...good, memory: new ArrayBuffer(1_024) },
    { ...good, memory: new SharedArrayBuffer(8) },
    { ...good, memory: new SharedArrayBuffer(1_024) },
    { kind: good.kind, memory: good.memory },
    { ...good, waitersMax: undefined },
    { ...good, protocol: undefined },
    { ...good, protocol: 1 },
    { ...good, memory: truncated(good.memory, 8) },
    { ...good, memory: truncated(good.memory, 1) },
    { ...good, memory: overwritten(good.memory, 2, -1) },
    { ...good, memory: overwritten(good.memory, 3, 2 ** 30) },
    { ...good, memory: overwritten(good.memory, 1, 1) },
    'a text',
    7,
    () => good,
  ])('that is none is refused: %j', (handle) => {
    expect(() => openRates(handle as typeof good)).toThrow(code('HANDLE_INVALID'));
    expect(() => openPacer(handle as typeof good)).toThrow(/Expected a handle of budgets/);
  });
});
