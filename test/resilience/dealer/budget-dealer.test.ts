import { describe, expect, it, vi } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { BudgetDealer } from '../../../src/resilience/dealer/budget-dealer.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { tried } from '../../support/deep.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { drain } from '../rate/coordinator-rig.js';
import { type Child, ref, startFamily } from './dealer-rig.js';

type Family = ReturnType<typeof startFamily>;

/** All take what they get, every 10 ms. @returns What each was granted, the parent first. */
async function spend(family: Family, children: readonly Child[], ms: number): Promise<number[]> {
  const limiters = [family.limiter, ...children.map(({ limiter }) => limiter)];
  const granted = limiters.map(() => 0);
  for (let left = ms; left > 0; left -= 10) {
    await family.clock.advance(10);
    for (const [i, limiter] of limiters.entries()) granted[i]! += drain(limiter);
  }
  return granted;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

describe('a budget that is dealt to child processes', () => {
  it('is whole for the threads of the parent while there is no child', async () => {
    const { clock, limiter } = startFamily({ permits: 100 });
    expect(drain(limiter)).toBe(100);
    await clock.advance(10_000);
    expect(limiter.left()).toBe(100);
    expect(clock.timersPending).toBe(0);
  });

  it('is used for the most part by all who lack something, in equal parts', async () => {
    const family = startFamily({ permits: 100 });
    const children = [family.startChild(), family.startChild(), family.startChild()];
    await spend(family, children, 3_000);
    const granted = await spend(family, children, 20_000);
    expect(sum(granted)).toBeGreaterThan(0.9 * 2_000);
    for (const own of granted) expect(own).toBeGreaterThan(0.2 * 2_000);
    expect(family.problems).toEqual([]);
  });

  it('goes to the child that uses it while the others and the threads are idle', async () => {
    const family = startFamily({ permits: 100 });
    const [busy, idle] = [family.startChild(), family.startChild()];
    await family.clock.advance(1_000);
    let granted = 0;
    for (let ms = 0; ms < 20_000; ms += 10) {
      await family.clock.advance(10);
      granted += drain(busy.limiter);
    }
    expect(granted).toBeGreaterThan(0.75 * 2_000);
    expect(idle.limiter.left()).toBeGreaterThan(0);
  });

  it('is whole for the threads again once the shares of dead children have ended, and no sooner', async () => {
    const family = startFamily({ permits: 100 });
    const child = family.startChild();
    await spend(family, [child], 5_000);
    child.kill();
    const during = await spend(family, [], 1_200);
    expect(sum(during)).toBeLessThan(80);
    await family.clock.advance(5_000);
    const after = await spend(family, [], 10_000);
    expect(sum(after)).toBeGreaterThan(950);
    expect(family.clock.timersPending).toBe(0);
  });

  it('serves calls that cost more than any equal part, in the threads and in children', async () => {
    const family = startFamily({ permits: 10 });
    const children = [family.startChild(), family.startChild()];
    const served = { threads: 0, first: 0, second: 0 };
    const keepAsking = async (limiter: Child['limiter'], name: keyof typeof served) => {
      for (;;) {
        await limiter.acquire({ cost: 10 });
        served[name]++;
      }
    };
    for (const [limiter, name] of [
      [family.limiter, 'threads'],
      [children[0]!.limiter, 'first'],
      [children[1]!.limiter, 'second'],
    ] as const) {
      keepAsking(limiter, name).catch(() => {});
    }
    await family.clock.advance(60_000);
    expect(Math.min(served.threads, served.first, served.second)).toBeGreaterThan(2);
    expect(sum(Object.values(served))).toBeGreaterThan(12);
  });

  it.each<[string, { permits: number; per?: string; inFlight?: number; burst?: number }]>([
    ['one permit at a time', { permits: 1, per: '100ms' }],
    ['one place in flight', { permits: 1_000, inFlight: 1 }],
  ])('gives each its turn where there is %s', async (_, budget) => {
    const family = startFamily(budget);
    const children = [family.startChild(), family.startChild(), family.startChild()];
    const served = [0, 0, 0, 0];
    for (const [i, limiter] of [family.limiter, ...children.map((child) => child.limiter)].entries()) {
      void (async () => {
        for (;;) {
          const permit = await limiter.acquire();
          served[i]!++;
          await new Promise<void>((resolve) => void family.clock.setTimeout(resolve, 5));
          permit.release();
        }
      })().catch(() => {});
    }
    await family.clock.advance(40_000);
    expect(Math.min(...served)).toBeGreaterThan(5);
  });

  it('tells a cooldown of one child to the threads and to all other children', async () => {
    const family = startFamily({ permits: 100 });
    const children = [family.startChild(), family.startChild()];
    await family.clock.advance(1_000);
    children[0]!.rates.throttled({ provider: 'x' }, 5_000);
    await family.clock.advance(60);
    expect(family.rates.status(ref).cooldownMs).toBeGreaterThan(4_800);
    expect(children[1]!.rates.status(ref).cooldownMs).toBeGreaterThan(4_800);
  });

  it('tells a cooldown of the threads to all children', async () => {
    const family = startFamily({ permits: 100 });
    const child = family.startChild();
    await family.clock.advance(1_000);
    family.rates.throttled({ provider: 'x' }, 5_000);
    await family.clock.advance(150);
    expect(child.rates.status(ref).cooldownMs).toBeGreaterThan(4_700);
  });

  it('deals nothing before what was reserved of it is due', async () => {
    const family = startFamily({ permits: 10 });
    drain(family.limiter);
    const reservation = family.limiter.reserve({ cost: 10 });
    expect(reservation).toMatchObject({ waitNs: 1_000_000_000 });
    family.limiter.reserve({ cost: 10 });
    const child = family.startChild();
    await family.clock.advance(1_900);
    expect(drain(child.limiter)).toBe(0);
    await family.clock.advance(4_000);
    expect(drain(child.limiter)).toBeGreaterThan(0);
  });

  it('deals a budget that was changed as it is now', async () => {
    const family = startFamily({ permits: 100 });
    const child = family.startChild();
    await family.clock.advance(1_000);
    family.rates.set(ref, { permits: 20, inFlight: 4 });
    await spend(family, [child], 4_000);
    const granted = await spend(family, [child], 10_000);
    expect(sum(granted)).toBeLessThanOrEqual(220);
    expect(child.rates.limiter(ref).permitsMax).toBe(20);
    expect(family.problems).toEqual([]);
  });

  it('grants a quota once, whoever spends it, and whoever dies', async () => {
    const family = startFamily({ permits: 0, burst: 100 });
    const first = family.startChild();
    let granted = sum(await spend(family, [first], 500));
    first.kill();
    const second = family.startChild();
    granted += sum(await spend(family, [second], 10_000));
    second.kill();
    granted += sum(await spend(family, [], 10_000));
    expect(granted).toBeLessThanOrEqual(100);
    expect(granted).toBeGreaterThan(50);
  });

  it('grants a quota once, whatever is asked for right after another request', async () => {
    for (let seed = 1; seed <= tried(40, 200, 1_000); seed++) {
      const family = startFamily({ permits: 0, burst: 200 }, { seed });
      const random = new Random(seed);
      const children = [family.startChild(), family.startChild(), family.startChild()];
      let granted = 0;
      for (let step = 0; step < 120; step++) {
        const limiters = [family.limiter, ...children.map(({ limiter }) => limiter)];
        const limiter = limiters[Math.floor(random.next() * limiters.length)]!;
        for (let times = Math.floor(random.next() * 12); times > 0; times--) {
          if (limiter.tryAcquire() === 0) granted++;
        }
        await family.clock.advance(random.next() * 30);
      }
      for (const child of children) child.kill();
      expect(granted, `with the seed ${seed}`).toBeLessThanOrEqual(200);
    }
  });

  it('grants a quota once that threads spend from while their part of it is made smaller', async () => {
    const clock = new SimulatedClock();
    const rates = new RateCoordinator({ clock, providers: { x: { permits: 0, burst: 100 } } });
    let taken = 0;
    // As if another thread took them after it was looked at, and before the part of the threads is there.
    const dealBy = rates.dealBy.bind(rates);
    rates.dealBy = (dealer) => {
      const dealt = dealBy(dealer);
      return {
        ...dealt,
        share(of, part) {
          if (part.budget.limits?.[0]?.burst !== 100) taken += drain(rates.limiter(of));
          dealt.share(of, part);
        },
      };
    };
    const port = new BudgetDealer({ rates, clock }).portOf('a');
    const answer = await port.renew({
      ...{ scope: 'provider:x', owner: 'a', request: 1, holds: 0, cooldownMs: 0, inFlight: 0 },
      demand: { permits: 0, isShort: true, wanted: 0 },
    });
    expect(taken).toBe(100);
    expect(answer.budget).toEqual({ permits: 0 });
  });

  it('is not dealt, and stays whole for the threads, while there is no room for another window of its size', async () => {
    const family = startFamily({ permits: 10 }, { rollingPermitsMax: 1_024 });
    family.rates.set(ref, { permits: 700, per: '1h', algorithm: 'rolling' });
    const child = family.startChild();
    await family.clock.advance(10_000);
    expect(child.limiter.left()).toBe(0);
    expect(drain(family.limiter) + drain(child.limiter)).toBeLessThanOrEqual(700);
    expect(family.problems[0]).toMatchObject({ code: 'RATE_TABLE_FULL' });
    await family.clock.advance(3_700_000);
    expect(drain(family.limiter) + drain(child.limiter)).toBe(700);
  });

  it('keeps its parts when it is changed to a window that there is no room for', async () => {
    const family = startFamily({ permits: 100 }, { rollingPermitsMax: 1_024 });
    const child = family.startChild();
    await family.clock.advance(2_000);
    family.rates.set({ provider: 'y' }, { permits: 900, per: '1s', algorithm: 'rolling' });
    expect(() => family.rates.set(ref, { permits: 700, per: '1h', algorithm: 'rolling' })).not.toThrow();
    await family.clock.advance(10_000);
    expect(drain(family.limiter) + drain(child.limiter)).toBeLessThanOrEqual(100);
    expect(family.problems[0]).toMatchObject({ code: 'RATE_TABLE_FULL' });
    expect(family.problems.length).toBeLessThan(200);
  });

  it('is dealt by one, and its share is not changed by hand meanwhile', async () => {
    const family = startFamily({ permits: 100 });
    const { rates, clock } = family;
    expect(() => new BudgetDealer({ rates, clock })).toThrow('found a dealer of them');
    const part = { budget: { permits: 50 }, endNs: 0n };
    rates.share(ref, part);
    rates.unshare(ref);
    family.startChild();
    await clock.advance(1_000);
    expect(() => rates.share(ref, part)).toThrow('found one that it deals');
    expect(() => rates.unshare(ref)).toThrow('found one that it deals');
  });

  it('is not dealt while it is itself a share of a budget of another process', async () => {
    const family = startFamily({ permits: 100 });
    family.rates.share(ref, { budget: { permits: 50 }, endNs: 0n });
    const child = family.startChild();
    await family.clock.advance(2_000);
    expect(child.limiter.left()).toBe(0);
    expect(String(family.problems[0])).toContain('found a share of one');
  });

  it('is dealt though another budget cannot be, and says so once', async () => {
    const family = startFamily({ permits: 100 });
    const child = family.startChild();
    const port = family.dealer.portOf('other');
    family.rates.set({ provider: 'y' }, { permits: 100 });
    const request = { scope: 'provider:y', owner: 'other', request: 1, holds: 0, cooldownMs: 0, inFlight: 0 };
    await port.renew(request);
    const { status: statusOf } = family.rates;
    const status = vi.spyOn(family.rates, 'status').mockImplementation((of) => {
      if (of.provider === 'y') throw new Error('no status');
      return statusOf.call(family.rates, of);
    });
    await family.clock.advance(1_000);
    status.mockRestore();
    expect(family.problems.map(String)).toEqual(['Error: no status']);
    expect(child.limiter.tryAcquire()).toBe(0);
  });

  it('takes no part for given up that was never given', async () => {
    const { dealer } = startFamily({ permits: 100 });
    const request = { scope: 'provider:x', owner: 'a', request: 2, holds: 1, cooldownMs: 0, inFlight: 0 };
    await expect(dealer.portOf('a').renew(request)).rejects.toThrow('holds: expected 0 to 0');
  });
});
