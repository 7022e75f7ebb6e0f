import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { code, drain, provider, startRates } from './coordinator-rig.js';

function limiterOf(x: BudgetInput) {
  const { clock, rates, open } = startRates({ providers: { x } });
  return { clock, rates, open, limiter: rates.limiter(provider) };
}

const history = { provider: 'x', endpoint: 'history' };

describe('tryAcquire', () => {
  it('gives the burst at once, then the rate', async () => {
    const { limiter, clock } = limiterOf({ permits: 10, per: '1s', burst: 3 });
    expect(drain(limiter)).toBe(3);
    expect(limiter.tryAcquire()).toBe(100_000_000);
    await clock.advance(99.999);
    expect(limiter.tryAcquire()).toBe(1_000);
    await clock.advance(0.001);
    expect(drain(limiter)).toBe(1);
    await clock.advance(60_000);
    expect(drain(limiter)).toBe(3);
  });

  it('gives as much at once as "permits" where no burst is set', () => {
    expect(drain(limiterOf({ permits: 7, per: '3s' }).limiter)).toBe(7);
  });

  it('tells the wait of the whole cost, and takes nothing when it refuses', async () => {
    const { limiter, clock } = limiterOf({ permits: 10, per: '1s', burst: 5 });
    expect(limiter.tryAcquire(3)).toBe(0);
    expect(limiter.tryAcquire(4)).toBe(200_000_000);
    expect(limiter.left()).toBe(2);
    await clock.advance(200);
    expect(limiter.tryAcquire(4)).toBe(0);
    expect(limiter.left()).toBe(0);
  });

  it('rounds the interval of a permit up: 7 per 3 s', async () => {
    const { limiter, clock } = limiterOf({ permits: 7, per: '3s', burst: 1 });
    limiter.tryAcquire();
    expect(limiter.tryAcquire()).toBe(428_571_429);
    let granted = 1;
    for (let waited = 0; waited < 3_000; waited++) {
      await clock.advance(1);
      granted += drain(limiter);
    }
    // One a 429 ms, by timers of 1 ms: never an eighth in 3 s.
    expect(granted).toBe(7);
  });

  it('has a rate with a fraction: 0.5 a second is one in two', async () => {
    const { limiter, clock } = limiterOf({ permitsPerSecond: 0.5 });
    expect(drain(limiter)).toBe(1);
    expect(limiter.tryAcquire()).toBe(2_000_000_000);
    await clock.advance(2_000);
    expect(drain(limiter)).toBe(1);
  });

  it('gives the burst of a rate of 0 once, and never again', async () => {
    const { limiter, clock, rates } = limiterOf({ permits: 0, burst: 3 });
    expect(limiter.tryAcquire(2)).toBe(0);
    expect(limiter.tryAcquire(2)).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.tryAcquire(1)).toBe(0);
    await clock.advance(1e9);
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    expect(rates.status(provider)).toMatchObject({ permits: 3, granted: 2, refused: 2, left: 0 });
    await expect(limiter.acquire()).rejects.toEqual(code('BUDGET_SPENT'));
    expect(clock.timersPending).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number])(
    'refuses a cost of %s',
    async (cost) => {
      const { limiter } = limiterOf({ permits: 10 });
      expect(() => limiter.tryAcquire(cost)).toThrow(code('COST_INVALID'));
      expect(() => limiter.reserve({ cost })).toThrow(code('COST_INVALID'));
      await expect(limiter.acquire({ cost })).rejects.toEqual(code('COST_INVALID'));
      expect(limiter.left()).toBe(10);
    },
  );

  it('refuses a cost above the burst, and says which budget and how much it gives', async () => {
    const { rates } = startRates({
      providers: { x: { permits: 100 } },
      tenants: { small: { permits: 5, per: '1s', burst: 2 } },
    });
    const limiter = rates.limiter({ tenant: 'small', provider: 'x' });
    expect(limiter.permitsMax).toBe(2);
    expect(() => limiter.tryAcquire(3)).toThrow(code('COST_ABOVE_BURST'));
    expect(() => limiter.tryAcquire(3)).toThrow(/cost of 3 .*"tenant:small".* at most 2 at once; split/);
    await expect(limiter.acquire({ cost: 3 })).rejects.toEqual(code('COST_ABOVE_BURST'));
    expect(() => limiter.reserve({ cost: 3 })).toThrow(code('COST_ABOVE_BURST'));
  });

  it('has no limit where the budget has none', () => {
    const { limiter, rates } = limiterOf({});
    for (let i = 0; i < 1_000; i++) expect(limiter.tryAcquire()).toBe(0);
    expect(limiter.left()).toBe(Number.POSITIVE_INFINITY);
    expect(rates.status(provider)).toMatchObject({ permits: 1_000, left: null, inFlight: null });
  });
});

