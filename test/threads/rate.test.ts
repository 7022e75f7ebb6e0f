import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type BudgetInput,
  RateCoordinator,
  type RateCoordinatorOptions,
} from '../../dist/src/resilience/rate/rate.js';
import { type Admission, mostInWindow, overAdmission, type RatePeriod } from './admission-checker.js';
import {
  admissionsOf,
  atBest,
  blockFor,
  permitsOf,
  Spender,
  type SpenderOptions,
  spendAll,
} from './rate-support.js';
import { until } from './threads-support.js';

const PROVIDER = { provider: 'venue' };

function declare(options: RateCoordinatorOptions): RateCoordinator {
  const rates = new RateCoordinator({ scopesMax: 8, ...options });
  onTestFinished(() => rates.close());
  return rates;
}

const declareVenue = (budget: BudgetInput) => declare({ providers: { venue: budget } });

const times = (count: number, options: Omit<SpenderOptions, 'ref'>): SpenderOptions[] =>
  Array.from({ length: count }, () => ({ ref: PROVIDER, ...options }));

/** Over every interval; rounding of sums aside. */
function expectLaw(
  admissions: readonly Admission[],
  burst: number,
  rate: number | readonly RatePeriod[],
): void {
  expect(admissions.length).toBeGreaterThan(0);
  const periods = typeof rate === 'number' ? [{ from: 0n, permitsPerSecond: rate }] : rate;
  expect(overAdmission(admissions, { burst, periods })).toBeLessThan(1e-3);
}

