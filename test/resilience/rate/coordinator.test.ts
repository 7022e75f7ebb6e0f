import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { code, drain, provider, recorder, startRates } from './coordinator-rig.js';

const tenant = { tenant: 't' };

function budgetOf(x: BudgetInput) {
  const { clock, rates, open } = startRates({ providers: { x } });
  return { clock, rates, open, limiter: rates.limiter(provider), left: () => rates.status(provider).left };
}

const SMOOTH: BudgetInput = { permits: 10, per: '1s', burst: 5 };
const ROLLING: BudgetInput = { permits: 10, per: '1s', algorithm: 'rolling' };
const QUOTA: BudgetInput = { permits: 0, burst: 10 };

describe('a scope', () => {
  it.each([
    [{ provider: 'ibrk' }, '"provider:ibrk"; did you mean "provider:ibkr"?'],
    [{ provider: 'ibkr', endpoint: 'histroy' }, 'did you mean "endpoint:ibkr/history"?'],
    [{ tenant: 'desc', provider: 'ibkr' }, 'did you mean "tenant:desk"?'],
  ])('that nobody declared is an error, with the nearest name: %j', (ref, message) => {
    const { rates } = startRates({
      providers: { ibkr: { permits: 1, endpoints: { history: {} } } },
      tenants: { desk: {} },
    });
    expect(() => rates.limiter(ref)).toThrow(code('SCOPE_UNKNOWN'));
    expect(() => rates.limiter(ref)).toThrow(message);
  });

  it.each([{}, { endpoint: 'history' }, { tenant: 't', endpoint: 'history' }])(
    'that is none is an error: %j',
    (ref) => {
      const { rates } = startRates();
      for (const call of [
        () => rates.limiter(ref),
        () => rates.set(ref, {}),
        () => rates.remove(ref),
        () => rates.status(ref),
        () => rates.cooldown(ref, 1),
        () => rates.observeUsed(ref, { used: 1 }),
      ]) {
        expect(call).toThrow(code('SCOPE_INVALID'));
      }
    },
  );

  it('is one, where one is meant', () => {
    const { rates } = startRates({ providers: { x: {} }, tenants: { t: {} } });
    expect(() => rates.status({ ...provider, ...tenant })).toThrow(/found provider "x", tenant "t"/);
    expect(() => rates.set({ ...provider, ...tenant }, {})).toThrow(code('SCOPE_INVALID'));
  });

  it('gives the same limiter for the same names', () => {
    const { rates } = startRates({ providers: { x: {} }, tenants: { t: {} } });
    expect(rates.limiter(provider)).toBe(rates.limiter({ ...provider }));
    expect(rates.limiter({ ...tenant, ...provider })).not.toBe(rates.limiter(provider));
  });

  it('that is declared later is seen by clients that are open', () => {
    const { rates, open } = startRates();
    const client = open();
    expect(() => client.limiter(provider)).toThrow(/"provider:x"; there are none; declare/);
    rates.set(provider, SMOOTH);
    expect(drain(client.limiter(provider))).toBe(5);
  });

  it('that is removed and declared again begins anew', async () => {
    const { rates, open, clock, limiter } = budgetOf({ ...SMOOTH, inFlight: 3 });
    const other = open().limiter(provider);
    expect(drain(limiter)).toBe(3);
    rates.cooldown(provider, 60_000);
    expect(rates.remove(provider)).toBe(true);
    expect(() => other.tryAcquire()).toThrow(code('SCOPE_UNKNOWN'));
    expect(() => rates.status(provider)).toThrow(code('SCOPE_UNKNOWN'));
    rates.set(provider, SMOOTH);
    expect(rates.status(provider)).toMatchObject({
      permits: 0,
      granted: 0,
      left: 5,
      inFlight: null,
      cooldownMs: 0,
    });
    expect(drain(rates.limiter(provider))).toBe(5);
    limiter.releaseAll();
    await clock.advance(100);
    expect(drain(rates.limiter(provider))).toBe(1);
  });
});

