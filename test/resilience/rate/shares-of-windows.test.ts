import { describe, expect, it } from 'vitest';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { type Admission, checkRolling } from '../../support/admission-checker.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const ref = { provider: 'x' };
const permits = 30;
const WINDOW = { permits, per: '1s', algorithm: 'rolling' } as const;

/** Processes that have parts of one window, and take at once whatever they get. */
function startHolders(parts: readonly number[]) {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const holders = parts.map((part) => {
    const rates = new RateCoordinator({ clock, providers: { x: WINDOW } });
    const hold = (size: number) =>
      rates.share(ref, {
        budget: { permits: 0, ...(size > 0 && { ...WINDOW, permits: size }) },
        endNs: clock.now() + 60_000_000_000n,
      });
    hold(part);
    return { limiter: rates.limiter(ref), hold };
  });
  const admissions: Admission[] = [];
  const take = (at: number): number => {
    let taken = 0;
    for (; holders[at]!.limiter.tryAcquire() === 0; taken++) admissions.push({ at: clock.now(), cost: 1 });
    return taken;
  };
  return { clock, holders, admissions, take };
}

describe('shares of a rolling window', () => {
  it('grant what they were enlarged by only after a window, also to one that had spent more than it kept', async () => {
    const { clock, holders, take } = startHolders([10]);
    await clock.advance(1_000);
    expect(take(0)).toBe(10);
    await clock.advance(100);
    holders[0]!.hold(5);
    await clock.advance(800);
    holders[0]!.hold(10);
    await clock.advance(100);
    expect(take(0)).toBe(5);
    await clock.advance(899);
    expect(take(0)).toBe(0);
    await clock.advance(1);
    expect(take(0)).toBe(5);
  });

  it('come to no more than it where parts go round among those that have spent them', async () => {
    const { clock, holders, admissions, take } = startHolders([10, 10, 10, 0]);
    await clock.advance(1_000);
    const give = (from: number, to: number, sizes: readonly number[]) => {
      holders[from]!.hold(sizes[0]!);
      holders[to]!.hold(sizes[1]!);
    };
    take(2);
    await clock.advance(100);
    give(2, 3, [5, 5]);
    await clock.advance(100);
    take(0);
    await clock.advance(100);
    give(0, 2, [5, 10]);
    await clock.advance(100);
    take(1);
    await clock.advance(100);
    give(1, 0, [5, 10]);
    for (let step = 0; step < 200; step++) {
      await clock.advance(10);
      for (const at of holders.keys()) take(at);
    }
    checkRolling(admissions, { permits, windowNs: 1_000_000_000n });
    expect(admissions.length).toBeGreaterThan(2 * permits);
  });
});