describe('a budget that threads share', () => {
  it.each([2, 4, 16])(
    'gives no more than burst + rate × time to %i threads that try in a loop',
    async (threads) => {
      const rates = declareVenue({ permits: 20_000, per: '1s', burst: 100 });
      const spenders = await Spender.startAll(rates, times(threads, { mode: 'try', costs: [1, 1, 3] }));
      await spendAll(spenders, 400);
      const admissions = admissionsOf(spenders);
      expectLaw(admissions, 100, 20_000);
      const { permits, granted, refused } = rates.status(PROVIDER);
      expect([permits, granted]).toEqual([permitsOf(admissions), admissions.length]);
      expect(refused).toBeGreaterThan(0);
    },
  );

  it.each([2, 4, 16])('gives no more than that to %i threads with many who wait', async (threads) => {
    const rates = declareVenue({ permits: 5_000, per: '1s', burst: 50 });
    const spenders = await Spender.startAll(
      rates,
      times(threads, { mode: 'acquire', callers: 40, costs: [1, 2, 7] }),
    );
    await spendAll(spenders, 400);
    expectLaw(admissionsOf(spenders), 50, 5_000);
  });

  it('gives no more than that to those who wait and those who try at one time', async () => {
    const rates = declareVenue({ permits: 5_000, per: '1s', burst: 50 });
    const spenders = await Spender.startAll(rates, [
      ...times(3, { mode: 'acquire', callers: 10 }),
      ...times(3, { mode: 'try' }),
    ]);
    await spendAll(spenders, 400);
    expectLaw(admissionsOf(spenders), 50, 5_000);
  });

  it('gives no more than that to two hosts between which shares of it go to and fro', async () => {
    const whole = { permits: 20_000, burst: 100 };
    const hosts = [declareVenue(whole), declareVenue(whole)] as const;
    const share = (host: RateCoordinator, permits: number, burst: number) =>
      host.share(PROVIDER, { budget: { permits, burst }, endNs: process.hrtime.bigint() + 60_000_000_000n });
    for (const host of hosts) share(host, 10_000, 50);
    const spenders = await Promise.all(
      hosts.flatMap((host, i) =>
        times(2, { mode: 'try', costs: [1, 1, 3] }).map((options, j) =>
          Spender.start(host, options, 2 * i + j),
        ),
      ),
    );
    let changes = 0;
    const dealing = setInterval(() => {
      const [to, from] = changes++ % 2 === 0 ? hosts : [hosts[1], hosts[0]];
      share(from, 1_000, 5); // what is given up comes first
      share(to, 19_000, 95);
    }, 7);
    onTestFinished(() => clearInterval(dealing));
    await spendAll(spenders, 600);
    clearInterval(dealing);
    expect(changes).toBeGreaterThan(0);
    expectLaw(admissionsOf(spenders), 100, 20_000);
  });

  it.each(['try', 'acquire'] as const)(
    'gives no window more than a rolling limit has, to threads that %s',
    async (mode) => {
      const rates = declareVenue({ permits: 40, per: '1ms', algorithm: 'rolling' });
      const spenders = await Spender.startAll(rates, times(6, { mode, callers: 20, costs: [1, 2, 5] }));
      await spendAll(spenders, 600);
      const admissions = admissionsOf(spenders);
      expect(permitsOf(admissions)).toBeGreaterThan(400);
      expect(mostInWindow(admissions, 1_000_000n)).toBeLessThanOrEqual(40);
    },
  );

  it('holds several limits at once', async () => {
    const limits = [
      { permits: 100, per: '1s', burst: 20 },
      { permits: 30, per: '200ms', algorithm: 'rolling' as const },
    ];
    const rates = declareVenue({ limits });
    const spenders = await Spender.startAll(rates, [
      ...times(3, { mode: 'acquire', callers: 10, costs: [1, 3] }),
      ...times(2, { mode: 'try' }),
    ]);
    await spendAll(spenders, 800);
    expectLaw(admissionsOf(spenders), 20, 100);
    expect(mostInWindow(admissionsOf(spenders), 200_000_000n)).toBeLessThanOrEqual(30);
  });

  it('holds for tenants and for their provider, all or none', async () => {
    const rates = declare({
      providers: { venue: { permits: 2_000, per: '1s', burst: 20 } },
      tenants: { a: { permits: 1_500, per: '1s', burst: 30 }, b: { permits: 1_000, per: '1s', burst: 10 } },
    });
    const spendersOf = (tenant: string) => {
      const ref = { ...PROVIDER, tenant };
      return Spender.startAll(rates, [
        { ref, mode: 'try', costs: [1, 4] },
        { ref, mode: 'acquire', callers: 20, costs: [1, 4] },
      ]);
    };
    const [a, b] = [await spendersOf('a'), await spendersOf('b')];
    await spendAll([...a, ...b], 700);
    expectLaw(admissionsOf(a), 30, 1_500);
    expectLaw(admissionsOf(b), 10, 1_000);
    expectLaw(admissionsOf([...a, ...b]), 20, 2_000);
    const { permits } = rates.status(PROVIDER);
    expect(permits).toBe(rates.status({ tenant: 'a' }).permits + rates.status({ tenant: 'b' }).permits);
  });

  it('holds, and goes on giving, while the main thread is blocked', async () => {
    await atBest(async () => {
      const rates = declareVenue({ permits: 2_000, per: '1s', burst: 20 });
      const spenders = await Spender.startAll(rates, [
        ...times(2, { mode: 'acquire', callers: 20 }),
        ...times(2, { mode: 'try' }),
      ]);
      const spent = spendAll(spenders, 900);
      blockFor(1_000);
      const admissions = admissionsOf(spenders);
      await spent;
      expectLaw(admissions, 20, 2_000);
      return () => {
        expect(permitsOf(admissions)).toBeGreaterThan(1_000);
      };
    });
  });

  it('holds while its rate is changed', async () => {
    const rates = declareVenue({ permits: 500, per: '1s', burst: 20 });
    const spenders = await Spender.startAll(rates, [
      ...times(3, { mode: 'acquire', callers: 20, costs: [1, 2] }),
      ...times(2, { mode: 'try' }),
    ]);
    const spent = spendAll(spenders, 900);
    let isOver = false;
    void spent.finally(() => {
      isOver = true;
    });
    // A higher rate counts from before it was set, a lower one from after.
    const periods: RatePeriod[] = [{ from: process.hrtime.bigint(), permitsPerSecond: 500 }];
    for (let change = 0; !isOver; change++) {
      const permitsPerSecond = change % 2 === 0 ? 4_000 : 500;
      const before = process.hrtime.bigint();
      rates.set(PROVIDER, { permits: permitsPerSecond, per: '1s', burst: 20 });
      const from = permitsPerSecond === 500 ? process.hrtime.bigint() : before;
      periods.push({ from, permitsPerSecond });
      const next = performance.now() + 10;
      await until(() => performance.now() > next);
    }
    await spent;
    expect(periods.length).toBeGreaterThan(10);
    expectLaw(admissionsOf(spenders), 20, periods);
  });

  it('holds while calls give up by signals and deadlines, and nobody loses by that', async () => {
    await atBest(async () => {
      const rates = declareVenue({ permits: 2_000, per: '1s', burst: 20 });
      const acquire = { impatient: 0.5 };
      const spenders = await Spender.startAll(
        rates,
        times(4, { mode: 'acquire', callers: 30, costs: [1, 2], acquire }),
      );
      const seen = await spendAll(spenders, 800);
      const admissions = admissionsOf(spenders);
      expectLaw(admissions, 20, 2_000);
      for (const { codes } of seen) {
        expect(Object.keys(codes).sort()).toEqual(['ABORTED', 'ACQUIRE_TIMED_OUT']);
      }
      expect(rates.status(PROVIDER).aborted).toBeGreaterThan(0);
      return () => {
        expect(permitsOf(admissions)).toBeGreaterThan(0.75 * 2_000 * 0.8);
      };
    });
  });

  it.each([false, true])(
    'gives nothing on any thread once one has asked for a cooldown (rolling: %s)',
    async (isRolling) => {
      await atBest(async () => {
        const limit = { permits: 200, per: '100ms' };
        const rates = declareVenue(isRolling ? { ...limit, algorithm: 'rolling' } : { ...limit, burst: 20 });
        const spenders = await Spender.startAll(rates, [
          ...times(2, { mode: 'acquire', callers: 20 }),
          ...times(2, { mode: 'try' }),
        ]);
        const spent = spendAll(spenders, 900);
        await until(() => admissionsOf(spenders).length > 50);
        const { before, after } = await spenders[0]!.cool(300);
        blockFor(200);
        await spent;
        const over = before + 300_000_000n;
        const admissions = admissionsOf(spenders);
        expect(admissions.filter(({ earliest, latest }) => earliest > after && latest < over)).toEqual([]);
        return () => {
          expect(admissions.some(({ earliest }) => earliest > over)).toBe(true);
        };
      });
    },
  );
});