describe('several limits', () => {
  const limits = [
    { permits: 6, per: '2s', algorithm: 'rolling' },
    { permits: 60, per: '10m', algorithm: 'rolling' },
  ] as const;

  it('hold together: 6 in any 2 s, 60 in any 10 min', async () => {
    const { limiter, clock } = limiterOf({ limits: [...limits] });
    const granted: number[] = [];
    for (let ms = 0; ms <= 620_000; ms += 500) {
      for (let taken = drain(limiter); taken > 0; taken--) granted.push(ms);
      await clock.advance(500);
    }
    for (const [i, at] of granted.entries()) {
      if (i >= 6) expect(at - granted[i - 6]!).toBeGreaterThanOrEqual(2_000);
      if (i >= 60) expect(at - granted[i - 60]!).toBeGreaterThanOrEqual(600_000);
    }
    expect(granted.filter((at) => at < 600_000)).toHaveLength(60);
    expect(granted.filter((at) => at <= 18_000)).toHaveLength(60);
    expect(granted.length).toBe(120);
  });

  it('tell the longest wait, and the least that is left', async () => {
    const { limiter, clock } = limiterOf({
      limits: [
        { permits: 10, per: '1s', burst: 2 },
        { permits: 5, per: '10s', algorithm: 'rolling' },
      ],
    });
    expect(limiter.left()).toBe(2);
    limiter.tryAcquire(2);
    expect(limiter.tryAcquire()).toBe(100_000_000);
    await clock.advance(1_000);
    limiter.tryAcquire(2);
    await clock.advance(1_000);
    expect(limiter.left()).toBe(1);
    expect(limiter.tryAcquire(2)).toBe(8_000_000_000);
    expect(limiter.permitsMax).toBe(2);
  });

  it('take from none of them when one refuses', async () => {
    const { limiter, clock } = limiterOf({
      limits: [
        { permits: 1, per: '1s', burst: 3 },
        { permits: 0, burst: 4 },
      ],
    });
    expect(drain(limiter)).toBe(3);
    await clock.advance(10_000);
    expect(limiter.tryAcquire(2)).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.tryAcquire(1)).toBe(0);
    expect(limiter.left()).toBe(0);
    await clock.advance(10_000);
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('several scopes', () => {
  const rig = () =>
    startRates({
      providers: { x: { permits: 4, per: '1s', endpoints: { history: { permits: 3, per: '1s' } } } },
      tenants: { a: { permits: 10, per: '1s' }, b: { permits: 2, per: '1s' } },
    });

  it('are all taken', () => {
    const { rates } = rig();
    const limiter = rates.limiter({ tenant: 'a', ...history });
    expect(limiter.tryAcquire(2)).toBe(0);
    for (const [ref, left] of [
      [{ tenant: 'a' }, 8],
      [history, 1],
      [provider, 2],
    ] as const) {
      expect(rates.status(ref)).toMatchObject({ permits: 2, granted: 1, left });
    }
    expect(limiter.left()).toBe(1);
  });

  it('cost the tenant nothing when the provider refuses, nor the provider when the tenant does', () => {
    const { rates } = rig();
    expect(drain(rates.limiter(provider))).toBe(4);
    expect(rates.limiter({ tenant: 'a', provider: 'x' }).tryAcquire()).toBeGreaterThan(0);
    expect(rates.status({ tenant: 'a' })).toMatchObject({ left: 10, refused: 1, permits: 0 });

    const other = rig().rates;
    expect(drain(other.limiter({ tenant: 'b' }))).toBe(2);
    expect(other.limiter({ tenant: 'b', ...history }).tryAcquire()).toBeGreaterThan(0);
    expect(other.status(provider).left).toBe(4);
    expect(other.status(history).left).toBe(3);
  });

  it('leave the other endpoints what one has not', () => {
    const { rates } = rig();
    expect(drain(rates.limiter(history))).toBe(3);
    expect(drain(rates.limiter(provider))).toBe(1);
  });

  it('can be spent from one by one: a tenant of its own', () => {
    const { rates } = rig();
    expect(drain(rates.limiter({ tenant: 'b' }))).toBe(2);
    expect(rates.status(provider).left).toBe(4);
  });
});

describe('reserve', () => {
  const reserve = (limiter: ReturnType<typeof limiterOf>['limiter'], cost = 1, maxWaitMs?: number) => {
    const reservation = limiter.reserve({ cost, ...(maxWaitMs !== undefined && { maxWaitMs }) });
    if (typeof reservation === 'number') throw new RangeError(`refused: ${reservation}`);
    return reservation;
  };

  it('takes the first free instants in order, and others come after', () => {
    const { limiter, clock } = limiterOf({ permits: 10, per: '1s', burst: 1 });
    const waits = [1, 2, 3].map(() => reserve(limiter).waitNs);
    expect(waits).toEqual([0, 100_000_000, 200_000_000]);
    expect(reserve(limiter).atNs).toBe(clock.now() + 300_000_000n);
    expect(limiter.tryAcquire()).toBe(400_000_000);
  });

  it('is given back exactly while nothing was taken after it, and once', () => {
    const { limiter } = limiterOf({ permits: 10, per: '1s', burst: 1 });
    limiter.tryAcquire();
    const reservation = reserve(limiter);
    expect(reservation.cancel()).toBe(true);
    expect(reservation.cancel()).toBe(false);
    expect(limiter.tryAcquire()).toBe(100_000_000);
  });

  it('stays spent once something was taken after it', () => {
    const { limiter } = limiterOf({ permits: 10, per: '1s', burst: 1 });
    const first = reserve(limiter);
    const second = reserve(limiter);
    expect(first.cancel()).toBe(false);
    expect(second.cancel()).toBe(true);
    expect(first.cancel()).toBe(false);
    expect(limiter.tryAcquire()).toBe(100_000_000);
  });

  it('takes nothing where the wait would be longer, and tells it', () => {
    const { limiter, rates } = limiterOf({ permits: 10, per: '1s', burst: 1 });
    limiter.tryAcquire();
    expect(limiter.reserve({ maxWaitMs: 99 })).toBe(100_000_000);
    expect(rates.status(provider)).toMatchObject({ granted: 1, refused: 1 });
    expect(reserve(limiter, 1, 100).waitNs).toBe(100_000_000);
  });

  it('waits for the end of a cooldown', () => {
    const { limiter, rates } = limiterOf({ permits: 10, per: '1s', burst: 5 });
    rates.cooldown(provider, 2_000);
    expect(reserve(limiter).waitNs).toBe(2_000_000_000);
    expect(reserve(limiter).waitNs).toBe(2_100_000_000);
  });

  it('never gives what a rate of 0 has not', () => {
    const { limiter } = limiterOf({ permits: 0, burst: 1 });
    expect(reserve(limiter).waitNs).toBe(0);
    expect(limiter.reserve()).toBe(Number.POSITIVE_INFINITY);
  });

  it('holds a rolling window, too, and is not given back there', async () => {
    const { limiter, clock } = limiterOf({ permits: 2, per: '1s', algorithm: 'rolling' });
    expect([reserve(limiter).waitNs, reserve(limiter).waitNs]).toEqual([0, 0]);
    const third = reserve(limiter);
    expect(third.waitNs).toBe(1_000_000_000);
    expect(third.cancel()).toBe(false);
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(1);
  });

  it('reaches 50 years ahead at most, so that no instant overflows', () => {
    const { limiter } = limiterOf({ permits: 1, per: '30d', algorithm: 'rolling' });
    const waits: number[] = [];
    for (let i = 0; i < 700; i++) {
      const reservation = limiter.reserve();
      if (typeof reservation !== 'number') waits.push(reservation.waitNs);
    }
    expect(waits.map((ns) => Math.round(ns / 86_400e9))).toEqual(
      Array.from({ length: 609 }, (_, i) => 30 * i),
    );
  });

  it('refuses a longest wait that is no number', () => {
    const { limiter } = limiterOf({ permits: 1 });
    expect(() => limiter.reserve({ maxWaitMs: Number.NaN })).toThrow(code('OPTIONS_INVALID'));
    expect(limiter.left()).toBe(1);
  });
});

describe('acquire', () => {
  it('refuses a time-out and a priority that are no numbers, and names both', async () => {
    const { limiter } = limiterOf({ permits: 1 });
    const call = limiter.acquire({ timeoutMs: Number.NaN, priority: Number.NaN });
    await expect(call).rejects.toEqual(code('OPTIONS_INVALID'));
    await expect(call).rejects.toThrow(/timeoutMs: expected a number, found NaN\n.*priority: .*NaN/);
    expect(limiter.left()).toBe(1);
  });

  it.each([Number.POSITIVE_INFINITY, 1e300, 1e308, 3e9])('takes a time-out of %s ms', async (timeoutMs) => {
    const { limiter, clock } = limiterOf({ permits: 1, per: '1s' });
    limiter.tryAcquire();
    const call = limiter.acquire({ timeoutMs });
    await clock.advance(1_000);
    expect((await call).waitedNs).toBe(1_000_000_000);
    expect(clock.timersPending).toBe(0);
  });

  it.each([Number.POSITIVE_INFINITY, 1e300, -1e300, 0.4])('takes a priority of %s', async (priority) => {
    const { limiter, clock } = limiterOf({ permits: 1, per: '1s' });
    limiter.tryAcquire();
    const call = limiter.acquire({ priority });
    await clock.advance(1_000);
    await expect(call).resolves.toMatchObject({ cost: 1 });
  });
});
