import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openRates } from '../../../src/resilience/rate/rate-client.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { START } from './rate-rig.js';

const provider = { provider: 'x' };

function rig(inFlight = 2, more: ConstructorParameters<typeof RateCoordinator>[0] = {}) {
  const clock = new SimulatedClock({ now: START });
  const rates = new RateCoordinator({ clock, providers: { x: { inFlight } }, ...more });
  const held = () => rates.status(provider).inFlight;
  return { clock, rates, limiter: rates.limiter(provider), inFlight: held };
}

describe('a cap on calls in flight', () => {
  it('refuses the call past it, until one ends', () => {
    const { limiter, inFlight } = rig();
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([0, 0]);
    expect(limiter.tryAcquire()).toBeGreaterThan(0);
    limiter.release();
    expect(inFlight()).toBe(1);
    expect(limiter.tryAcquire()).toBe(0);
  });

  it('frees its place when a call succeeds and when it fails', async () => {
    const { limiter, inFlight } = rig();
    await expect(limiter.run(() => inFlight())).resolves.toBe(1);
    await expect(limiter.run(() => Promise.reject(new RangeError('no')))).rejects.toThrow('no');
    await expect(
      limiter.run(() => {
        throw new TypeError('at once');
      }),
    ).rejects.toThrow('at once');
    expect(inFlight()).toBe(0);
  });

  it('frees a permit once, however often it is released', async () => {
    const { limiter, inFlight } = rig();
    const [first] = [await limiter.acquire(), await limiter.acquire()];
    first.release();
    first.release();
    expect(inFlight()).toBe(1);
  });

  it('frees all places of a limiter when its connection is gone', async () => {
    const { limiter, inFlight } = rig(3);
    const permit = await limiter.acquire();
    limiter.tryAcquire();
    limiter.releaseAll();
    expect(inFlight()).toBe(0);
    permit.release();
    expect(inFlight()).toBe(0);
  });

  it('serves the one who waits as soon as a place is free', async () => {
    const { limiter, clock } = rig(1);
    const first = await limiter.acquire();
    const second = limiter.acquire();
    first.release();
    expect((await second).waitedNs).toBe(0);
    expect(clock.timersPending).toBe(0);
  });

  it('counts what is held past a cap that was lowered', () => {
    const { rates, limiter, inFlight } = rig(4);
    for (let i = 0; i < 4; i++) limiter.tryAcquire();
    rates.set(provider, { inFlight: 2 });
    for (let left = 4; left > 2; left--) {
      expect(limiter.tryAcquire()).toBeGreaterThan(0);
      limiter.release();
    }
    expect(limiter.tryAcquire()).toBeGreaterThan(0);
    limiter.release();
    expect(limiter.tryAcquire()).toBe(0);
    expect(inFlight()).toBe(2);
  });

  it('frees nothing of another scope when a call ends long after its own was removed', async () => {
    const { rates, clock } = rig(1, { rollingPermitsMax: 1_024 });
    rates.set({ tenant: 'gone' }, { inFlight: 1 });
    const late = await rates.limiter({ tenant: 'gone' }).acquire();
    rates.remove({ tenant: 'gone' });
    await clock.advance(10_000); // its words have rested
    rates.set({ tenant: 'next' }, { inFlight: 1 });
    await rates.limiter({ tenant: 'next' }).acquire();
    late.release();
    expect(rates.status({ tenant: 'next' }).inFlight).toBe(1);
  });

  it('keeps a place held at the provider when the tenant of the call is removed', async () => {
    const { rates, inFlight } = rig(2);
    rates.set({ tenant: 't' }, {});
    const permit = await rates.limiter({ tenant: 't', ...provider }).acquire();
    rates.remove({ tenant: 't' });
    expect(inFlight()).toBe(1);
    permit.release();
    expect(inFlight()).toBe(0);
  });

  it('is freed of what a closed client held, and of nothing of the client that has its place then', () => {
    const { rates, clock, inFlight } = rig(3);
    rates.set({ tenant: 't' }, {});
    const client = openRates(rates.handle(), { clock });
    const own = client.limiter(provider);
    const forgotten = client.limiter({ tenant: 't', ...provider });
    own.tryAcquire();
    forgotten.tryAcquire();
    rates.remove({ tenant: 't' });
    client.limiter(provider);
    client.close();
    expect(inFlight()).toBe(0);
    const next = openRates(rates.handle(), { clock }).limiter(provider);
    for (let i = 0; i < 3; i++) expect(next.tryAcquire()).toBe(0);
    forgotten.release();
    own.release();
    expect(inFlight()).toBe(3);
    expect(() => own.tryAcquire()).toThrow(expect.objectContaining({ code: 'RATE_CLOSED' }));
  });

  it('finds what a dead thread held, though the cap was lifted meanwhile', () => {
    const { rates, limiter, inFlight } = rig(2);
    limiter.tryAcquire();
    rates.set(provider, {});
    expect(inFlight()).toBeNull();
    rates.reclaim(threadId);
    rates.set(provider, { inFlight: 2 });
    expect(inFlight()).toBe(0);
  });

  it('costs a rate nothing when it is full', () => {
    const { rates, limiter } = rig(1, { providers: { x: { permits: 5, inFlight: 1 } } });
    limiter.tryAcquire();
    limiter.tryAcquire();
    expect(rates.status(provider)).toMatchObject({ left: 4, granted: 1, refused: 1 });
  });
});
