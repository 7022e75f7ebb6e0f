import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
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

  it('says when it has no room for a window or a cap, and has it again after a rest', async () => {
    const { rates, clock } = startRates({ rollingPermitsMax: 600 });
    rates.set(provider, { permits: 500, algorithm: 'rolling' });
    const other = { provider: 'y' };
    expect(() => rates.set(other, { permits: 101, algorithm: 'rolling' })).toThrow(code('RATE_TABLE_FULL'));
    expect(() => rates.set(other, { inFlight: 1 })).toThrow(/the budget "provider:y": .*"rollingPermitsMax"/);
    rates.set(other, { permits: 100, algorithm: 'rolling' });
    rates.remove(provider);
    expect(() => rates.set(provider, { permits: 500, algorithm: 'rolling' })).toThrow(
      code('RATE_TABLE_FULL'),
    );
    await clock.advance(5_000);
    rates.set(provider, { permits: 500, algorithm: 'rolling' });
    expect(rates.limiter(provider).left()).toBe(500);
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

  it('that no machine has room for is told by its settings', () => {
    expect(() => startRates({ scopesMax: 65_536, threadsMax: 4_096 })).toThrow(code('OPTIONS_INVALID'));
    expect(() => startRates({ scopesMax: 65_536, threadsMax: 4_096 })).toThrow(/scopesMax/);
  });
});