describe('a thread that is terminated', () => {
  it('leaves nothing behind in lines and in flight, and the law holds', async () => {
    const rates = declare({
      threadsMax: 7, // six spend, and the one that declares
      providers: { venue: { permits: 3_000, per: '1s', burst: 20, inFlight: 12 } },
      tenants: { a: { permits: 2_000, per: '1s', burst: 20 } },
    });
    const refs = [PROVIDER, { ...PROVIDER, tenant: 'a' }];
    const ended: Spender[] = [];
    for (let round = 0; round < 3; round++) {
      const options = times(6, { mode: 'acquire', callers: 8, costs: [1, 3] });
      const spenders = await Spender.startAll(
        rates,
        options.map((own, i) => ({ ...own, ref: refs[i % 2]! })),
      );
      for (const spender of spenders) void spender.spend(60_000).catch(() => {});
      // In the middle of whatever they are at: each a few admissions after the last one.
      for (const [i, spender] of spenders.entries()) {
        const enough = spender.admitted + 1 + ((round * 31 + i * 17) % 40);
        await until(() => spender.admitted >= enough);
        const exit = once(spender.worker, 'exit');
        await spender.worker.terminate();
        await exit;
      }
      ended.push(...spenders);
      expect(rates.status(PROVIDER).inFlight).toBe(0);
    }
    expectLaw(admissionsOf(ended), 20, 3_000);
    const permit = await rates.limiter({ ...PROVIDER, tenant: 'a' }).acquire({ timeoutMs: 60_000 });
    permit.release();
    const [heir] = await Spender.startAll(rates, times(1, { mode: 'try' }));
    await heir!.spend(50);
    expect(heir!.admitted).toBeGreaterThan(0);
  });

  it('holds up those who wait behind it no longer than a timer may be late', async () => {
    await atBest(async () => {
      const rates = declareVenue({ permits: 1_000, per: '1s', burst: 10 });
      const [first, second] = await Spender.startAll(rates, [
        ...times(1, { mode: 'acquire', callers: 100 }),
        ...times(1, { mode: 'acquire', callers: 5 }),
      ]);
      void first!.spend(60_000).catch(() => {});
      await until(() => first!.admitted > 20);
      const spent = second!.spend(1_500);
      await until(() => second!.admitted > 0);
      await first!.worker.terminate();
      const { admitted } = second!;
      await spent;
      return () => {
        expect(second!.admitted - admitted).toBeGreaterThan(500);
      };
    });
  });
});

