import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { code, provider, recorder, startRates } from './coordinator-rig.js';

function shared(whole: BudgetInput, tenants = {}) {
  const { clock, rates, open } = startRates({ providers: { x: whole }, tenants });
  const share = (budget: BudgetInput) => rates.share(provider, { budget, endNs: 0n });
  return { clock, rates, open, share, ...recorder<string>(clock) };
}

describe('calls that wait at a share', () => {
  it.each([
    [1, 1],
    [5, 3],
    [6, 3],
  ])(
    'of several threads use all of it, however small its burst: %i, at a cost of %i',
    async (burst, cost) => {
      const { clock, rates, open, share } = shared({ permits: 100 });
      share({ permits: 100, burst });
      let taken = 0;
      const loop = async (limiter: { acquire(options: { cost: number }): Promise<unknown> }) => {
        for (;;) {
          await limiter.acquire({ cost });
          taken += cost;
        }
      };
      const other = open();
      for (let i = 0; i < 5; i++) {
        for (const one of [rates, other]) void loop(one.limiter(provider)).catch(() => {});
      }
      await clock.advance(20_000);
      expect(taken).toBeGreaterThan(0.9 * 20 * 100);
      rates.close();
      other.close();
    },
  );

  it('do not wait for one that costs more than it has, in its thread and in others', async () => {
    const { clock, rates, open, share, watch, outcomes } = shared({ permits: 10 }, { a: { permits: 100 } });
    share({ permits: 3 });
    await clock.advance(2_000);
    const limiter = rates.limiter(provider);
    watch('big', limiter.acquire({ cost: 5 }));
    watch('big of a tenant', rates.limiter({ tenant: 'a', ...provider }).acquire({ cost: 5 }));
    watch('small', limiter.acquire());
    watch('other', open().limiter(provider).acquire());
    await clock.advance(0);
    expect([...outcomes.keys()].sort()).toEqual(['other', 'small']);
    expect(limiter.tryAcquire()).toBe(0);
    watch('later', limiter.acquire({ cost: 3 }));
    await clock.advance(1_500);
    expect(outcomes.has('later')).toBe(true);
    share({ permits: 10 });
    await clock.advance(2_000);
    expect([...outcomes.keys()].sort()).toEqual(['big', 'big of a tenant', 'later', 'other', 'small']);
    expect(clock.timersPending).toBe(0);
  });

  it('go in their order again once the share has grown: the one that costs most is not overtaken', async () => {
    const { clock, rates, share, watch, order } = shared({ permits: 10 });
    share({ permits: 3 });
    const limiter = rates.limiter(provider);
    watch('big', limiter.acquire({ cost: 8 }));
    await clock.advance(500);
    share({ permits: 10 });
    for (let i = 0; i < 5; i++) watch(`small ${i}`, limiter.acquire());
    await clock.advance(3_000);
    expect(order.indexOf('big')).toBeLessThan(5);
    expect(order).toContain('small 4');
  });

  it('time out, abort, and are refused when they never fit, also while they are too expensive', async () => {
    const { clock, rates, share, watch, outcomes } = shared({ permits: 10 });
    share({ permits: 3 });
    const limiter = rates.limiter(provider);
    const { signal, ...controller } = ((own) => ({ signal: own.signal, abort: () => own.abort() }))(
      new AbortController(),
    );
    watch('late', limiter.acquire({ cost: 8, timeoutMs: 1_000 }));
    watch('aborted', limiter.acquire({ cost: 8, signal }));
    watch('never', limiter.acquire({ cost: 8 }));
    watch('gone', limiter.acquire({ cost: 5 }));
    await clock.advance(1_000);
    controller.abort();
    rates.set(provider, { permits: 6 });
    await clock.advance(500);
    rates.remove(provider);
    await clock.advance(500);
    expect(Object.fromEntries(outcomes)).toMatchObject({
      late: 'ACQUIRE_TIMED_OUT',
      never: 'COST_ABOVE_BURST',
      gone: 'SCOPE_UNKNOWN',
    });
    expect(outcomes.has('aborted')).toBe(true);
    expect(clock.timersPending).toBe(0);
    expect(() => limiter.tryAcquire()).toThrow(code('SCOPE_UNKNOWN'));
  });

  it('are refused when their client is closed', async () => {
    const { clock, rates, share, watch, outcomes } = shared({ permits: 10 });
    share({ permits: 3 });
    watch('big', rates.limiter(provider).acquire({ cost: 8 }));
    await clock.advance(500);
    rates.close();
    await clock.advance(0);
    expect(outcomes.get('big')).toBe('RATE_CLOSED');
    expect(clock.timersPending).toBe(0);
  });
});
