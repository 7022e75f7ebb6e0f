import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { code, drain, provider, recorder, startRates } from './coordinator-rig.js';
import { MS } from './rate-rig.js';
import '../../support/property-seed.js';

const WHOLE: BudgetInput = { permits: 10, per: '1s', burst: 10 };

/** A host that has a share of a budget, which ends in so many ms. */
function shared(whole: BudgetInput = WHOLE) {
  const { clock, rates, open } = startRates({ providers: { x: whole } });
  const limiter = rates.limiter(provider);
  const share = (budget: BudgetInput, forMs?: number) =>
    rates.share(provider, { budget, endNs: forMs === undefined ? 0n : clock.now() + BigInt(forMs) * MS });
  return { clock, rates, open, limiter, share, ...recorder<string>(clock) };
}

describe('a share of a budget', () => {
  it('grants nothing from its end on, in any thread and by any call', async () => {
    const { clock, rates, open, limiter, share } = shared();
    const other = open().limiter(provider);
    share(WHOLE, 1_000);
    await clock.advance(999);
    expect([limiter.tryAcquire(), other.tryAcquire()]).toEqual([0, 0]);
    await clock.advance(1);
    for (const one of [limiter, other]) {
      expect(one.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
      expect(one.reserve()).toBe(Number.POSITIVE_INFINITY);
      expect(one.left()).toBe(0);
    }
    expect(rates.status(provider).left).toBe(0);
  });

  it('is refused for a budget that was not declared', () => {
    const { rates } = shared();
    expect(() => rates.share({ provider: 'y' }, { budget: WHOLE, endNs: 0n })).toThrow(code('SCOPE_UNKNOWN'));
  });

  it.each([5, -1n, 2n ** 62n, undefined])('is refused, and changes nothing, with an end of %s', (endNs) => {
    const { rates, limiter } = shared();
    expect(() => rates.share(provider, { budget: { permits: 1 }, endNs: endNs as bigint })).toThrow(
      code('OPTIONS_INVALID'),
    );
    expect(drain(limiter)).toBe(10);
  });

  it('begins with nothing saved up, and comes back so after its end', async () => {
    const { clock, limiter, share } = shared();
    share(WHOLE, 1_000);
    expect(drain(limiter)).toBe(0);
    await clock.advance(500);
    expect(drain(limiter)).toBe(5);
    await clock.advance(60_000);
    share(WHOLE, 1_000);
    expect(drain(limiter)).toBe(0);
    await clock.advance(200);
    expect(drain(limiter)).toBe(2);
  });

  it.each<[string, BudgetInput]>([
    ['smooth', WHOLE],
    ['rolling', { permits: 10, per: '1s', algorithm: 'rolling' }],
    ['of several limits', { limits: [{ permits: 10 }, { permits: 100, per: '10s', algorithm: 'rolling' }] }],
  ])('that is %s goes on as if nothing were, if it is renewed in time', async (_, whole) => {
    const { clock, limiter, share } = shared(whole);
    share(whole, 20_000);
    await clock.advance(11_000);
    limiter.tryAcquire(4);
    share(whole, 1_000);
    expect(drain(limiter)).toBe(6);
  });

  it('reserves only what is free now: the rest may be dealt to another host by then', async () => {
    const { clock, limiter, share } = shared();
    share(WHOLE, 2_000);
    await clock.advance(1_000);
    expect(limiter.reserve({ cost: 10 })).toMatchObject({ atNs: clock.now(), waitNs: 0 });
    expect(limiter.reserve()).toBe(Number(100n * MS));
    await clock.advance(100);
    expect(limiter.reserve()).toMatchObject({ atNs: clock.now(), waitNs: 0 });
    await clock.advance(1_000);
    expect(limiter.reserve()).toBe(Number.POSITIVE_INFINITY);
  });

  it('without an end, of the whole budget, changes nothing', () => {
    const { limiter, share } = shared();
    limiter.tryAcquire(3);
    share(WHOLE);
    expect(drain(limiter)).toBe(7);
  });

  it('judges costs by the declared budget: one that does not fit for now waits until the share grows', async () => {
    const { clock, limiter, share, watch, outcomes } = shared();
    share({ permits: 3, burst: 3 }, 60_000);
    await clock.advance(2_000);
    expect(limiter.tryAcquire(8)).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.left()).toBe(3);
    watch('waits', limiter.acquire({ cost: 8 }));
    await clock.advance(5_000);
    expect(outcomes.size).toBe(0);
    share(WHOLE, 60_000);
    await clock.advance(1_000);
    expect(outcomes.get('waits')).toBeGreaterThanOrEqual(7_500); // three were left, and 10 a second come
    expect(() => limiter.tryAcquire(11)).toThrow(code('COST_ABOVE_BURST'));
  });

  it('says why a wait timed out: the share has ended, or is too small', async () => {
    const { clock, limiter, share } = shared();
    share({ permits: 3, burst: 3 }, 60_000);
    await clock.advance(2_000);
    const small = limiter.acquire({ cost: 8, timeoutMs: 100 });
    const asked = expect(small).rejects.toMatchObject({
      code: 'ACQUIRE_TIMED_OUT',
      retryable: true,
      message: expect.stringContaining('gives at most 3 at once now'),
    });
    await clock.advance(100);
    await asked;
    await clock.advance(60_000);
    const ended = expect(limiter.acquire({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ACQUIRE_TIMED_OUT',
      retryable: true,
      message: expect.stringContaining('has ended and was not renewed'),
    });
    await clock.advance(100);
    await ended;
  });

  it('serves those who waited over its end once it is renewed', async () => {
    const { clock, limiter, share, watch, outcomes } = shared();
    share(WHOLE, 100);
    watch('waits', limiter.acquire({ cost: 5 }));
    await clock.advance(10_000);
    expect(outcomes.size).toBe(0);
    share(WHOLE, 10_000);
    await clock.advance(750);
    expect(outcomes.get('waits')).toBeGreaterThanOrEqual(10_500);
    expect(clock.timersPending).toBe(0);
  });

  it('is a whole budget again once it is made so, with nothing saved up by that', async () => {
    const { clock, rates, limiter, share } = shared();
    share({ permits: 2, burst: 2 }, 100);
    await clock.advance(10_000);
    rates.unshare(provider);
    expect(drain(limiter)).toBeLessThanOrEqual(2);
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(10);
  });

  it('limits calls in flight by its own places', () => {
    const { limiter, share } = shared({ ...WHOLE, inFlight: 5 });
    share({ ...WHOLE, inFlight: 2 });
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([0, 0]);
    expect(limiter.tryAcquire()).toBeGreaterThan(0);
    limiter.release();
    expect(limiter.tryAcquire()).toBe(0);
  });
});
