import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import type { Reservation } from '../../../src/resilience/rate/limiter.js';
import {
  type Admission,
  checkGrowing,
  checkPauses,
  checkRolling,
  checkSmooth,
  type RatePeriod,
} from '../../support/admission-checker.js';
import { drain, provider, startRates } from './coordinator-rig.js';
import { MS } from './rate-rig.js';

function rig(budget: BudgetInput) {
  const { clock, rates } = startRates({ providers: { x: budget } });
  const limiter = rates.limiter(provider);
  return { clock, rates, limiter, set: (to: BudgetInput) => rates.set(provider, to) };
}

const SHORT = { permits: 6, per: '2s' } as const;
const LONG = { permits: 60, per: '10m' } as const;

describe('a change of a budget', () => {
  it.each([
    ['a higher rate', { permits: 100, burst: 10 }],
    ['a lower rate', { permits: 1, burst: 10 }],
    ['a quota', { permits: 0, burst: 10 }],
    ['a rolling window', { permits: 10, algorithm: 'rolling' }],
    ['several limits', { limits: [{ permits: 10 }, { permits: 10, per: '1h' }] }],
  ] as [string, BudgetInput][])('to %s keeps what was spent spent, in permits', (_, to) => {
    const { limiter, set } = rig({ permits: 10 });
    for (let i = 0; i < 7; i++) limiter.tryAcquire();
    set(to);
    expect(limiter.left()).toBe(3);
    set({ permits: 10 });
    expect(limiter.left()).toBe(3);
  });

  it('earns what was spent back at the new rate', async () => {
    const { clock, limiter, set } = rig({ permits: 10 });
    drain(limiter);
    set({ permits: 1, burst: 10 });
    expect(limiter.tryAcquire()).toBe(Number(1_000n * MS));
    await clock.advance(1_000);
    expect(drain(limiter)).toBe(1);
  });

  it('gives nothing at once of a larger burst, which is saved up as any other', async () => {
    const { clock, limiter, set } = rig({ permits: 10 });
    drain(limiter);
    set({ permits: 10, burst: 40 });
    expect(drain(limiter)).toBe(0);
    await clock.advance(2_000);
    expect(drain(limiter)).toBe(20);
    await clock.advance(60_000);
    expect(drain(limiter)).toBe(40);
  });

  it('keeps what was left when the burst grows, and no more', () => {
    const { limiter, set } = rig({ permits: 10 });
    for (let i = 0; i < 4; i++) limiter.tryAcquire();
    set({ permits: 100, burst: 50 });
    expect(drain(limiter)).toBe(6);
  });

  it('from nothing begins with nothing saved up', async () => {
    const { clock, limiter, set } = rig({ permits: 0 });
    set({ permits: 10 });
    expect(drain(limiter)).toBe(0);
    await clock.advance(300);
    expect(drain(limiter)).toBe(3);
  });

  it('to a larger quota gives the difference: nothing else would ever come', () => {
    const { limiter, set } = rig({ permits: 0, burst: 4 });
    expect(drain(limiter)).toBe(4);
    set({ permits: 0, burst: 10 });
    expect(drain(limiter)).toBe(6);
  });

  it('to a larger rolling window gives what it has more after one window', async () => {
    const { clock, limiter, set } = rig({ permits: 5, algorithm: 'rolling' });
    expect(drain(limiter)).toBe(5);
    await clock.advance(500);
    set({ permits: 8, algorithm: 'rolling' });
    expect(drain(limiter)).toBe(0);
    await clock.advance(500);
    expect(drain(limiter)).toBe(5);
    await clock.advance(500);
    expect(drain(limiter)).toBe(3);
  });

  it('gives no more at once than a lower burst', () => {
    const { limiter, set } = rig({ permits: 10 });
    set({ permits: 10, burst: 4 });
    expect(drain(limiter)).toBe(4);
  });

  it.each([
    ['in another order', [LONG, SHORT]],
    ['with one more before it', [{ permits: 600, per: '1h' }, SHORT, LONG]],
    ['with the other taken away', [LONG]],
    [
      'with other permits, and another order',
      [
        { permits: 50, per: '10m' },
        { permits: 5, per: '2s' },
      ],
    ],
  ] as const)('keeps what was spent of each of several limits: %s', async (_, limits) => {
    const { clock, limiter, set } = rig({ limits: [SHORT, LONG] });
    for (let i = 0; i < 15; i++) {
      drain(limiter); // some 6 in each 2 s, until the 60 are spent
      await clock.advance(2_000);
    }
    expect(limiter.left()).toBeLessThan(3);
    set({ limits: [...limits] });
    await clock.advance(2_000);
    expect(drain(limiter)).toBeLessThan(5);
  });

  it('does not lengthen a cooldown by a lower rate, nor make up for it with a burst', async () => {
    const { clock, limiter, rates, set } = rig({ permits: 10 });
    rates.cooldown(provider, 60_000);
    set({ permits: 1, burst: 5 });
    await clock.advance(59_999);
    expect(limiter.tryAcquire()).toBe(Number(MS));
    await clock.advance(1);
    expect(drain(limiter)).toBe(1);
    await clock.advance(3_000);
    expect(drain(limiter)).toBe(3);
  });

  it('lets a reservation keep its instant, and what comes after hold to the law with it', async () => {
    const { clock, limiter, set } = rig({ permits: 10, burst: 2 });
    const granted: Admission[] = Array.from({ length: 12 }, () => {
      const { atNs, cost } = limiter.reserve() as Reservation;
      return { at: atNs, cost };
    });
    set({ permits: 100, burst: 2 });
    for (let ms = 0; ms < 2_000; ms++) {
      if (limiter.tryAcquire() === 0) granted.push({ at: clock.now(), cost: 1 });
      await clock.advance(1);
    }
    checkSmooth(granted, [{ from: 0n, burst: 2, nsPerPermit: 10n * MS }]);
    expect(granted.length).toBeGreaterThan(100);
  });

  it('to a longer window counts all of the permits in it that are known', async () => {
    const { clock, limiter, set } = rig({ permits: 5, algorithm: 'rolling' });
    expect(drain(limiter)).toBe(5);
    await clock.advance(1_500);
    set({ permits: 5, per: '10s', algorithm: 'rolling' });
    expect(limiter.tryAcquire()).toBe(Number(8_500n * MS));
  });

  it('that finds no room in the table leaves all as it was', () => {
    const { rates } = startRates({ providers: { x: { permits: 5 } }, rollingPermitsMax: 10 });
    const limiter = rates.limiter(provider);
    limiter.tryAcquire();
    expect(() => rates.set(provider, { permits: 11, algorithm: 'rolling' })).toThrow(/"rollingPermitsMax"/);
    expect(limiter.left()).toBe(4);
    expect(limiter.tryAcquire()).toBe(0);
  });
});

