import { describe, expect, it } from 'vitest';
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
    const { clock, limiter, dealer } = startFamily({ permits: 100 });
    expect(drain(limiter)).toBe(100);
    await clock.advance(10_000);
    expect(limiter.left()).toBe(100);
    expect(clock.timersPending).toBe(0);
    dealer.close();
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
});
