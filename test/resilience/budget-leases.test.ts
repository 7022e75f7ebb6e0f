import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { sleep } from '../../src/core/clock.js';
import { Random } from '../../src/core/random.js';
import { millis } from '../../src/core/units.js';
import { createBreaker } from '../../src/resilience/breaker/create-breaker.js';
import { BudgetLeases } from '../../src/resilience/budget-leases.js';
import {
  type BudgetPort,
  type BudgetShare,
  EmbeddedBudgetPort,
  type ShareRequest,
} from '../../src/resilience/budget-port.js';
import type { BudgetInput } from '../../src/resilience/rate/budget-options.js';
import { RateCoordinator } from '../../src/resilience/rate/rate-coordinator.js';
import { type Admission, checkRolling, checkSmooth } from '../support/admission-checker.js';
import {
  BudgetDealer,
  type DealerSettings,
  type DealtLimit,
  portTo,
  type Weather,
} from '../support/budget-dealer.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { drain } from './rate/coordinator-rig.js';
import '../support/property-seed.js';
import { tried } from '../support/deep.js';

const ref = { provider: 'x' };
const PERMITS = 20;
const BURST = 12;
const WHOLE = { permits: PERMITS, burst: BURST };

function startHost(port: BudgetPort, clock: SimulatedClock, owner = 'a', whole: BudgetInput = WHOLE) {
  const rates = new RateCoordinator({ clock, providers: { x: whole } });
  const breaker = createBreaker({ name: 'x', openJitter: 0 }, { clock, seed: 1 });
  const problems: unknown[] = [];
  const onProblem = ({ error }: { error: unknown }) => void problems.push(error);
  const leases = new BudgetLeases({ port, rates, budgets: [{ ref, breaker }], owner, clock, onProblem });
  return { rates, breaker, leases, problems, limiter: rates.limiter(ref), done: leases.start() };
}

/** A port that answers as the test says, and keeps what it was asked. */
function portOf(answer: (request: ShareRequest) => Promise<BudgetShare>) {
  const asked: ShareRequest[] = [];
  const port: BudgetPort = {
    isShared: true,
    renew(request) {
      asked.push(request);
      return answer(request);
    },
  };
  return { port, asked };
}

const share = (more: Partial<BudgetShare> = {}): BudgetShare => ({
  budget: WHOLE,
  ttlMs: 3_000,
  cooldownMs: 0,
  ...more,
});

describe('a process alone', () => {
  it('has its whole budget from the first call on, and asks once', async () => {
    const clock = new SimulatedClock();
    const { limiter, done } = startHost(new EmbeddedBudgetPort({ 'provider:x': WHOLE }), clock);
    expect(drain(limiter)).toBe(BURST);
    await done;
    await clock.advance(500);
    expect(drain(limiter)).toBe(10);
  });
});