describe('a change', () => {
  it.each<[string, BudgetInput, BudgetInput, number]>([
    ['a higher rate', SMOOTH, { permits: 100, per: '1s', burst: 5 }, 10],
    ['a lower rate', SMOOTH, { permits: 1, per: '1s', burst: 5 }, 1_000],
    ['a larger burst', SMOOTH, { permits: 10, per: '1s', burst: 5 }, 100],
    ['a rolling window', SMOOTH, { permits: 5, per: '1s', algorithm: 'rolling' }, 1_000],
  ])('to %s leaves what was spent spent', (_, before, after, waitMs) => {
    const { rates, limiter } = budgetOf(before);
    expect(drain(limiter)).toBe(5);
    rates.set(provider, after);
    expect(limiter.tryAcquire() / 1e6).toBe(waitMs);
  });

  it('of the burst gives no difference at once, and takes it away at once', () => {
    const { rates, limiter } = budgetOf(SMOOTH);
    expect(drain(limiter)).toBe(5);
    rates.set(provider, { ...SMOOTH, burst: 8 });
    expect(limiter.tryAcquire() / 1e6).toBe(100);
    rates.set(provider, { ...SMOOTH, burst: 2 });
    expect(limiter.tryAcquire() / 1e6).toBe(700);
  });

  it.each<[string, BudgetInput, BudgetInput]>([
    ['smooth to rolling and back', { permits: 10, per: '1s' }, ROLLING],
    ['rolling to smooth and back', ROLLING, { permits: 10, per: '1s' }],
    ['smooth to a rate of 0 and back', { permits: 10, per: '1s' }, QUOTA],
    ['a rate of 0 to rolling and back', QUOTA, ROLLING],
  ])('carries what was spent: %s', (_, one, other) => {
    const { rates, limiter, left } = budgetOf(one);
    limiter.tryAcquire(4);
    for (const budget of [other, one, one, other, other]) {
      rates.set(provider, budget);
      expect(left()).toBe(6);
    }
    limiter.tryAcquire(5);
    rates.set(provider, one);
    expect(drain(limiter)).toBe(1);
  });

  it('of a rolling window keeps the instants', async () => {
    const { rates, limiter, clock } = budgetOf({ permits: 3, per: '1s', algorithm: 'rolling' });
    for (let i = 0; i < 3; i++) {
      limiter.tryAcquire();
      await clock.advance(100);
    }
    rates.set(provider, { permits: 2, per: '1s', algorithm: 'rolling' });
    expect(limiter.tryAcquire() / 1e6).toBe(800);
    rates.set(provider, { permits: 4, per: '2s', algorithm: 'rolling' });
    // The first one counts again, though the smaller window had no room for it; nothing is free before it goes.
    expect(limiter.tryAcquire() / 1e6).toBe(1_700);
  });

  it('changes nothing of how fast permits come, however often it is made', async () => {
    const { rates, limiter, clock } = budgetOf({ permits: 7, per: '3s', burst: 2 });
    drain(limiter);
    let granted = 0;
    for (let i = 0; i < 600; i++) {
      await clock.advance(10);
      rates.set(provider, { permits: 7, per: '3s', burst: 2 });
      granted += drain(limiter);
    }
    expect(granted).toBe(13);
  });

  it('to a smaller burst refuses those who wait for more', async () => {
    const { rates, limiter, clock } = budgetOf(SMOOTH);
    drain(limiter);
    const { watch, outcomes } = recorder<string>(clock);
    watch('call', limiter.acquire({ cost: 5 }));
    rates.set(provider, { ...SMOOTH, burst: 4 });
    await clock.advance(500);
    expect(outcomes.get('call')).toBe('COST_ABOVE_BURST');
    expect(clock.timersPending).toBe(0);
  });

  it('to a rate of 0 refuses those who wait', async () => {
    const { rates, limiter, clock } = budgetOf(SMOOTH);
    drain(limiter);
    const { watch, outcomes } = recorder<string>(clock);
    watch('call', limiter.acquire());
    rates.set(provider, { permits: 0, burst: 5 });
    await clock.advance(250);
    expect(outcomes.get('call')).toBe('BUDGET_SPENT');
    expect(clock.timersPending).toBe(0);
  });

  it('to a higher rate serves those who wait within 250 ms', async () => {
    const { rates, limiter, clock } = budgetOf({ permits: 1, per: '1h' });
    drain(limiter);
    const call = limiter.acquire();
    await clock.advance(60_000);
    rates.set(provider, { permits: 1_000, per: '1s', burst: 1 });
    await clock.advance(250);
    expect((await call).waitedNs).toBeLessThanOrEqual(60_250_000_000);
  });

  it('that does not fit leaves the old budget', () => {
    const { rates, limiter } = budgetOf(SMOOTH);
    const large = { permits: 100_000, per: '1s', algorithm: 'rolling' } as const;
    expect(() => rates.set(provider, large)).toThrow(code('RATE_TABLE_FULL'));
    expect(drain(limiter)).toBe(5);
  });
});

