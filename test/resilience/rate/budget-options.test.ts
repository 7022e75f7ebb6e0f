import { describe, expect, it } from 'vitest';
import { type BudgetInput, BudgetOptions } from '../../../src/resilience/rate/budget-options.js';
import {
  RateCoordinator,
  type RateCoordinatorOptions,
} from '../../../src/resilience/rate/rate-coordinator.js';
import { drain, provider, startRates } from './coordinator-rig.js';

/** The problems that are named, a line each. */
function problemsOf(options: RateCoordinatorOptions): string[] {
  try {
    new RateCoordinator(options).close();
  } catch (error) {
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID' });
    return (error as Error).message.split('\n  - ').slice(1);
  }
  return [];
}
const problemsOfBudget = (budget: unknown) =>
  problemsOf({ providers: { x: budget as BudgetInput } }).map((line) =>
    line.replace('budgets.providers.x.', ''),
  );

describe('a budget', () => {
  it.each<[BudgetInput, object[]]>([
    [{}, []],
    [{ permits: 5 }, [{ permits: 5, per: 1e9, algorithm: 'smooth' }]],
    [{ permits: 5, per: '10m', burst: 2 }, [{ permits: 5, per: 6e11, burst: 2, algorithm: 'smooth' }]],
    [{ permitsPerSecond: 5 }, [{ permits: 5, per: 1e9, algorithm: 'smooth' }]],
    [{ permitsPerSecond: 5, algorithm: 'rolling' }, [{ permits: 5, per: 1e9, algorithm: 'rolling' }]],
    [{ permitsPerSecond: 2.5 }, [{ permits: 1, per: 4e8, burst: 3, algorithm: 'smooth' }]],
    [{ permitsPerSecond: 0.3 }, [{ permits: 1, per: 3_333_333_334, burst: 1, algorithm: 'smooth' }]],
    [{ permits: 0 }, [{ permits: 0, per: 1e9, algorithm: 'smooth' }]],
    [{ permits: 0, burst: 0 }, [{ permits: 0, per: 1e9, burst: 0, algorithm: 'smooth' }]],
    [{ permitsPerSecond: 0 }, [{ permits: 0, per: 1e9, algorithm: 'smooth' }]],
    [{ permits: 0, algorithm: 'rolling' }, [{ permits: 0, per: 1e9, algorithm: 'rolling' }]],
    [{ permitsPerSecond: 1e9, burst: 9 }, [{ permits: 1, per: 1, burst: 9, algorithm: 'smooth' }]],
  ])('%j', (input, limits) => {
    expect(BudgetOptions.parse(input)).toEqual({ limits, weight: 1 });
  });

  it('with a fraction of a permit a second rolls by the time of one', () => {
    const { rates } = startRates({ providers: { x: { permitsPerSecond: 0.5, algorithm: 'rolling' } } });
    const limiter = rates.limiter(provider);
    expect(drain(limiter)).toBe(1);
    expect(limiter.tryAcquire()).toBe(2_000_000_000);
  });

  it.each<[unknown, string[]]>([
    [{ permits: -1 }, ['permits: expected 0 to 1000000 permits, found -1']],
    [{ permits: 1.5 }, ['permits: expected 0 to 1000000 permits, found 1.5']],
    [{ permits: 1, per: '0ms' }, ['per: expected a duration of 1ms to 30d']],
    [{ permits: 1, per: 1_000 }, ['per: expected a duration of 1ms to 30d']],
    [{ permits: 1, burst: 0 }, ['burst: expected 1 or more, or "permits" of 0 as well']],
    [{ permits: 1, algorithm: 'rollin' }, ['algorithm: expected smooth, rolling, found "rollin"']],
    [{ permits: 5, algorithm: 'rolling', burst: 2 }, ['burst: expected none: a rolling window']],
    [{ permitsPerSecond: 5, permits: 5 }, ['permitsPerSecond: expected one of']],
    [{ permitsPerSecond: Number.NaN }, ['permitsPerSecond: expected 0 to 1000000000 permits a second']],
    [{ permitsPerSecond: 5e-324 }, ['permitsPerSecond: expected 0, or at least one permit in 30 days']],
    [
      { permitsPerSecond: 1e-9, algorithm: 'rolling' },
      ['permitsPerSecond: expected 0, or at least one permit'],
    ],
    [{ permitsPerSecond: 0.000_5, burst: 1_000_000 }, ['burst: expected a burst that is earned back']],
    [{ permits: 1, per: '30d', burst: 1_000 }, ['burst: expected a burst that is earned back']],
    [{ permitsPerSecond: 5, per: '10s' }, ['per: expected only with "permits"']],
    [{ burst: 5 }, ['burst: expected only together with "permits" or "permitsPerSecond"']],
    [
      { limits: [{ permits: 1 }], burst: 5, per: '2s' },
      ['per: expected inside each', 'burst: expected inside each'],
    ],
    [{ limits: [] }, ['limits: expected 1 to 4 limits']],
    [{ limits: Array(5).fill({ permits: 1 }) }, ['limits: expected 1 to 4 limits']],
    [{ limits: [{ permits: 1, brust: 2 }] }, ['limits[0].brust: there is no such option']],
    [{ inFlight: 0 }, ['inFlight: expected 1 to 1024 calls in flight, found 0']],
    [{ weight: 1_001 }, ['weight: expected a weight of 1 to 1000, found 1001']],
    [{ permit: 5 }, ['permit: there is no such option']],
    [{ endpoints: { a: { permits: -2 } } }, ['endpoints.a.permits: expected 0 to 1000000']],
    [{ endpoints: { 'a/b': { permits: 2 } } }, ['endpoints.a/b']],
  ])('that is wrong is told: %j', (input, problems) => {
    const found = problemsOfBudget(input);
    expect(found).toHaveLength(problems.length);
    for (const [i, problem] of problems.entries()) expect(found[i]).toContain(problem);
  });

  it('that is wrong in several places has each named', () => {
    const found = problemsOf({
      providers: { x: { permits: -1, weight: 0, burst: -1 }, y: { inFlight: 0 } },
      tenants: { 't t': { permits: 1 }, u: { permits: 'many' as unknown as number } },
    });
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'budgets.providers.x.permits',
      'budgets.providers.x.burst',
      'budgets.providers.x.weight',
      'budgets.providers.y.inFlight',
      'budgets.tenants.t t',
      'budgets.tenants.u.permits',
    ]);
  });

  it('that is set while it runs is named in the problems, and leaves the old one', () => {
    const { rates } = startRates({ providers: { x: { permits: 5 } } });
    expect(() => rates.set(provider, { permits: -1, weight: 0 })).toThrow(
      /"provider:x":\n {2}- provider:x\.permits: expected 0 to 1000000.*\n {2}- provider:x\.weight: /,
    );
    expect(() => rates.set({ provider: 'a b' }, { permits: 1 })).toThrow(/expected 1 to 64 letters/);
    expect(drain(rates.limiter(provider))).toBe(5);
  });
});

describe('the table', () => {
  it('has each wrong setting named', () => {
    const found = problemsOf({ scopesMax: 0, threadsMax: 5_000, rollingPermitsMax: -1, waitersMax: 0.5 });
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'rate.scopesMax',
      'rate.threadsMax',
      'rate.rollingPermitsMax',
      'rate.waitersMax',
    ]);
  });
});
