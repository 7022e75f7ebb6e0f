import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { type Admission, checkRolling, checkSmooth } from '../../support/admission-checker.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { drain, provider } from './coordinator-rig.js';
import '../../support/property-seed.js';

const PERMITS = 100;
const WHOLE = { permits: PERMITS };

/** Two hosts on one clock, between which a budget is divided. */
function twoHosts(whole = WHOLE) {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const hosts = [1, 2].map(() => new RateCoordinator({ clock, providers: { x: whole } }));
  const divide = (first: number) => {
    // Who gives up comes first.
    const parts = [first, PERMITS - first];
    for (const [i, rates] of hosts.entries()) {
      const permits = parts[i]!;
      rates.share(provider, { budget: permits === 0 ? { permits: 0 } : { ...whole, permits }, endNs: 0n });
    }
  };
  return { clock, hosts, limiters: hosts.map((rates) => rates.limiter(provider)), divide };
}

describe('shares that go to and fro', () => {
  it.each([
    [99, 1_000],
    [99, 300],
    [100, 1_000],
    [75, 250],
  ])('are used for the most part: %i of 100, turned each %i ms', async (most, everyMs) => {
    const { clock, limiters, divide } = twoHosts();
    divide(50);
    await clock.advance(2_000);
    for (const limiter of limiters) drain(limiter);
    let granted = 0;
    const turns = 20_000 / everyMs;
    for (let turn = 0; turn < turns; turn++) {
      divide(turn % 2 === 0 ? most : PERMITS - most);
      for (let step = 0; step < everyMs / 10; step++) {
        await clock.advance(10);
        for (const limiter of limiters) granted += drain(limiter);
      }
    }
    expect(granted).toBeGreaterThan(0.85 * 20 * PERMITS);
    expect(granted).toBeLessThanOrEqual(21 * PERMITS);
  });

  it('grant at the new rate at once after a time of nothing', async () => {
    const { clock, limiters, divide } = twoHosts();
    divide(100);
    drain(limiters[0]!);
    divide(0);
    await clock.advance(3_600_000);
    divide(1);
    await clock.advance(1_000);
    expect(drain(limiters[0]!)).toBe(1);
  });

  it('give both hosts together no more than the whole, as rate or as window', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          take: fc.integer({ min: 0, max: 1 }),
          times: fc.integer({ min: 1, max: 60 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ ms: fc.integer({ min: 1, max: 700 }) }) },
      { weight: 2, arbitrary: fc.record({ divide: fc.integer({ min: 0, max: PERMITS }) }) },
      { weight: 1, arbitrary: fc.record({ cool: fc.integer({ min: 0, max: 1 }) }) },
    );
    const algorithm = fc.constantFrom('smooth' as const, 'rolling' as const);
    await fc.assert(
      fc.asyncProperty(algorithm, fc.array(step, { maxLength: 60 }), async (kind, steps) => {
        const { clock, hosts, limiters, divide } = twoHosts({
          ...WHOLE,
          ...(kind === 'rolling' && { algorithm: kind }),
        });
        divide(0);
        divide(100);
        await clock.advance(5_000);
        // Only one of the two is left with a burst, as one whole budget would have.
        const admissions: Admission[] = [];
        for (const action of steps) {
          if ('ms' in action) await clock.advance(action.ms);
          else if ('divide' in action) divide(action.divide);
          else if ('cool' in action) hosts[action.cool]!.cooldown(provider, 50);
          else {
            for (let times = action.times; times > 0; times--) {
              if (limiters[action.take]!.tryAcquire() === 0) admissions.push({ at: clock.now(), cost: 1 });
            }
          }
        }
        if (kind === 'smooth')
          checkSmooth(admissions, [{ from: 0n, burst: PERMITS, nsPerPermit: 10_000_000n }]);
        else checkRolling(admissions, { permits: PERMITS, windowNs: 1_000_000_000n });
      }),
      { numRuns: 200 },
    );
  });
});
