import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { Random } from '../../../src/core/random.js';
import { openRates } from '../../../src/resilience/rate/rate-client.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

/** As of a thread on a machine with other things to do: each timer is up to 2 ms late. */
function lateClock(clock: SimulatedClock, random: Random): Clock {
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms + 2 * random.next()),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

describe('tenants at a provider that is short', () => {
  // 50 callers × 50 µs ÷ weight: the waiters of a lane span 1 to 3 ms, less than a tie.
  it.each([1, 2, 3])('get their shares where their waiters are close in time (seed %i)', async (seed) => {
    const clock = new SimulatedClock({ now: 1_000_000_000n });
    const random = new Random(seed);
    const rates = new RateCoordinator({
      clock,
      scopesMax: 3,
      providers: { p: { permits: 20_000, per: '1s', burst: 1_000 } },
      tenants: { a: { weight: 3 }, b: { weight: 1 } },
    });
    const clients = ['a', 'a', 'b', 'b'].map((tenant) => {
      const client = openRates(rates.handle(), { clock: lateClock(clock, random) });
      return { client, limiter: client.limiter({ provider: 'p', tenant }) };
    });
    const loops = clients.flatMap(({ limiter }) =>
      Array.from({ length: 50 }, async () => {
        for (;;) await limiter.acquire();
      }),
    );
    const ended = Promise.allSettled(loops);
    const given = (tenant: string) => rates.status({ tenant }).permits;

    await clock.advance(200); // the burst goes to whoever comes first
    const [a, b] = [given('a'), given('b')];
    await clock.advance(500);
    const ratio = (given('a') - a) / (given('b') - b);
    expect(ratio).toBeGreaterThan(2.9);
    expect(ratio).toBeLessThan(3.1);

    for (const { client } of clients) client.close();
    await ended;
  });
});
