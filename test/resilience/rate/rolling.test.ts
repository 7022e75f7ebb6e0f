import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { GRANTED, STALE } from '../../../src/resilience/rate/verdict.js';
import { drain, provider, startRates } from './coordinator-rig.js';
import { rateMemory, START } from './rate-rig.js';

function rolling(permits: number, per: string) {
  const { clock, rates, open } = startRates({ providers: { x: { permits, per, algorithm: 'rolling' } } });
  return { clock, rates, open, limiter: rates.limiter(provider) };
}

describe('a rolling window', () => {
  it('gives its permits once a window, and each back when it has left', async () => {
    const { limiter, clock } = rolling(3, '1s');
    for (let i = 0; i < 3; i++) {
      expect(limiter.tryAcquire()).toBe(0);
      await clock.advance(200);
    }
    expect(limiter.tryAcquire()).toBe(400_000_000);
    expect(limiter.tryAcquire(3)).toBe(800_000_000);
    await clock.advance(399.999_999);
    expect(limiter.tryAcquire()).toBe(1);
    await clock.advance(0.000_001);
    expect(drain(limiter)).toBe(1);
    await clock.advance(10_000);
    expect(drain(limiter)).toBe(3);
  });

  it('lets no more than its permits into any window, over many laps and from all clients', async () => {
    const { limiter, open, clock } = rolling(5, '1s');
    const limiters = [limiter, open().limiter(provider)];
    const granted: number[] = [];
    for (let step = 0; step < 2_000; step++) {
      const cost = 1 + ((step * 7) % 3);
      if (limiters[step % 2]!.tryAcquire(cost) === 0) for (let i = 0; i < cost; i++) granted.push(step * 13);
      await clock.advance(13);
    }
    for (let i = 5; i < granted.length; i++)
      expect(granted[i]! - granted[i - 5]!).toBeGreaterThanOrEqual(1_000);
    expect(granted.length).toBeGreaterThan(100);
  });

  it('gives all that it may where permits are waited for', async () => {
    const { limiter, clock } = rolling(10, '100ms');
    const calls = Array.from({ length: 1_000 }, () => limiter.acquire());
    await clock.advance(9_900);
    await Promise.all(calls);
    expect(clock.timersPending).toBe(0);
    expect(limiter.left()).toBe(0);
  });

  it('with one permit is one in each window', async () => {
    const { limiter, clock } = rolling(1, '250ms');
    let granted = 0;
    for (let ms = 0; ms < 2_500; ms += 10) {
      granted += drain(limiter);
      await clock.advance(10);
    }
    expect(granted).toBe(10);
  });

  it('gives nothing to a take that slept through two changes before its last step', () => {
    const budget: BudgetInput = { permits: 2, per: '1s', algorithm: 'rolling' };
    const { view, set } = rateMemory({ x: budget }, { rollingPermitsMax: 8 });
    const sleeper = view('x', 0);
    expect(sleeper.take(START, 1)).toBe(GRANTED);
    const native = globalThis.Atomics;
    let swaps = 0;
    const compareExchange = (...step: Parameters<typeof native.compareExchange>) => {
      // The first one writes the instant, the second one moves the head.
      if (++swaps === 2) for (const per of ['2s', '1s']) set('x', { ...budget, per });
      return native.compareExchange(...step);
    };
    globalThis.Atomics = new Proxy(native, {
      get: (target, name) => (name === 'compareExchange' ? compareExchange : Reflect.get(target, name)),
    });
    let taken: number;
    try {
      taken = sleeper.take(START + 1n, 1);
    } finally {
      globalThis.Atomics = native;
    }
    expect(taken).toBe(STALE);
    const awake = view('x', 1);
    expect([awake.take(START + 2n, 1), awake.take(START + 2n, 1)]).toEqual([GRANTED, 999_999_998]);
  });
});