describe('a cooldown', () => {
  it.each<[string, BudgetInput]>([
    ['smooth', SMOOTH],
    ['rolling', ROLLING],
    ['rate of 0', QUOTA],
    ['in-flight', { inFlight: 2 }],
    ['unlimited', {}],
  ])('gives nothing to any client until it is over: %s', async (_, budget) => {
    const { rates, open, limiter, clock } = budgetOf(budget);
    const other = open();
    other.cooldown(provider, 1_500);
    expect(rates.status(provider)).toMatchObject({ cooldownMs: 1_500 });
    expect(other.status(provider).cooldownMs).toBe(1_500);
    const call = limiter.acquire();
    for (let ms = 0; ms < 1_500; ms += 100) {
      const wait = other.limiter(provider).tryAcquire();
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual((1_600 - ms) * 1e6); // one waits before it
      await clock.advance(100);
    }
    expect((await call).waitedNs).toBe(1_500_000_000);
    expect(rates.status(provider).cooldownMs).toBe(0);
  });

  it('is never shortened', () => {
    const { rates, open } = budgetOf(SMOOTH);
    rates.cooldown(provider, 1_000);
    open().cooldown(provider, 10);
    rates.cooldown(provider, -5);
    expect(rates.status(provider).cooldownMs).toBe(1_000);
    rates.cooldown(provider, 2_000);
    expect(rates.status(provider).cooldownMs).toBe(2_000);
  });

  it('goes on at the steady rate, without a burst', async () => {
    const { rates, limiter, clock } = budgetOf(SMOOTH);
    rates.cooldown(provider, 5_000);
    await clock.advance(5_000);
    expect(drain(limiter)).toBe(1);
    await clock.advance(250);
    expect(drain(limiter)).toBe(2);
  });

  it.each<[string, BudgetInput]>([
    ['a lower rate', { permits: 1, per: '1s', burst: 2 }],
    ['a higher rate', { permits: 1_000, per: '1s', burst: 100 }],
    ['the same', SMOOTH],
  ])('survives a change to %s, and lasts no longer by it', async (_, budget) => {
    const { rates, limiter, clock } = budgetOf(SMOOTH);
    limiter.tryAcquire(3);
    rates.cooldown(provider, 60_000);
    rates.set(provider, budget);
    expect(limiter.tryAcquire()).toBe(60_000_000_000);
    rates.set(provider, budget);
    expect(limiter.tryAcquire()).toBe(60_000_000_000);
    await clock.advance(60_000);
    expect(drain(limiter)).toBe(1);
  });

  it.each<[string, BudgetInput]>([
    ['rolling', ROLLING],
    ['a rate of 0', QUOTA],
  ])('survives a change to %s and back', (_, budget) => {
    const { rates, limiter } = budgetOf(SMOOTH);
    rates.cooldown(provider, 10_000);
    rates.set(provider, budget);
    expect(limiter.tryAcquire()).toBeGreaterThanOrEqual(10_000_000_000);
    rates.set(provider, SMOOTH);
    expect(limiter.tryAcquire()).toBe(10_000_000_000);
  });

  it('keeps what was reserved of the time after it', () => {
    const { rates, limiter } = budgetOf(SMOOTH);
    rates.cooldown(provider, 1_000);
    for (let i = 0; i < 5; i++) limiter.reserve();
    rates.set(provider, { permits: 1, per: '1s', burst: 5 });
    expect(limiter.reserve()).toMatchObject({ waitNs: 6_000_000_000 });
  });

  it('of a tenant does not concern the others', () => {
    const { rates } = startRates({ providers: { x: SMOOTH }, tenants: { t: {}, u: {} } });
    rates.cooldown(tenant, 1_000);
    expect(rates.limiter({ ...tenant, ...provider }).tryAcquire()).toBe(1_000_000_000);
    expect(drain(rates.limiter({ tenant: 'u', ...provider }))).toBe(5);
  });

  it.each([Number.POSITIVE_INFINITY, 1e300])('of %s ms ends after 30 days', (ms) => {
    const { rates } = budgetOf(SMOOTH);
    rates.cooldown(provider, ms);
    expect(rates.status(provider).cooldownMs).toBe(2_592_000_000);
  });

  it('after a throttled call is that of the endpoint where it has a budget, else of its provider', () => {
    const { rates, open } = startRates({
      providers: { x: { permits: 10, endpoints: { e: { permits: 5 } } } },
    });
    const left = () => [{ ...provider, endpoint: 'e' }, provider].map((ref) => rates.status(ref).cooldownMs);
    open().throttled({ provider: 'x', endpoint: 'e' }, 2_000);
    expect(left()).toEqual([2_000, 0]);
    rates.throttled({ provider: 'x', endpoint: 'unknown' }, 3_000);
    expect(left()).toEqual([2_000, 3_000]);
    rates.throttled({ provider: 'unknown' }, 3_000);
    expect(left()).toEqual([2_000, 3_000]);
  });

  it.each([
    ['a second where the provider does not say', undefined, 1_000],
    ['a second where it says what is no number', Number.NaN, 1_000],
    ['a day where it asks for more', Number.POSITIVE_INFINITY, 86_400_000],
  ])('after a throttled call is %s', (_what, retryAfterMs, ms) => {
    const { rates } = budgetOf(SMOOTH);
    rates.throttled({ provider: 'x' }, retryAfterMs);
    expect(rates.status(provider).cooldownMs).toBe(ms);
  });

  it('of a time that is none is an error', () => {
    const { rates, left } = budgetOf(SMOOTH);
    expect(() => rates.cooldown(provider, Number.NaN)).toThrow(code('OPTIONS_INVALID'));
    expect(left()).toBe(5);
  });
});