describe('a budget that is short', () => {
  const budgets = {
    '1,000 a second': { permits: 1_000, per: '1s', burst: 250 },
    '20,000 a second': { permits: 20_000, per: '1s', burst: 5_000 },
  };
  const cases = [1, 4, 16].flatMap((threads) => Object.keys(budgets).map((name) => [name, threads] as const));

  // On an idle machine 99.8 % and more, with a fifth of the burst (bench `saturation`). Threads of a busy
  // one may all be off for longer than a small burst takes to fill, and what spills is nobody's fault.
  it.each(cases)('is used up: %s, %i threads', async (name, threads) => {
    await atBest(async () => {
      const { permits, per, burst } = budgets[name as keyof typeof budgets];
      const rates = declareVenue({ permits, per, burst });
      const spenders = await Spender.startAll(rates, times(threads, { mode: 'acquire', callers: 100 }));
      await spendAll(spenders, 1_000);
      const given = permitsOf(admissionsOf(spenders));
      return () => {
        expect(given).toBeGreaterThan(0.9 * (burst + permits));
      };
    });
  });

  it.each([1, 4, 16])('is used up: a rolling window, %i threads', async (threads) => {
    await atBest(async () => {
      const rates = declareVenue({ permits: 100, per: '200ms', algorithm: 'rolling' });
      const spenders = await Spender.startAll(rates, times(threads, { mode: 'acquire', callers: 30 }));
      await spendAll(spenders, 1_000);
      return () => {
        expect(permitsOf(admissionsOf(spenders))).toBeGreaterThanOrEqual(400);
      };
    });
  });

  it('serves a call that costs the whole burst among a stream of light ones', async () => {
    await atBest(async () => {
      const rates = declareVenue({ permits: 1_000, per: '1s', burst: 50 });
      const [heavy, ...light] = await Spender.startAll(rates, [
        ...times(1, { mode: 'acquire', costs: [50] }),
        ...times(3, { mode: 'acquire', callers: 20 }),
      ]);
      const [seen, ...others] = await spendAll([heavy!, ...light], 1_500);
      return () => {
        // Before it are at most the 60 who wait, and its own cost: some 110 ms.
        expect(seen!.granted).toBeGreaterThan(4);
        expect(seen!.waitedMsMax).toBeLessThan(700);
        for (const { granted } of others) expect(granted).toBeGreaterThan(100);
      };
    });
  });

  it('is shared by the weights of tenants, and not by their threads', async () => {
    await atBest(async () => {
      const rates = declare({
        providers: { venue: { permits: 2_000, per: '1s', burst: 10 } },
        tenants: { a: { weight: 3 }, b: { weight: 1 } },
      });
      const of = (tenant: string): SpenderOptions => ({
        ref: { ...PROVIDER, tenant },
        mode: 'acquire',
        callers: 100,
      });
      const spenders = await Spender.startAll(rates, ['a', 'a', 'b', 'b', 'b'].map(of));
      const seen = await spendAll(spenders, 2_000);
      const [a1, a2, ...b] = seen.map(({ permits }) => permits);
      const ofB = b.reduce((sum, permits) => sum + permits, 0);
      const share = (a1! + a2!) / (a1! + a2! + ofB);
      return () => {
        expect(share).toBeGreaterThan(0.69);
        expect(share).toBeLessThan(0.81);
        for (const { permits } of seen) expect(permits).toBeGreaterThan(150);
      };
    });
  });
});
