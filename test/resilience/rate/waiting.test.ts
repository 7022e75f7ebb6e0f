import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import type { Limiter } from '../../../src/resilience/rate/limiter.js';
import { code, drain, provider, recorder, startRates } from './coordinator-rig.js';

function waitingAt(x: BudgetInput, more: Parameters<typeof startRates>[0] = {}) {
  const { clock, rates, open } = startRates({ providers: { x }, ...more });
  const limiter = rates.limiter(provider);
  return { clock, rates, open, limiter, ...recorder<string | number>(clock) };
}

const SPENT: BudgetInput = { permits: 10, per: '1s', burst: 1 };
/** One permit each 100 ms, the first of which is taken. */
function spent(more: Parameters<typeof startRates>[0] = {}, budget = SPENT) {
  const rig = waitingAt(budget, more);
  drain(rig.limiter);
  return rig;
}

describe('waiters', () => {
  it('are served in order, at the instant of each permit', async () => {
    const { limiter, clock, watch, order, outcomes } = spent();
    for (let i = 1; i <= 20; i++) watch(i, limiter.acquire());
    await clock.advance(2_000);
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect([...outcomes.values()]).toEqual(Array.from({ length: 20 }, (_, i) => 100 * (i + 1)));
    expect(clock.timersPending).toBe(0);
  });

  it('are told since when, and counted', async () => {
    const { limiter, rates, clock } = spent();
    const call = limiter.acquire({ cost: 1 });
    await clock.advance(100);
    expect(await call).toMatchObject({ cost: 1, waitedNs: 100_000_000, atNs: clock.now() });
    expect(rates.status(provider)).toMatchObject({ granted: 2, waited: 1, waitedUs: 100_000 });
  });

  it('are not waited for where the permits are there', async () => {
    const { limiter, rates, clock } = waitingAt(SPENT);
    expect((await limiter.acquire()).waitedNs).toBe(0);
    expect(rates.status(provider)).toMatchObject({ granted: 1, waited: 0 });
    expect(clock.timersPending).toBe(0);
  });

  it('are not overtaken by calls that do not wait', async () => {
    const { limiter, open, clock, watch, order } = spent();
    const other = open().limiter(provider);
    watch('waiter', limiter.acquire());
    await clock.advance(99);
    expect([limiter.tryAcquire(), other.tryAcquire()].every((wait) => wait > 0)).toBe(true);
    await clock.advance(1);
    expect(order).toEqual(['waiter']);
  });

  it('are not overtaken by those who come after some of them gave up', async () => {
    const { limiter, clock, watch, order } = spent();
    const abort = new AbortController();
    for (let i = 0; i < 10; i++) watch(`early ${i}`, limiter.acquire({ signal: abort.signal }));
    for (let i = 0; i < 10; i++) watch(`waiting ${i}`, limiter.acquire());
    abort.abort();
    for (let i = 0; i < 12; i++) watch(`late ${i}`, limiter.acquire());
    await clock.advance(2_200);
    expect(order).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `waiting ${i}`),
      ...Array.from({ length: 12 }, (_, i) => `late ${i}`),
    ]);
  });

  it('of a priority go first by as much as a second of the rate, and no more', async () => {
    const { limiter, clock, watch, order } = spent();
    for (let i = 0; i < 15; i++) watch(i, limiter.acquire());
    watch('high', limiter.acquire({ priority: 1 }));
    watch('low', limiter.acquire({ priority: -1 }));
    for (let i = 15; i < 30; i++) watch(i, limiter.acquire());
    await clock.advance(4_000);
    // At the place of number 5, which came first.
    expect(order.indexOf('high')).toBe(6);
    expect(order.indexOf('low')).toBeGreaterThanOrEqual(25);
    expect(order.filter((key) => typeof key === 'number')).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  it('of no priority are served among a stream of high ones', async () => {
    const { limiter, clock, watch, outcomes } = spent();
    watch('plain', limiter.acquire());
    for (let i = 0; i < 60; i++) {
      watch(i, limiter.acquire({ priority: 2 }));
      await clock.advance(50);
    }
    expect(outcomes.get('plain')).toBeLessThanOrEqual(2_300);
  });

  it.each([1, 2])(
    'that are heavy are served among a stream of light ones, of %i clients',
    async (clients) => {
      const { limiter, open, clock, watch, outcomes } = spent({}, { permits: 100, per: '1s', burst: 10 });
      const light = clients === 1 ? limiter : open().limiter(provider);
      for (let i = 0; i < 5; i++) watch(`before ${i}`, light.acquire());
      watch('heavy', limiter.acquire({ cost: 10 }));
      for (let i = 0; i < 200; i++) {
        watch(i, light.acquire());
        light.tryAcquire();
        await clock.advance(5);
      }
      // 5 before it and its own 10 are 150 ms; 5 ms to either side are a tie.
      expect(outcomes.get('heavy')).toBeLessThanOrEqual(170);
    },
  );

  it('of all clients are served in order', async () => {
    const { limiter, open, clock, watch, order } = spent();
    const limiters = [limiter, open().limiter(provider), open().limiter(provider)];
    for (let i = 0; i < 30; i++) watch(i, limiters[i % 3]!.acquire());
    await clock.advance(3_200);
    expect(order).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  it('are at most "waitersMax" a client, and the next one is told', async () => {
    const { limiter, clock, rates } = spent({ waitersMax: 2 });
    const calls = [limiter.acquire(), limiter.acquire()];
    const third = limiter.acquire();
    await expect(third).rejects.toEqual(code('WAITERS_FULL'));
    await expect(third).rejects.toThrow(/2 calls .* \("waitersMax"\)/);
    await clock.advance(200);
    await Promise.all(calls);
    const more = limiter.acquire();
    await clock.advance(100);
    await more;
    expect(rates.status(provider).waited).toBe(3);
  });

  it('are served at once, and in order, when a place in flight is freed in this thread', async () => {
    const { limiter, clock, watch, order } = waitingAt({ inFlight: 2 });
    limiter.tryAcquire();
    limiter.tryAcquire();
    watch(1, limiter.acquire());
    watch(2, limiter.acquire());
    watch(3, limiter.acquire());
    limiter.release();
    limiter.release();
    await clock.advance(0);
    expect(order).toEqual([1, 2]);
    expect(limiter.waiters.size).toBe(1);
  });

  it('are served within 2 ms when a place in flight is freed in another', async () => {
    const { limiter, open, clock, watch, outcomes } = waitingAt({ inFlight: 1 });
    limiter.tryAcquire();
    watch('other', open().limiter(provider).acquire());
    await clock.advance(500);
    limiter.release();
    await clock.advance(2);
    expect(outcomes.get('other')).toBeLessThanOrEqual(502);
  });

  it('may free their place in the moment that they get it', async () => {
    const { limiter, clock } = waitingAt({ inFlight: 1 });
    const first = await limiter.acquire();
    let served = 0;
    const calls = Array.from({ length: 100 }, () =>
      limiter.acquire().then((permit) => {
        served++;
        permit.release();
      }),
    );
    first.release();
    await Promise.all(calls);
    expect(served).toBe(100);
    expect(clock.timersPending).toBe(0);
  });
});

describe('a time-out', () => {
  it('is told at once where it is known that it would not do', async () => {
    const { limiter, clock, rates } = spent();
    const call = limiter.acquire({ timeoutMs: 99 });
    await expect(call).rejects.toEqual(code('ACQUIRE_TIMED_OUT'));
    await expect(call).rejects.toThrow('another 100 ms');
    await expect(call).rejects.toMatchObject({ retryable: true });
    expect(rates.status(provider)).toMatchObject({ timedOut: 1, granted: 1 });
    expect(clock.timersPending).toBe(0);
  });

  it('is not early: a permit of its last instant is still given', async () => {
    const { limiter, clock, watch, outcomes } = spent();
    watch('call', limiter.acquire({ timeoutMs: 100 }));
    await clock.advance(100);
    expect(outcomes.get('call')).toBe(100);
  });

  it('is over when it is over, for one whose turn does not come', async () => {
    const { limiter, clock, watch, outcomes, rates } = spent();
    for (let i = 0; i < 5; i++) watch(i, limiter.acquire());
    watch('late', limiter.acquire({ timeoutMs: 350 }));
    await clock.advance(349);
    expect(outcomes.has('late')).toBe(false);
    await clock.advance(1);
    expect(outcomes.get('late')).toBe('ACQUIRE_TIMED_OUT');
    await clock.advance(250);
    expect(outcomes.get(4)).toBe(500);
    expect(rates.status(provider)).toMatchObject({ timedOut: 1, waited: 5 });
    expect(clock.timersPending).toBe(0);
  });

  it.each([0, -5])('of %s ms takes what is there, and does not wait', async (timeoutMs) => {
    const { limiter, clock } = waitingAt(SPENT);
    await expect(limiter.acquire({ timeoutMs })).resolves.toMatchObject({ waitedNs: 0 });
    await expect(limiter.acquire({ timeoutMs })).rejects.toEqual(code('ACQUIRE_TIMED_OUT'));
    expect(clock.timersPending).toBe(0);
  });

  it('of one of several does not end the others', async () => {
    const { limiter, clock, watch, outcomes } = waitingAt({ inFlight: 1 });
    limiter.tryAcquire();
    watch('short', limiter.acquire({ timeoutMs: 30 }));
    watch('long', limiter.acquire({ timeoutMs: 5_000_000_000 }));
    await clock.advance(1_000);
    expect(outcomes).toEqual(new Map([['short', 'ACQUIRE_TIMED_OUT']]));
    limiter.release();
    await clock.advance(0);
    expect(outcomes.get('long')).toBe(1_000);
  });
});

describe('a signal', () => {
  const aborts = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

  it('that is aborted before takes nothing', async () => {
    const { limiter } = waitingAt(SPENT);
    const reason = new Error('enough');
    await expect(limiter.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(limiter.left()).toBe(1);
  });

  it('that aborts ends the wait with its reason, and leaves nothing behind', async () => {
    const { limiter, clock, rates } = spent();
    const abort = new AbortController();
    const call = limiter.acquire({ signal: abort.signal, timeoutMs: 1_000 });
    expect(aborts(abort.signal)).toBe(1);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(aborts(abort.signal)).toBe(0);
    expect(clock.timersPending).toBe(0);
    expect(rates.status(provider)).toMatchObject({ aborted: 1, granted: 1 });
    await clock.advance(100);
    expect(limiter.tryAcquire()).toBe(0);
  });

  it('is let go of when the call is served, or its time is up', async () => {
    const { limiter, clock } = spent();
    const { signal } = new AbortController();
    const served = limiter.acquire({ signal });
    const late = limiter.acquire({ signal, timeoutMs: 150 });
    late.catch(() => {});
    expect(aborts(signal)).toBe(1);
    await clock.advance(100);
    await served;
    expect(aborts(signal)).toBe(1);
    await clock.advance(50);
    await expect(late).rejects.toEqual(code('ACQUIRE_TIMED_OUT'));
    expect(aborts(signal)).toBe(0);
  });

  it('that aborts after the call was served changes nothing', async () => {
    const { limiter, clock, rates } = spent();
    const abort = new AbortController();
    const call = limiter.acquire({ signal: abort.signal });
    await clock.advance(100);
    abort.abort();
    await expect(call).resolves.toMatchObject({ cost: 1 });
    expect(rates.status(provider)).toMatchObject({ aborted: 0, waited: 1 });
  });

  it('of the first in line lets the next one go on', async () => {
    const { limiter, clock, watch, outcomes } = spent({}, { permits: 10, per: '1s', burst: 5 });
    const abort = new AbortController();
    limiter.acquire({ cost: 5, signal: abort.signal }).catch(() => {});
    watch('light', limiter.acquire());
    await clock.advance(300);
    expect(outcomes.size).toBe(0);
    abort.abort();
    await clock.advance(0);
    expect(outcomes.get('light')).toBe(300);
  });

  it('that many calls share ends them all', async () => {
    const { limiter, rates, clock, watch, outcomes } = spent();
    const abort = new AbortController();
    for (let i = 0; i < 50; i++) watch(i, limiter.acquire({ signal: abort.signal }));
    watch('other', limiter.acquire());
    abort.abort();
    await clock.advance(100);
    expect(outcomes.size).toBe(51);
    expect(outcomes.get('other')).toBe(100);
    expect(rates.status(provider).aborted).toBe(50);
  });

  it('shared by ten thousand calls has one listener, then none, and Node warns of nothing', async () => {
    const { limiter, clock } = spent({}, { permits: 100_000, per: '1s', burst: 100 });
    const { signal } = new AbortController();
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => warnings.push(warning);
    process.on('warning', onWarning);
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 1_000 }, () => limiter.acquire({ signal, timeoutMs: 60_000 }));
      expect(aborts(signal)).toBe(1);
      await clock.advance(20);
      await Promise.all(calls);
    }
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(aborts(signal)).toBe(0);
    expect(clock.timersPending).toBe(0);
    expect(limiter.waiters.size).toBe(0);
  });
});

