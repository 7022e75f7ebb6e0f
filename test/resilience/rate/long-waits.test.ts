import { describe, expect, it } from 'vitest';
import type { Reservation } from '../../../src/resilience/rate/limiter.js';
import { BlockedClock, provider, recorder, startRates } from './coordinator-rig.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

describe('a wait of a year', () => {
  // One permit in 30 days, thirteen at once.
  const slow = { permits: 1, per: '30d', burst: 13 };

  it('is told, reserved and waited for to a few nanoseconds', async () => {
    const { clock, rates } = startRates({ providers: { x: slow } });
    const limiter = rates.limiter(provider);
    expect(limiter.tryAcquire(13)).toBe(0);
    expect(limiter.tryAcquire(13) / 1e6).toBe(390 * DAY_MS);
    const reservation = limiter.reserve({ cost: 13 }) as Reservation;
    expect(reservation.waitNs / 1e6).toBeCloseTo(390 * DAY_MS, 4);
    await clock.advance(390 * DAY_MS);
    expect(limiter.tryAcquire() / 1e6).toBeCloseTo(30 * DAY_MS, 4);
  });

  it('is reserved in one try where no double is equal to it', async () => {
    for (let ns = 1; ns <= 8; ns++) {
      const { clock, rates } = startRates({ providers: { x: slow } });
      const limiter = rates.limiter(provider);
      limiter.tryAcquire(13);
      await clock.advance(ns / 1e6);
      const exactNs = 390n * BigInt(DAY_MS) * 1_000_000n - BigInt(ns);
      const { atNs, waitNs } = limiter.reserve({ cost: 13 }) as Reservation;
      expect(atNs - clock.now() - exactNs).toBeGreaterThanOrEqual(0n);
      expect(atNs - clock.now() - exactNs).toBeLessThan(20n);
      expect(waitNs / Number(exactNs)).toBeCloseTo(1, 12);
    }
  });

  it('is cut off by a timeout of a year, neither sooner nor later', async () => {
    const { clock, rates } = startRates({ providers: { x: { permits: 0 } } });
    const { watch, outcomes } = recorder<string>(clock);
    watch('call', rates.limiter(provider).acquire({ timeoutMs: YEAR_MS }));
    // In one leap: a thread that slept for a year.
    clock.leap(YEAR_MS - 1);
    await clock.advance(0.5);
    expect(outcomes.size).toBe(0);
    await clock.advance(1);
    expect(outcomes.get('call')).toBe('ACQUIRE_TIMED_OUT');
  });

  it('of a thread that is blocked for it does not make it punctual again', async () => {
    const { clock, rates, open } = startRates({ providers: { x: { permits: 1, per: '1s' } } });
    const limiter = rates.limiter(provider);
    limiter.tryAcquire();
    void open(new BlockedClock(clock))
      .limiter(provider)
      .acquire()
      .catch(() => {});
    // 2³¹ ms and a bit: as if it were to come in a moment, for clocks of 32 bits.
    clock.leap(2 ** 31 + 1_000);
    expect(limiter.tryAcquire()).toBe(0);
  });
});
