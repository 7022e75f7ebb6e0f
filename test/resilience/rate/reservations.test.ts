import { describe, expect, it } from 'vitest';
import type { Reservation } from '../../../src/resilience/rate/limiter.js';
import { Pacer } from '../../../src/resilience/rate/pacer.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { MS, START } from './rate-rig.js';

const provider = { provider: 'x' };
const tenant = { tenant: 't' };

function rig() {
  const clock = new SimulatedClock({ now: START });
  const rates = new RateCoordinator({
    clock,
    providers: { x: { permits: 10, burst: 2 } },
    tenants: { t: { permits: 1, per: '1h', burst: 1 } },
  });
  return { clock, rates, limiter: rates.limiter(provider), both: rates.limiter({ ...tenant, ...provider }) };
}

describe('a reservation', () => {
  it('holds up nobody at a provider that is free, for a tenant that has to wait', () => {
    const { rates, limiter, both } = rig();
    expect(both.reserve()).toMatchObject({ waitNs: 0 });
    expect(both.reserve()).toBe(3_600_000 * Number(MS));
    expect(rates.status(provider).left).toBe(1);
    expect(limiter.tryAcquire()).toBe(0);
  });

  it('is made for a tenant where the provider is what has to be waited for', () => {
    const { limiter, both } = rig();
    limiter.tryAcquire(2);
    expect(both.reserve()).toMatchObject({ atNs: START + 100n * MS });
  });

  it('does not push in before calls that wait, so a stream of them starves nobody', async () => {
    const { clock, limiter } = rig();
    limiter.tryAcquire(2);
    let served: bigint | undefined;
    limiter.acquire().then(({ atNs }) => {
      served = atNs;
    });
    for (let i = 0; i < 10; i++) {
      if (served === undefined) expect(limiter.reserve()).toBeGreaterThan(0);
      await clock.advance(20);
    }
    expect(served).toBe(START + 100n * MS);
    expect(limiter.reserve()).toMatchObject({ waitNs: 0 });
  });
});

describe('a reservation that is cancelled', () => {
  it('gives nothing back from its instant on: whoever cancels then may have used it', async () => {
    const { clock, limiter } = rig();
    const used = limiter.reserve({ cost: 2 }) as Reservation;
    await clock.advance(50);
    expect(used.cancel()).toBe(false);
    expect(limiter.left()).toBe(0);
    expect(limiter.tryAcquire()).toBe(50_000_000);
    const next = limiter.reserve() as Reservation;
    await clock.advance(50);
    expect(next.cancel()).toBe(false);
  });

  it('gives its permits back until its instant', async () => {
    const { clock, limiter } = rig();
    limiter.tryAcquire(2);
    const next = limiter.reserve() as Reservation;
    await clock.advance(99.999);
    expect(next.cancel()).toBe(true);
    expect(limiter.tryAcquire()).toBe(1_000);
  });

  it('adds nothing to the budget of a caller that reserves, calls, and cancels in any case', async () => {
    const { clock, limiter } = rig();
    let granted = 0;
    for (let ms = 0; ms < 1_000; ms++) {
      const reservation = limiter.reserve({ maxWaitMs: 0 });
      if (typeof reservation !== 'number') granted++;
      await clock.advance(1);
      if (typeof reservation !== 'number') reservation.cancel();
    }
    expect(granted).toBe(2 + 9);
  });

  it('takes back neither a cooldown nor what a provider said was used', () => {
    const clock = new SimulatedClock({ now: START });
    const cooled = new Pacer({ permits: 1, per: '1s' }, { clock });
    const reservation = cooled.reserve() as Reservation;
    cooled.cooldown(500);
    reservation.cancel();
    expect(cooled.tryAcquire()).toBeGreaterThanOrEqual(500e6);

    const rates = new RateCoordinator({ clock, providers: { x: { permits: 2, per: '1s' } } });
    const other = rates.limiter(provider).reserve({ cost: 2 }) as Reservation;
    rates.observeUsed(provider, { used: 2 });
    other.cancel();
    expect(rates.limiter(provider).left()).toBe(0);
    cooled.close();
    rates.close();
  });
});