describe('a client that is closed', () => {
  it('refuses those who wait and those who come, and leaves no timer', async () => {
    const { open, limiter: own, clock, rates } = spent();
    const client = open();
    const limiter: Limiter = client.limiter(provider);
    const { signal } = new AbortController();
    const calls = [limiter.acquire({ signal }), limiter.acquire({ timeoutMs: 1_000 })];
    expect(client.waiting).toBe(2);
    client.close();
    client.close();
    for (const call of calls) await expect(call).rejects.toEqual(code('RATE_CLOSED'));
    expect(client.waiting).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.timersPending).toBe(0);
    await clock.advance(1_000);
    await expect(limiter.acquire()).rejects.toEqual(code('RATE_CLOSED'));
    expect(() => limiter.tryAcquire()).toThrow(code('RATE_CLOSED'));
    expect(() => limiter.reserve()).toThrow(code('RATE_CLOSED'));
    expect(() => client.limiter(provider)).toThrow(code('RATE_CLOSED'));
    expect(own.tryAcquire()).toBe(0);
    rates.close();
    expect(() => rates.limiter(provider)).toThrow(code('RATE_CLOSED'));
  });
});

describe('a cap that is reached', () => {
  it('of one endpoint does not hold up those who wait for the provider alone', async () => {
    const { rates, clock, watch, outcomes } = waitingAt({
      permits: 10,
      per: '1s',
      burst: 1,
      endpoints: { slow: { inFlight: 1 } },
    } as BudgetInput);
    const slow = rates.limiter({ provider: 'x', endpoint: 'slow' });
    const held = await slow.acquire();
    watch('slow', slow.acquire());
    for (let i = 0; i < 5; i++) watch(i, rates.limiter(provider).acquire());
    await clock.advance(700);
    expect([0, 1, 2, 3, 4].map((key) => outcomes.has(key))).toEqual([true, true, true, true, true]);
    expect(outcomes.has('slow')).toBe(false);
    held.release();
    await clock.advance(100);
    expect(outcomes.has('slow')).toBe(true);
    expect(clock.timersPending).toBe(0);
  });
});