describe('a process that shares a budget', () => {
  it('grants nothing before its first share, and then at the rate of the share', async () => {
    const clock = new SimulatedClock();
    const { port } = portOf(async () => share({ budget: { permits: 10, burst: 5 } }));
    const { limiter } = startHost(port, clock);
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(300);
    expect(drain(limiter)).toBe(3);
  });

  it('asks again before the share ends, and says what it holds', async () => {
    const clock = new SimulatedClock();
    const { port, asked } = portOf(async () => share());
    const { limiter } = startHost(port, clock);
    await clock.advance(30_000);
    expect(limiter.left()).toBe(BURST);
    expect(asked.slice(0, 3).map(({ request, holds }) => [request, holds])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    expect(asked).toHaveLength(31);
  });

  it('spends what it has to its end and no longer when nobody answers any more', async () => {
    const clock = new SimulatedClock();
    const { port } = portOf(({ request }) =>
      request === 1 ? Promise.resolve(share()) : new Promise(() => {}),
    );
    const { limiter, problems } = startHost(port, clock);
    await clock.advance(2_999);
    expect(limiter.tryAcquire()).toBe(0);
    await clock.advance(1);
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    expect(problems.length).toBeGreaterThan(0);
  });

  it.each<[string, () => Promise<BudgetShare>]>([
    ['rejects', () => Promise.reject(new Error('no way'))],
    [
      'throws',
      () => {
        throw new Error('no way');
      },
    ],
    ['answers with a budget that is none', async () => share({ budget: { permits: -1 } })],
    ['answers with a time that is none', async () => share({ ttlMs: Number.NaN })],
    ['answers with a time that has no end', async () => share({ ttlMs: 1e300 })],
  ])('asks again of a port that %s, and takes the next share', async (_, bad) => {
    const clock = new SimulatedClock();
    const { port } = portOf(({ request }) => (request % 2 === 1 ? bad() : Promise.resolve(share())));
    const { limiter, problems } = startHost(port, clock);
    await clock.advance(20_000);
    expect(limiter.left()).toBe(BURST);
    expect(problems.length).toBeGreaterThan(1);
  });

  it('takes no share that came after its end', async () => {
    const clock = new SimulatedClock();
    const { port } = portOf(
      () => new Promise((resolve) => void clock.setTimeout(() => resolve(share({ ttlMs: 20 })), 30)),
    );
    const { limiter } = startHost(port, clock);
    for (let ms = 0; ms < 2_000; ms += 10) {
      await clock.advance(10);
      expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('keeps to a cooldown and a breaker of other hosts, and tells of its own', async () => {
    const clock = new SimulatedClock();
    let next = share({ cooldownMs: 1_500, breaker: { state: 'open', version: 3, openLeftMs: 5_000 } });
    const { port, asked } = portOf(async () => next);
    const { rates, breaker } = startHost(port, clock);
    await clock.advance(0);
    next = share();
    expect(rates.status(ref).cooldownMs).toBe(1_500);
    expect(breaker.state).toBe('open');
    await clock.advance(1_000);
    expect(asked[1]).toMatchObject({ cooldownMs: 0, breaker: { state: 'open', version: 3 } });
    rates.cooldown(ref, 2_000);
    await clock.advance(50);
    expect(asked[2]).toMatchObject({ cooldownMs: 1_950 });
  });

  it.each([
    [0, 3_000],
    [300, 3_000],
    [800, 3_000],
    [90, 300],
  ])(
    'makes a cooldown no longer by telling it to and fro: %i ms on the way, for %i ms',
    async (way, ttlMs) => {
      const clock = new SimulatedClock({ now: 1_000_000_000n });
      const random = new Random(way + 1);
      let until = 0n;
      const onTheWay = () => sleep(clock, millis(random.next() * way));
      const { port } = portOf(async ({ cooldownMs }) => {
        await onTheWay();
        const told = clock.now() + BigInt(Math.ceil(cooldownMs * 1e6));
        if (told > until) until = told;
        const answer = share({ ttlMs, cooldownMs: Math.max(0, Number(until - clock.now()) / 1e6) });
        await onTheWay();
        return answer;
      });
      const { rates, leases, limiter } = startHost(port, clock);
      await clock.advance(3_000);
      rates.cooldown(ref, 10_000);
      const began = clock.now();
      await clock.advance(9_900);
      while (rates.status(ref).cooldownMs > 0) await clock.advance(100);
      expect(limiter.left()).toBeLessThanOrEqual(2);
      expect(Number(clock.now() - began) / 1e6).toBeLessThanOrEqual(10_100 + way);
      leases.close();
    },
  );

  it('tells of calls in flight, and reports what is no share as what it is', async () => {
    const clock = new SimulatedClock();
    const { port, asked } = portOf(async () =>
      asked.length === 1
        ? share({ budget: { ...WHOLE, inFlight: 3 } })
        : (undefined as unknown as BudgetShare),
    );
    const { limiter, problems, leases } = startHost(port, clock);
    await clock.advance(900);
    drain(limiter);
    await clock.advance(200);
    expect(asked.map(({ inFlight }) => inFlight)).toEqual([0, 3]);
    expect(String(problems[0])).toContain('Expected a share, found');
    leases.close();
  });

  it('goes on with the others when a budget is removed, and with it when it is declared again', async () => {
    const clock = new SimulatedClock();
    const rates = new RateCoordinator({ clock, providers: { x: WHOLE, y: WHOLE } });
    const problems: string[] = [];
    const { port } = portOf(async () => share());
    const parts = {
      port,
      rates,
      owner: 'a',
      clock,
      onProblem: ({ scope }: { scope: string }) => void problems.push(scope),
    };
    const leases = new BudgetLeases({ ...parts, budgets: [{ ref }, { ref: { provider: 'y' } }] });
    const done = leases.start();
    await clock.advance(1_500);
    rates.remove(ref);
    await clock.advance(5_000);
    expect(new Set(problems)).toEqual(new Set(['provider:x']));
    expect(rates.limiter({ provider: 'y' }).tryAcquire()).toBe(0);
    rates.set(ref, WHOLE);
    expect(rates.limiter(ref).tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(2_000);
    expect(rates.limiter(ref).tryAcquire()).toBe(0);
    leases.close();
    await done;
  });

  it('blocks none of its budgets if one was not declared', () => {
    const clock = new SimulatedClock();
    const rates = new RateCoordinator({ clock, providers: { x: WHOLE } });
    const { port } = portOf(async () => share());
    const budgets = [{ ref }, { ref: { provider: 'y' } }];
    expect(() => new BudgetLeases({ port, rates, budgets, owner: 'a', clock, onProblem: () => {} })).toThrow(
      expect.objectContaining({ code: 'SCOPE_UNKNOWN' }),
    );
    expect(drain(rates.limiter(ref))).toBe(BURST);
  });

  it('asks no more once it is closed, and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    const { port, asked } = portOf(() => new Promise(() => {}));
    const { leases, done, breaker } = startHost(port, clock);
    await clock.advance(100);
    leases.close();
    await done;
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    breaker.close();
    expect(clock.timersPending).toBe(0);
  });
});

describe('a process that asks for a long time', () => {
  it('has no more than two listeners at the signal that stops it, and makes no signals that hang on it', async () => {
    const clock = new SimulatedClock();
    const any = vi.spyOn(AbortSignal, 'any');
    const signals: AbortSignal[] = [];
    const add = vi.spyOn(AbortSignal.prototype, 'addEventListener').mockImplementation(function (
      this: AbortSignal,
      ...args: Parameters<AbortSignal['addEventListener']>
    ) {
      signals.push(this);
      EventTarget.prototype.addEventListener.apply(this, args);
    });
    const { port, asked } = portOf(({ request }) =>
      request % 2 === 0 ? new Promise(() => {}) : Promise.resolve(share({ ttlMs: 300 })),
    );
    const { leases } = startHost(port, clock);
    await clock.advance(20_000);
    add.mockRestore();
    expect(asked.length).toBeGreaterThan(100);
    expect(any).not.toHaveBeenCalled();
    any.mockRestore();
    expect(signals.length).toBeGreaterThan(0);
    for (const signal of new Set(signals)) {
      expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(2);
    }
    leases.close();
  });
});

/** Hosts that come, spend and go, with a dealer behind bad weather. @returns What all of them were granted. */
async function spendTogether(
  seed: number,
  weather: Omit<Weather, 'clock' | 'random'>,
  settings: Pick<DealerSettings, 'ttlMs' | 'forgets' | 'limits'>,
): Promise<Admission[]> {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const random = new Random(seed);
  const next = () => random.next();
  const dealer = new BudgetDealer({ clock, random: next, ...settings });
  const port = portTo(dealer, { clock, random: next, ...weather });
  const whole = {
    limits: settings.limits.map((limit) => ({
      ...limit,
      ...(limit.burst === undefined && { algorithm: 'rolling' as const }),
    })),
  };
  let started = 0;
  const start = () => startHost(port, clock, `host-${++started}`, whole);
  const hosts = [start(), start(), start()];
  const admissions: Admission[] = [];
  for (let step = 0; step < 300; step++) {
    const at = Math.floor(next() * hosts.length);
    const { leases, limiter } = hosts[at]!;
    const what = next();
    if (what < 0.02) {
      leases.close(); // it dies: its share runs out by itself
      hosts[at] = start();
    } else if (what < 0.6) {
      const cost = 1 + Math.floor(next() * 4);
      for (let times = next() < 0.3 ? 20 : 1; times > 0; times--) {
        if (limiter.tryAcquire(cost) === 0) admissions.push({ at: clock.now(), cost });
      }
    } else await clock.advance(next() * 150);
  }
  for (const { leases } of hosts) leases.close();
  return admissions;
}

/** A rate, another one over a longer time, and a window: the lengths of time in ms. */
const RATE = { permits: PERMITS, per: '1s', burst: BURST, perMs: 1_000 };
const LONG_RATE = { permits: 60, per: '10s', burst: 40, perMs: 10_000 };
const WINDOW = { permits: 50, per: '5s', perMs: 5_000 };
type LawfulLimit = DealtLimit & { readonly perMs: number };

/** What the dealer and the hosts get. */
const plain = (limits: readonly LawfulLimit[]): readonly DealtLimit[] =>
  limits.map(({ perMs: _, ...limit }) => limit);

function checkLaws(admissions: readonly Admission[], limits: readonly LawfulLimit[]): void {
  for (const { permits, burst, perMs } of limits) {
    const windowNs = BigInt(perMs) * 1_000_000n;
    if (burst === undefined) checkRolling(admissions, { permits, windowNs });
    else checkSmooth(admissions, [{ from: 0n, burst, nsPerPermit: windowNs / BigInt(permits) }]);
  }
}

describe('hosts that share one budget', () => {
  it('are granted no more than it over any window, whatever becomes of messages and of hosts', async () => {
    const numRuns = tried(15, 150, 500);
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.record({
          lost: fc.constantFrom(0, 0.2, 0.6),
          doubled: fc.constantFrom(0, 0.3),
          delayMsMax: fc.constantFrom(0, 40, 400, 2_000),
        }),
        fc.constantFrom(300, 1_500, 6_000),
        fc.constantFrom([RATE], [WINDOW], [RATE, LONG_RATE], [RATE, WINDOW], [RATE, LONG_RATE, WINDOW]),
        async (seed, weather, ttlMs, limits) => {
          const admissions = await spendTogether(seed, weather, { ttlMs, limits: plain(limits) });
          checkLaws(admissions, limits);
          granted += admissions.length;
        },
      ),
      { numRuns },
    );
    expect(granted).toBeGreaterThan(numRuns);
  });

  it('are found out if the one who deals forgets what a late host may still spend', async () => {
    const weather = { lost: 0.5, doubled: 0, delayMsMax: 40 };
    let found = 0;
    for (let seed = 1; seed <= 60 && found === 0; seed++) {
      const admissions = await spendTogether(seed, weather, {
        ...{ ttlMs: 6_000, forgets: true },
        limits: plain([RATE]),
      });
      try {
        checkLaws(admissions, [RATE]);
      } catch {
        found++;
      }
    }
    expect(found).toBeGreaterThan(0);
  });
});
