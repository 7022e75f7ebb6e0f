import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { code, drain, provider, recorder, startRates } from './coordinator-rig.js';

const tenant = { tenant: 't' };
const OPEN: BudgetInput = { permits: 10, per: '1s', burst: 5 };

function blocked(budget: BudgetInput = { permits: 0 }) {
  const { clock, rates, open } = startRates({ providers: { x: OPEN }, tenants: { t: budget, other: {} } });
  const limiter = rates.limiter({ ...tenant, ...provider });
  return { clock, rates, open, limiter, ...recorder<string>(clock) };
}

describe('a budget of nothing', () => {
  it.each<BudgetInput>([
    { permits: 0 },
    { permits: 0, burst: 0 },
    { permitsPerSecond: 0 },
    { permits: 0, algorithm: 'rolling' },
    { limits: [{ permits: 5 }, { permits: 0 }] },
  ])('grants nothing, and says that no wait helps: %j', (budget) => {
    const { rates, limiter } = blocked(budget);
    expect([limiter.tryAcquire(), limiter.tryAcquire(3)]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(limiter.reserve()).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.left()).toBe(0);
    expect(rates.status(provider)).toMatchObject({ granted: 0, left: 5 });
  });

  it('blocks one tenant and no other', () => {
    const { rates } = blocked();
    expect(drain(rates.limiter({ tenant: 'other', ...provider }))).toBe(5);
  });

  it('lets those who wait wait, and serves them at the rate that it is changed to', async () => {
    const { clock, rates, open, limiter, watch, outcomes } = blocked();
    watch('own', limiter.acquire());
    watch(
      'of another thread',
      open()
        .limiter({ ...tenant, ...provider })
        .acquire({ cost: 2 }),
    );
    await clock.advance(60_000);
    expect(outcomes.size).toBe(0);
    rates.set(tenant, OPEN);
    await clock.advance(250 + 200); // to notice it, and to earn three permits
    expect([...outcomes.keys()].sort()).toEqual(['of another thread', 'own']);
    expect(clock.timersPending).toBe(0);
  });

  it('is waited for no longer than the timeout, and refused when it is removed', async () => {
    const { clock, rates, limiter, watch, outcomes } = blocked();
    watch('timed out', limiter.acquire({ timeoutMs: 500 }));
    await clock.advance(499);
    expect(outcomes.size).toBe(0);
    await clock.advance(1);
    expect(outcomes.get('timed out')).toBe('ACQUIRE_TIMED_OUT');
    watch('removed', limiter.acquire());
    rates.remove(tenant);
    await clock.advance(250);
    expect(outcomes.get('removed')).toBe('SCOPE_UNKNOWN');
  });

  it('keeps those who waited before it came, and holds up nobody else', async () => {
    const { clock, rates, limiter, watch, outcomes } = blocked(OPEN);
    drain(limiter);
    watch('waits', limiter.acquire());
    rates.set(tenant, { permits: 0 });
    await clock.advance(1_000);
    expect(outcomes.size).toBe(0);
    expect(drain(rates.limiter(provider))).toBe(5);
    rates.set(tenant, OPEN);
    await clock.advance(1_000);
    expect(outcomes.get('waits')).toBeGreaterThanOrEqual(1_000);
  });

  it('keeps what was spent before it spent, and nothing saved up', async () => {
    const { clock, rates, limiter } = blocked(OPEN);
    limiter.tryAcquire(3);
    rates.set(tenant, { permits: 0 });
    rates.set(tenant, OPEN);
    expect(rates.status(tenant).left).toBe(0);
    await clock.advance(300);
    expect(rates.status(tenant).left).toBe(3);
  });

  it('is none where a burst is given: that is granted once', async () => {
    const { limiter } = blocked({ permits: 0, burst: 1 });
    expect(limiter.tryAcquire()).toBe(0);
    await expect(limiter.acquire()).rejects.toEqual(code('BUDGET_SPENT'));
  });
});
