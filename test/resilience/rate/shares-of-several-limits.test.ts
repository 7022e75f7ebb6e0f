import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { drain, provider, startRates } from './coordinator-rig.js';
import { MS } from './rate-rig.js';

/** So many permits a second and in ten minutes. */
const two = (second: number, long: number, algorithm: 'smooth' | 'rolling' = 'smooth'): BudgetInput => ({
  limits: [{ permits: second }, { permits: long, per: '10m', algorithm }],
});
const NOTHING: BudgetInput = { permits: 0 };
const HOUR_MS = 3_600_000;

function shared(whole: BudgetInput) {
  const { clock, rates } = startRates({ providers: { x: whole } });
  const limiter = rates.limiter(provider);
  const share = (budget: BudgetInput, forMs = HOUR_MS) =>
    rates.share(provider, { budget, endNs: clock.now() + BigInt(forMs) * MS });
  /** Takes all that comes within so many seconds. */
  const spend = async (seconds: number) => {
    let taken = 0;
    for (let tenths = 0; tenths < seconds * 10; tenths++) {
      taken += drain(limiter);
      await clock.advance(100);
    }
    return taken;
  };
  return { clock, rates, limiter, share, spend };
}

describe('a share of several limits', () => {
  it.each([
    ['smooth', 1],
    ['rolling', 0],
  ] as const)('that was nothing for now begins with all of them empty: %s', async (algorithm, earned) => {
    const whole = two(10, 60, algorithm);
    const { clock, share, spend } = shared(whole);
    share(NOTHING);
    await clock.advance(1_000);
    share(whole);
    expect(await spend(10)).toBeLessThanOrEqual(earned);
  });

  it('begins with those empty that the share before did not have', async () => {
    const { clock, share, spend } = shared(two(10, 60));
    share({ permits: 10 });
    await clock.advance(5_000);
    share(two(10, 60));
    expect(await spend(10)).toBeLessThanOrEqual(1);
  });

  it.each([2, 5, 6])('goes on from the same limits when all are divided by %i', async (by) => {
    const whole = {
      limits: [
        { permits: 6, per: '2s' },
        { permits: 60, per: '10m' },
      ],
    };
    const { clock, share, spend } = shared(whole);
    share(whole);
    await clock.advance(1_200_000);
    expect(await spend(40)).toBeGreaterThan(60);
    share({
      limits: [
        { permits: Math.floor(6 / by), per: '2s' },
        { permits: 60 / by, per: '10m' },
      ],
    });
    expect(await spend(240)).toBeLessThanOrEqual(Math.ceil((240 * 60) / by / 600) + 1);
  });

  it('that goes from one host to the other and back gives both together no more than the whole', async () => {
    const whole = two(10, 60);
    const hosts = [shared(whole), shared(whole)];
    for (const { share } of hosts) share(NOTHING);
    let taken = 0;
    for (let turn = 0; turn < 10; turn++) {
      hosts[(turn + 1) % 2]!.share(NOTHING);
      hosts[turn % 2]!.share(whole);
      const spent = await Promise.all(hosts.map(({ spend }) => spend(10)));
      taken += spent[0]! + spent[1]!;
    }
    expect(taken).toBeLessThanOrEqual(10);
  });

  it('begins empty once the declared limits have changed their order', async () => {
    const { clock, rates, share, spend } = shared(two(10, 60));
    share(two(10, 60));
    await clock.advance(HOUR_MS / 2);
    const turned = { limits: [{ permits: 60, per: '10m' }, { permits: 10 }] };
    rates.set(provider, turned);
    share(turned);
    expect(await spend(10)).toBeLessThanOrEqual(1);
  });
});

describe('a budget that is declared anew while it is a share', () => {
  const WHOLE: BudgetInput = { permits: 10 };

  it('stays the share that it is, to its end', async () => {
    const { clock, rates, limiter, share, spend } = shared(WHOLE);
    share({ permits: 1 }, 3_000);
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(1);
    rates.set(provider, WHOLE);
    expect(await spend(60)).toBeLessThanOrEqual(2);
  });

  it('judges costs by what is declared now', async () => {
    const { clock, rates, limiter, share } = shared(WHOLE);
    share({ permits: 3 });
    await clock.advance(5_000);
    rates.set(provider, { permits: 20 });
    expect(limiter.left()).toBe(3);
    expect(limiter.tryAcquire(15)).toBe(Number.POSITIVE_INFINITY);
    expect(() => limiter.tryAcquire(21)).toThrow(/at most 20/);
  });

  it('is whole again by a call of its own, with nothing saved up by that', async () => {
    const { clock, rates, limiter, share } = shared(WHOLE);
    share({ permits: 2 }, 100);
    await clock.advance(10_000);
    rates.unshare(provider);
    expect(drain(limiter)).toBe(0);
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(10);
    rates.unshare(provider);
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(10);
  });

  it('grants nothing before its next share if it was removed in between', async () => {
    const { clock, rates, share } = shared(WHOLE);
    share({ permits: 2 });
    rates.remove(provider);
    rates.set(provider, WHOLE);
    const limiter = rates.limiter(provider);
    await clock.advance(10_000);
    expect(drain(limiter)).toBe(0);
    share({ permits: 2 });
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(2);
  });

  it('keeps the weight and the places that were declared, and has no more places than those', async () => {
    const { clock, rates } = startRates({
      providers: { x: { permits: 100, burst: 5 } },
      tenants: { a: { permits: 1_000, weight: 9, inFlight: 4 }, b: { permits: 1_000 } },
    });
    const share = (more: BudgetInput) =>
      rates.share({ tenant: 'a' }, { budget: { permits: 1_000, ...more }, endNs: 0n });
    share({});
    const counts = { a: 0, b: 0 };
    const loop = async (tenant: 'a' | 'b') => {
      const limiter = rates.limiter({ tenant, ...provider });
      for (;;) {
        (await limiter.acquire()).release();
        counts[tenant]++;
      }
    };
    for (let i = 0; i < 20; i++) for (const tenant of ['a', 'b'] as const) void loop(tenant).catch(() => {});
    await clock.advance(5_000);
    expect(counts.a).toBeGreaterThan(7 * counts.b);
    rates.close();
    expect(rates.status({ tenant: 'a' }).inFlight).not.toBeNull();
  });
});