describe('what a provider says was used', () => {
  it.each<[string, BudgetInput]>([
    ['smooth', { permits: 10, per: '1s' }],
    ['rolling', ROLLING],
    ['a rate of 0', QUOTA],
  ])('is taken over upwards alone: %s', (_, budget) => {
    const { rates, open, limiter, left } = budgetOf(budget);
    limiter.tryAcquire(3);
    rates.observeUsed(provider, { used: 2 });
    expect(left()).toBe(7);
    open().observeUsed(provider, { used: 6.9 });
    expect(left()).toBe(4);
    rates.observeUsed(provider, { used: -1 });
    expect(left()).toBe(4);
    rates.observeUsed(provider, { used: Number.POSITIVE_INFINITY });
    expect(left()).toBe(0);
    expect(limiter.tryAcquire()).toBeGreaterThan(0);
    expect(rates.status(provider)).toMatchObject({ permits: 3, granted: 1 });
  });

  it('is of the limit that is named', () => {
    const { rates, limiter } = budgetOf({
      limits: [
        { permits: 10, per: '1s' },
        { permits: 8, per: '10m', algorithm: 'rolling' },
      ],
    });
    rates.observeUsed(provider, { used: 7, limit: 1 });
    expect(limiter.left()).toBe(1);
    expect(() => rates.observeUsed(provider, { used: 1, limit: 2 })).toThrow(
      /limit: expected 0 to 1, found 2/,
    );
    expect(() => rates.observeUsed(provider, { used: Number.NaN })).toThrow(code('OPTIONS_INVALID'));
  });

  it('is of none where there is no limit', () => {
    const { rates } = budgetOf({ inFlight: 1 });
    expect(() => rates.observeUsed(provider, { used: 1 })).toThrow(/limit: expected none/);
  });
});

