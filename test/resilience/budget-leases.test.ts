import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { createBreaker } from '../../src/resilience/breaker/create-breaker.js';
import { BudgetLeases } from '../../src/resilience/budget-leases.js';
import {
  type BudgetPort,
  type BudgetShare,
  EmbeddedBudgetPort,
  type ShareRequest,
} from '../../src/resilience/budget-port.js';
import { RateCoordinator } from '../../src/resilience/rate/rate-coordinator.js';
import { type Admission, checkSmooth } from '../support/admission-checker.js';
import { BudgetDealer, type DealerSettings, portTo, type Weather } from '../support/budget-dealer.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { drain } from './rate/coordinator-rig.js';
import '../support/property-seed.js';

const ref = { provider: 'x' };
const PERMITS = 20;
const BURST = 12;
const WHOLE = { permits: PERMITS, burst: BURST };

function startHost(port: BudgetPort, clock: SimulatedClock, owner = 'a') {
  const rates = new RateCoordinator({ clock, providers: { x: WHOLE } });
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
    expect(asked[1]).toMatchObject({ cooldownMs: 500, breaker: { state: 'open', version: 3 } });
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

/** Hosts that come, spend and go, with a dealer behind bad weather. @returns What all of them were granted. */
async function spendTogether(
  seed: number,
  weather: Omit<Weather, 'clock' | 'random'>,
  settings: Pick<DealerSettings, 'ttlMs' | 'forgets'>,
): Promise<Admission[]> {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const random = new Random(seed);
  const next = () => random.next();
  const dealer = new BudgetDealer({ clock, random: next, permits: PERMITS, burst: BURST, ...settings });
  const port = portTo(dealer, { clock, random: next, ...weather });
  let started = 0;
  const start = () => startHost(port, clock, `host-${++started}`);
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

const LAW = [{ from: 0n, burst: BURST, nsPerPermit: 50_000_000n }];

describe('hosts that share one budget', () => {
  it('are granted no more than it over any window, whatever becomes of messages and of hosts', async () => {
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
        async (seed, weather, ttlMs) => {
          const admissions = await spendTogether(seed, weather, { ttlMs });
          checkSmooth(admissions, LAW);
          granted += admissions.length;
        },
      ),
      { numRuns: 150 },
    );
    expect(granted).toBeGreaterThan(1_000);
  });

  it('are found out if the one who deals forgets what a late host may still spend', async () => {
    const weather = { lost: 0.5, doubled: 0, delayMsMax: 40 };
    let found = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const admissions = await spendTogether(seed, weather, { ttlMs: 6_000, forgets: true });
      try {
        checkSmooth(admissions, LAW);
      } catch {
        found++;
      }
    }
    expect(found).toBeGreaterThan(0);
  });
});
