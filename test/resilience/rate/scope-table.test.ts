import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { code, drain, provider, startRates } from './coordinator-rig.js';

/** Node has it without a flag for those who ask V8. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

describe('the shared table', () => {
  it('says when it has no room for another scope, and has it again when one goes', () => {
    const { rates } = startRates({ scopesMax: 2, providers: { x: {}, y: {} } });
    expect(() => rates.set({ provider: 'z' }, {})).toThrow(code('RATE_TABLE_FULL'));
    expect(() => rates.set({ provider: 'z' }, {})).toThrow(/another budget: all 2 .* \("scopesMax"\)/);
    rates.set(provider, { permits: 1 });
    rates.remove(provider);
    rates.set({ provider: 'z' }, { permits: 3 });
    expect(drain(rates.limiter({ provider: 'z' }))).toBe(3);
  });

  it('has room for all that is declared from the beginning, where its sizes are not given', () => {
    const names = Array.from({ length: 400 }, (_, i) => `t${i}`);
    const tenants = Object.fromEntries(names.map((name) => [name, { permits: 1_000, inFlight: 300 }]));
    const window = { permits: 200_000, per: '1m', algorithm: 'rolling' } as const;
    const { rates } = startRates({ tenants, providers: { x: { ...window, endpoints: { y: window } } } });
    expect(drain(rates.limiter({ tenant: 't399' }))).toBe(300);
    rates.set(provider, { ...window, permits: 199_000 });
    expect(rates.limiter(provider).tryAcquire(199_000)).toBe(0);
    expect(() => startRates({ tenants, scopesMax: 256 })).toThrow(code('RATE_TABLE_FULL'));
  });

  it('is exactly full where more than 256 budgets are declared and its size is not given', () => {
    const tenants = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`t${i}`, { permits: 1 }]));
    const { rates } = startRates({ tenants });
    expect(() => rates.set({ tenant: 'more' }, {})).toThrow(code('RATE_TABLE_FULL'));
    rates.remove({ tenant: 't0' });
    rates.set({ tenant: 'more' }, { permits: 3 });
    expect(drain(rates.limiter({ tenant: 'more' }))).toBe(3);
    const larger = startRates({ tenants, scopesMax: 258 });
    larger.rates.set({ tenant: 'more' }, { permits: 3 });
    expect(drain(larger.rates.limiter({ tenant: 'more' }))).toBe(3);
  });

  it('says when it has no room for another thread, and has it again when one leaves', () => {
    const { rates, open } = startRates({ threadsMax: 2, providers: { x: {} } });
    const client = open();
    expect(() => open()).toThrow(code('RATE_TABLE_FULL'));
    expect(() => open()).toThrow(/another thread: all 2 .* \("threadsMax"\)/);
    client.close();
    expect(open().limiter(provider).tryAcquire()).toBe(0);
    rates.reclaim(threadId);
    open();
  });

  it('says when it has no room for a window, and has it again at once when one goes', () => {
    const { rates } = startRates({ rollingPermitsMax: 600 });
    rates.set(provider, { permits: 500, algorithm: 'rolling' });
    const other = { provider: 'y' };
    expect(() => rates.set(other, { permits: 101, algorithm: 'rolling' })).toThrow(code('RATE_TABLE_FULL'));
    expect(() => rates.set(other, { permits: 101, algorithm: 'rolling' })).toThrow(
      /the budget "provider:y": .*"rollingPermitsMax"/,
    );
    rates.set(other, { permits: 100, algorithm: 'rolling' });
    rates.remove(provider);
    rates.set(provider, { permits: 500, algorithm: 'rolling' });
    expect(rates.limiter(provider).left()).toBe(500);
  });

  it('says when it has no room for calls in flight, and has it again at once when a cap goes', () => {
    const { rates } = startRates({ rollingPermitsMax: 0, inFlightPlacesMax: 16 });
    rates.set(provider, { inFlight: 12 });
    const other = { provider: 'y' };
    expect(() => rates.set(other, { inFlight: 1 })).toThrow(/the budget "provider:y": .*"inFlightPlacesMax"/);
    rates.set(provider, { inFlight: 4 });
    rates.set(other, { inFlight: 4 });
    rates.remove(provider);
    rates.set(other, { inFlight: 12 });
    expect(drain(rates.limiter(other))).toBe(12);
  });

  it('keeps the places of calls in flight past a cap that was lowered until the cap is set again', () => {
    const { rates } = startRates({ inFlightPlacesMax: 16 });
    rates.set(provider, { permits: 100, inFlight: 12 });
    const limiter = rates.limiter(provider);
    expect(drain(limiter)).toBe(12);
    rates.set(provider, { permits: 100, inFlight: 4 });
    expect(rates.status(provider).inFlight).toBe(12);
    expect(() => rates.set({ provider: 'y' }, { inFlight: 4 })).toThrow(code('RATE_TABLE_FULL'));
    limiter.releaseAll();
    rates.set(provider, { permits: 100, inFlight: 4 });
    rates.set({ provider: 'y' }, { inFlight: 8 });
    expect(drain(limiter)).toBe(4);
  });

  it('has room for a hundred tenants with caps that are removed and declared again at once', () => {
    const { rates } = startRates({ rollingPermitsMax: 0 });
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) rates.set({ tenant: `t${i}` }, { inFlight: 500 });
      for (let i = 0; i < 100; i++) expect(rates.remove({ tenant: `t${i}` })).toBe(true);
    }
    expect(rates.statuses()).toEqual({});
  });

  it('has room for a window that is changed again and again', async () => {
    const { clock, rates } = startRates();
    rates.set(provider, { permits: 10_000, algorithm: 'rolling' });
    const limiter = rates.limiter(provider);
    for (let i = 1; i <= 100; i++) {
      limiter.tryAcquire();
      rates.set(provider, { permits: 10_000 + (i % 7), algorithm: 'rolling' });
    }
    expect(limiter.left()).toBeLessThanOrEqual(10_002 - 100);
    await clock.advance(1_000);
    expect(limiter.left()).toBe(10_002);
  });

  it('is as large as its scopes, and opened at once, with 10,000 tenants', () => {
    const { rates, open } = startRates({
      scopesMax: 10_001,
      threadsMax: 64,
      providers: { x: { permits: 50 } },
    });
    for (let i = 0; i < 10_000; i++) rates.set({ tenant: `t${i}` }, { permits: 10, inFlight: 4 });
    expect(rates.handle().memory.byteLength).toBeLessThan(25_000_000);
    for (let i = 0; i < 10_000; i++) rates.set({ tenant: `t${i}` }, { permits: 20, inFlight: 8 });
    for (let i = 0; i < 10_000; i++) rates.remove({ tenant: `t${i}` });
    for (let i = 0; i < 10_000; i++) rates.set({ tenant: `t${i}` }, { permits: 10, inFlight: 4 });
    const client = open();
    for (const tenant of ['t0', 't5000', 't9999']) {
      expect(drain(client.limiter({ tenant }))).toBe(4);
      expect(rates.status({ tenant })).toMatchObject({ granted: 4, inFlight: 4 });
    }
  });

  it('says when threads have more budgets open than it has seats for, and has them again when one leaves', () => {
    const names = Array.from({ length: 200 }, (_, i) => `p${i}`);
    const providers = Object.fromEntries(names.map((name) => [name, {}]));
    const { open } = startRates({ scopesMax: 200, seatsMax: 32, providers });
    const first = open();
    const openAll = (client = first) => names.map((name) => client.limiter({ provider: name }));
    expect(() => openAll()).toThrow(/another open budget of a thread: all 32 .*"seatsMax"/);
    expect(() => open().limiter(provider)).toThrow(code('SCOPE_UNKNOWN'));
    first.close();
    const second = open();
    for (const name of names.slice(0, 32)) expect(second.limiter({ provider: name }).tryAcquire()).toBe(0);
  });

  it('keeps what was counted by clients that left, and begins anew when a budget is declared again', () => {
    const { rates, open } = startRates({ providers: { x: { permits: 100 } } });
    for (let i = 1; i <= 5; i++) {
      const client = open();
      client.limiter(provider).tryAcquire(2);
      client.close();
      expect(rates.status(provider)).toMatchObject({ granted: i, permits: 2 * i });
    }
    const limiter = rates.limiter(provider);
    limiter.tryAcquire();
    rates.remove(provider);
    rates.set(provider, { permits: 100 });
    expect(rates.status(provider)).toMatchObject({ granted: 0, permits: 0 });
    limiter.tryAcquire();
    expect(rates.status(provider)).toMatchObject({ granted: 1, permits: 1 });
  });

  it('takes nothing for a budget that found no room', () => {
    const { rates } = startRates({ rollingPermitsMax: 100, scopesMax: 4 });
    const rolling = (permits: number) => ({ permits, per: '1s', algorithm: 'rolling' }) as const;
    for (let i = 0; i < 20; i++) {
      expect(() => rates.set(provider, { limits: [rolling(60), rolling(60)] })).toThrow(
        code('RATE_TABLE_FULL'),
      );
    }
    rates.set(provider, { limits: [rolling(60), rolling(40)] });
    expect(rates.limiter(provider).left()).toBe(40);
    expect(Object.keys(rates.statuses())).toEqual(['provider:x']);
  });

  it('keeps nothing of 5,000 tenants that came and went', async () => {
    const { rates, open, clock } = startRates({
      scopesMax: 8,
      rollingPermitsMax: 2_048,
      providers: { x: { permits: 1_000_000 } },
    });
    const client = open();
    const limiters: WeakRef<object>[] = [];
    for (let i = 0; i < 5_000; i++) {
      const tenant = `t${i}`;
      rates.set(
        { tenant },
        { permits: 3, per: '1s', algorithm: 'rolling', inFlight: 2, weight: 1 + (i % 7) },
      );
      for (const spender of [rates, client]) {
        const limiter = spender.limiter({ tenant, provider: 'x' });
        expect(limiter.tryAcquire()).toBe(0);
        limiter.release();
        if (i < 500) limiters.push(new WeakRef(limiter));
      }
      const waits = client.limiter({ tenant, provider: 'x' }).acquire({ cost: 3 });
      waits.catch(() => {});
      rates.remove({ tenant });
      if (i % 3 === 2) await clock.advance(5_000);
    }
    await clock.advance(5_000);
    expect(client.waiting).toBe(0);
    expect(clock.timersPending).toBe(0);
    expect(Object.keys(rates.statuses())).toEqual(['provider:x']);
    collectGarbage();
    expect(limiters.filter((limiter) => limiter.deref() !== undefined)).toEqual([]);
    // All of the arena is there again, in one piece.
    rates.set({ tenant: 'last' }, { permits: 2_048, per: '1s', algorithm: 'rolling' });
    expect(drain(rates.limiter({ tenant: 'last' }))).toBe(2_048);
  });

  it('refuses a cost past a million where nothing limits the rate, so that sums stay exact', () => {
    const { rates } = startRates({ providers: { x: {} } });
    const limiter = rates.limiter(provider);
    expect(() => limiter.tryAcquire(1_000_001)).toThrow(code('COST_ABOVE_BURST'));
    for (let i = 0; i < 10_000; i++) limiter.tryAcquire(1_000_000);
    expect(rates.status(provider)).toMatchObject({ permits: 1e10, granted: 10_000 });
  });

  it('that the machine has no room for is told by its settings', () => {
    const construct = (target: typeof SharedArrayBuffer, [bytes]: number[]) => {
      if (bytes! > 0) throw new RangeError('Array buffer allocation failed');
      return new target(0);
    };
    vi.stubGlobal('SharedArrayBuffer', new Proxy(SharedArrayBuffer, { construct }));
    try {
      expect(() => startRates({ scopesMax: 65_536 })).toThrow(code('OPTIONS_INVALID'));
      expect(() => startRates({ scopesMax: 65_536 })).toThrow(/scopesMax.* found one of \d+ MiB/);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