describe('a budget that is removed', () => {
  it('refuses those who wait for it, and leaves no timer', async () => {
    const { limiter, open, clock, rates, watch, outcomes } = spent({ tenants: { t: { permits: 1 } } });
    watch('own', limiter.acquire());
    watch('other', open().limiter(provider).acquire());
    watch('both', rates.limiter({ tenant: 't', provider: 'x' }).acquire());
    expect(rates.remove(provider)).toBe(true);
    expect(rates.remove(provider)).toBe(false);
    await clock.advance(250);
    expect([...outcomes.values()]).toEqual(['SCOPE_UNKNOWN', 'SCOPE_UNKNOWN', 'SCOPE_UNKNOWN']);
    expect(clock.timersPending).toBe(0);
    expect(() => limiter.tryAcquire()).toThrow(code('SCOPE_UNKNOWN'));
    await expect(limiter.acquire()).rejects.toEqual(code('SCOPE_UNKNOWN'));
  });

  it('in the middle of a take refuses the waiter, and the thread goes on', async () => {
    const {
      rates,
      open,
      clock,
      limiter: own,
    } = spent({
      providers: { x: SPENT, y: { permits: 1, per: '1s' } },
    });
    const client = open();
    const limiter = client.limiter(provider);
    const y = client.limiter({ provider: 'y' });
    drain(y);
    const removed = limiter.acquire().catch((error: { code: string }) => error.code);
    const served = y.acquire();
    // Another thread removes the budget after this one has looked at it.
    const { path } = limiter;
    const take = path.take.bind(path);
    path.take = (...values) => {
      rates.remove(provider);
      return take(...values);
    };
    await clock.advance(1_000);
    expect(await removed).toBe('SCOPE_UNKNOWN');
    await expect(served).resolves.toMatchObject({ cost: 1 });
    expect(clock.timersPending).toBe(0);
    expect(() => own.tryAcquire()).toThrow(code('SCOPE_UNKNOWN'));
  });
});

describe('a budget whose rate is 0', () => {
  it('is not called spent while what is left waits for others, who may give up', async () => {
    const { limiter, open, rates, clock } = waitingAt({ permits: 0, burst: 3 });
    limiter.tryAcquire();
    rates.cooldown(provider, 1_000);
    const abort = new AbortController();
    limiter.acquire({ cost: 2, signal: abort.signal }).catch(() => {});
    const other = open().limiter(provider);
    const call = other.acquire({ cost: 2 });
    expect(other.tryAcquire(2)).toBeLessThan(Number.POSITIVE_INFINITY);
    abort.abort();
    await clock.advance(1_000);
    await expect(call).resolves.toMatchObject({ cost: 2 });
  });
});