describe('a status', () => {
  it('sums over all clients, those that are closed included', async () => {
    const { rates, open, clock } = budgetOf({ permits: 10, per: '1s', burst: 4, inFlight: 10 });
    const clients = [open(), open()];
    for (const client of clients) client.limiter(provider).tryAcquire(2);
    expect(clients[0]!.limiter(provider).tryAcquire()).toBeGreaterThan(0);
    const late = clients[1]!.limiter(provider).acquire({ timeoutMs: 1 });
    await expect(late).rejects.toEqual(code('ACQUIRE_TIMED_OUT'));
    const call = rates.limiter(provider).acquire({ cost: 3 });
    await clock.advance(300);
    await call;
    expect(rates.status(provider)).toEqual({
      permits: 7,
      granted: 3,
      refused: 1,
      waited: 1,
      waitedUs: 300_000,
      timedOut: 1,
      aborted: 0,
      left: 0,
      inFlight: 3,
      cooldownMs: 0,
    });
    expect(clients[0]!.status(provider)).toEqual(rates.status(provider));
    clients[0]!.close();
    expect(rates.status(provider)).toMatchObject({ granted: 3, inFlight: 2 });
    open().limiter(provider);
    expect(rates.status(provider)).toMatchObject({ permits: 7, granted: 3 });
  });

  it('is there for all scopes by name', () => {
    const { rates } = startRates({
      providers: { x: { permits: 5, endpoints: { history: { permits: 2 } } } },
      tenants: { t: {} },
    });
    rates.limiter({ provider: 'x', endpoint: 'history' }).tryAcquire();
    const statuses = rates.statuses();
    expect(Object.fromEntries(Object.entries(statuses).map(([name, { left }]) => [name, left]))).toEqual({
      'provider:x': 4,
      'endpoint:x/history': 1,
      'tenant:t': null,
    });
  });
});

describe('waiters and reservations together', () => {
  it('never break the law, whatever is cancelled', async () => {
    const { limiter, open, clock } = budgetOf({ permits: 10, per: '1s', burst: 3 });
    const granted: number[] = [];
    const now = () => Number(clock.now()) / 1e6;
    const others = [limiter, open().limiter(provider)];
    for (let i = 0; i < 200; i++) {
      const from = others[i % 2]!;
      if (i % 3 === 0)
        from
          .acquire({ timeoutMs: 2_000 })
          .then(({ atNs }) => granted.push(Number(atNs) / 1e6))
          .catch(() => {});
      else if (i % 3 === 1) {
        if (from.tryAcquire() === 0) granted.push(now());
      } else {
        const reservation = from.reserve({ maxWaitMs: 1_000 });
        if (typeof reservation !== 'number' && !(i % 2 === 0 && reservation.cancel()))
          granted.push(Number(reservation.atNs) / 1e6);
      }
      await clock.advance(37);
    }
    await clock.advance(3_000);
    granted.sort((a, b) => a - b);
    for (const [i, from] of granted.entries()) {
      for (let j = i; j < granted.length; j++) {
        expect(j - i + 1).toBeLessThanOrEqual(3 + (granted[j]! - from) / 100 + 1e-6);
      }
    }
    expect(granted.length).toBeGreaterThan(60);
    expect(clock.timersPending).toBe(0);
  });
});

describe('it', () => {
  it('prints nothing, and hangs nothing on the process', async () => {
    const events = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
    const before = events();
    const { rates, limiter, clock, open } = budgetOf(SMOOTH);
    const { watch } = recorder<number>(clock);
    for (let i = 0; i < 20; i++) watch(i, limiter.acquire());
    open().close();
    await clock.advance(1_000);
    rates.close();
    expect(events()).toEqual(before);
    expect(clock.timersPending).toBe(0);
  });
});

describe('what is none', () => {
  it.each([null, 7, 'options'])('is told where options are expected: %s', (none) => {
    expect(() => new RateCoordinator(none as never)).toThrow(code('OPTIONS_INVALID'));
    expect(() => new RateCoordinator(none as never)).toThrow('expected a mapping, found');
  });

  it.each([null, undefined, 'x'])('is told where a reference is expected: %s', (none) => {
    const { rates } = startRates();
    expect(() => rates.limiter(none as never)).toThrow(code('SCOPE_INVALID'));
    expect(() => rates.status(none as never)).toThrow(code('SCOPE_INVALID'));
  });

  it('is told in a few words, however long it is', () => {
    const { rates } = startRates();
    const long = 'x'.repeat(100_000);
    for (const ref of [{ provider: long }, { tenant: long, endpoint: long }]) {
      try {
        rates.limiter(ref);
        expect.unreachable();
      } catch (error) {
        expect((error as Error).message.length).toBeLessThan(500);
      }
    }
  });
});

describe('a name that is none', () => {
  it('is told with what a name may be', () => {
    expect(() => startRates({ providers: { 'a b': { permits: 1 } } })).toThrow(
      'budgets.providers.a b: expected 1 to 64 letters, digits, ".", "_" or "-"',
    );
  });
});