describe('limiters of one scope', () => {
  it('all see a change that one of them, or a cooldown, saw first', async () => {
    const { clock, rates } = startRates({
      providers: { x: { permits: 5 } },
      tenants: { a: {}, b: {} },
    });
    const first = rates.limiter({ tenant: 'a', ...provider });
    const second = rates.limiter({ tenant: 'b', ...provider });
    rates.set(provider, { permits: 9, inFlight: 2 });
    await clock.advance(1_000);
    expect(first.tryAcquire(6)).toBe(0);
    await clock.advance(1_000);
    expect(second.tryAcquire(6)).toBe(0);
    await clock.advance(1_000);
    expect(second.tryAcquire()).toBeGreaterThan(0); // two are in flight
    rates.set(provider, { permits: 3 });
    rates.status(provider);
    expect(() => second.tryAcquire(6)).toThrow(expect.objectContaining({ code: 'COST_ABOVE_BURST' }));
  });
});

describe('a budget that is changed at any time', () => {
  const budgets = fc.record({
    permits: fc.constantFrom(1, 3, 10, 40),
    burst: fc.integer({ min: 1, max: 8 }),
  });
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('take' as const), cost: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('set' as const), budget: budgets }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('cool' as const), ms: fc.integer({ min: 1, max: 700 }) }),
    },
  );

  it('never gives more than the highest burst and the integral of the rate, and nothing in a cooldown', async () => {
    await fc.assert(
      fc.asyncProperty(budgets, fc.array(step, { maxLength: 60 }), async (first, steps) => {
        const { clock, limiter, rates, set } = rig(first);
        const admissions: Admission[] = [];
        const pauses: { from: bigint; until: bigint }[] = [];
        const period = ({ permits, burst }: { permits: number; burst: number }): RatePeriod => ({
          from: clock.now(),
          burst,
          nsPerPermit: BigInt(Math.ceil(1e9 / permits)),
        });
        const periods = [period(first)];
        for (const action of steps) {
          if (action.kind === 'wait') await clock.advance(action.ms);
          else if (action.kind === 'set') {
            set(action.budget);
            periods.push(period(action.budget));
          } else if (action.kind === 'cool') {
            rates.cooldown(provider, action.ms);
            pauses.push({ from: clock.now(), until: clock.now() + BigInt(action.ms) * MS });
          } else {
            const cost = Math.min(action.cost, periods.at(-1)!.burst);
            if (limiter.tryAcquire(cost) === 0) admissions.push({ at: clock.now(), cost });
          }
        }
        checkSmooth(admissions, periods);
        checkGrowing(admissions, periods);
        checkPauses(admissions, pauses);
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it('never gives more in a rolling window than the largest size that it had in that time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { clock, limiter, set } = rig({ permits: 9, algorithm: 'rolling' });
        const admissions: Admission[] = [];
        const sizes = [{ from: 0n, permits: 9 }];
        for (const action of steps) {
          const { permits } = sizes.at(-1)!;
          if (action.kind === 'wait' || action.kind === 'cool') await clock.advance(action.ms);
          else if (action.kind === 'set') {
            sizes.push({ from: clock.now(), permits: action.budget.burst });
            set({ permits: action.budget.burst, algorithm: 'rolling' });
          } else if (limiter.tryAcquire(Math.min(action.cost, permits)) === 0) {
            admissions.push({ at: clock.now(), cost: Math.min(action.cost, permits) });
          }
        }
        for (const { at } of admissions) {
          const since = at - 1_000n * MS;
          const within = admissions.filter((other) => other.at > since && other.at <= at);
          const inForce = sizes.filter(
            ({ from }, i) => from <= at && (sizes[i + 1]?.from ?? at + 1n) > since,
          );
          const permits = Math.max(...inForce.map((size) => size.permits));
          checkRolling(within, { permits, windowNs: 1_000n * MS });
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});
