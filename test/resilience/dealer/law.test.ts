import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import {
  type Admission,
  checkRolling,
  checkSmooth,
  type RatePeriod,
} from '../../support/admission-checker.js';
import { tried } from '../../support/deep.js';
import { ref, startFamily } from './dealer-rig.js';
import '../../support/property-seed.js';

interface Law {
  readonly permits: number;
  readonly per: string;
  readonly perMs: number;
  /** Of a rate; without it, a window. */
  readonly burst?: number;
}

const RATE: Law = { permits: 20, per: '1s', burst: 12, perMs: 1_000 };
const LONG: Law = { permits: 60, per: '10s', burst: 40, perMs: 10_000 };
const WINDOW: Law = { permits: 50, per: '5s', perMs: 5_000 };

const budgetOf = (laws: readonly Law[]): BudgetInput => ({
  limits: laws.map(({ perMs: _, ...limit }) => ({
    ...limit,
    ...(limit.burst === undefined && { algorithm: 'rolling' as const }),
  })),
});

/** Threads of the parent and children that come, spend, and are killed. */
async function live(
  seed: number,
  options: {
    readonly delayMsMax: number;
    readonly ttlMs: number;
    readonly inFlight?: number;
    readonly costMax?: number;
  },
  laws: readonly Law[],
  onStep?: (step: number, family: ReturnType<typeof startFamily>) => void,
) {
  const budget = { ...budgetOf(laws), ...(options.inFlight && { inFlight: options.inFlight }) };
  const { delayMsMax, ttlMs } = options;
  const family = startFamily(budget, { seed, delayMsMax, ttlMs });
  const { clock, limiter, startChild } = family;
  const random = new Random(seed * 7 + 1);
  const next = () => random.next();
  const children = [startChild(), startChild()];
  const admissions: Admission[] = [];
  const places: { at: bigint; delta: number }[] = [];
  const held = new Map<object, (() => void)[]>();
  const take = (from: typeof limiter, of: object, cost: number) => {
    if (from.tryAcquire(cost) !== 0) return;
    admissions.push({ at: clock.now(), cost });
    places.push({ at: clock.now(), delta: 1 });
    const releases = held.get(of) ?? [];
    held.set(of, [
      ...releases,
      () => {
        from.release();
        places.push({ at: clock.now(), delta: -1 });
      },
    ]);
  };
  for (let step = 0; step < 250; step++) {
    onStep?.(step, family);
    const what = next();
    const at = Math.floor(next() * (children.length + 1));
    const child = children[at];
    if (what < 0.02 && child) {
      for (const _ of held.get(child) ?? []) places.push({ at: clock.now(), delta: -1 });
      held.delete(child);
      child.kill();
      children.splice(at, 1);
    } else if (what < 0.05 && children.length < 4) children.push(startChild());
    else if (what < 0.1) for (const release of (held.get(child ?? family) ?? []).splice(0, 3)) release();
    else if (what < 0.6) {
      const cost = next() < 0.03 ? (options.costMax ?? 12) : 1 + Math.floor(next() * 4);
      for (let times = next() < 0.4 ? 20 : 1; times > 0; times--) {
        take(child ? child.limiter : limiter, child ?? family, cost);
      }
    } else await clock.advance(next() * 200);
  }
  for (const child of children) child.kill();
  return { admissions, places, problems: family.problems };
}

/** All take a few permits at a time, so that parts change hands several times within one window. */
async function crowd(seed: number, window: Law): Promise<Admission[]> {
  const family = startFamily(budgetOf([window]), { seed, ttlMs: 0.3 * window.perMs });
  const random = new Random(seed * 131 + 7);
  const next = () => random.next();
  const children: ReturnType<typeof family.startChild>[] = [];
  const admissions: Admission[] = [];
  for (let step = 0; step < 500; step++) {
    if (next() < 0.03 && children.length < 4) children.push(family.startChild());
    if (next() < 0.02 && children.length > 0) {
      children.splice(Math.floor(next() * children.length), 1)[0]!.kill();
    }
    for (const { limiter } of [family, ...children]) {
      if (next() >= 0.4) continue;
      for (let times = Math.floor(next() * 12); times > 0; times--) {
        if (limiter.tryAcquire() === 0) admissions.push({ at: family.clock.now(), cost: 1 });
      }
    }
    await family.clock.advance(next() * 30);
  }
  for (const child of children) child.kill();
  return admissions;
}

function checkLaws(admissions: readonly Admission[], laws: readonly Law[]): void {
  for (const { permits, burst, perMs } of laws) {
    const windowNs = BigInt(perMs) * 1_000_000n;
    if (burst === undefined) checkRolling(admissions, { permits, windowNs });
    else checkSmooth(admissions, [{ from: 0n, burst, nsPerPermit: windowNs / BigInt(permits) }]);
  }
}

const runs = { numRuns: tried(20, 60, 300) };
const ways = fc.record({
  delayMsMax: fc.constantFrom(0, 5, 80, 600),
  ttlMs: fc.constantFrom(500, 2_000, 5_000),
});

describe('threads and children that spend one budget', () => {
  it('are granted no more than it over any window, however slow messages are and whoever is killed', async () => {
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        ways,
        fc.constantFrom([RATE], [WINDOW], [RATE, LONG], [RATE, WINDOW], [RATE, LONG, WINDOW]),
        async (seed, way, laws) => {
          const { admissions } = await live(seed, way, laws);
          checkLaws(admissions, laws);
          granted += admissions.length;
        },
      ),
      runs,
    );
    expect(granted).toBeGreaterThan(300);
  });

  it('are granted no more than a window that is longer than shares hold, when parts go to and fro', async () => {
    const window: Law = { permits: 40, per: '1s', perMs: 1_000 };
    for (let seed = 1; seed <= tried(12, 60, 300); seed++) {
      checkLaws(await crowd(seed, window), [window]);
    }
  });

  it('have no more calls in flight than it has places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), ways, fc.constantFrom(1, 3, 10), async (seed, way, inFlight) => {
        const { places } = await live(seed, { ...way, inFlight }, [RATE]);
        let now = 0;
        for (const { delta } of places) {
          now += delta;
          expect(now).toBeLessThanOrEqual(inFlight);
        }
      }),
      runs,
    );
  });

  it('are granted no more than it while it is changed, a lower one once the shares of then have ended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), ways, async (seed, way) => {
        const random = new Random(seed);
        const ttlNs = BigInt(Math.ceil(way.ttlMs * 1.02 + 10)) * 1_000_000n;
        const changes: { at: bigint; permits: number; burst: number }[] = [
          { at: 0n, permits: RATE.permits, burst: RATE.burst! },
        ];
        const { admissions, problems } = await live(
          seed,
          { ...way, costMax: 4 },
          [RATE],
          (_, { rates, clock }) => {
            if (random.next() > 0.03) return;
            const change = {
              permits: 5 + Math.floor(random.next() * 40),
              burst: 4 + Math.floor(random.next() * 20),
            };
            rates.set(ref, { ...change, per: '1s' });
            changes.push({ at: clock.now(), ...change });
          },
        );
        checkSmooth(admissions, ratesOf(changes, ttlNs));
        const isLate = /Expected (an answer within|a share that has not ended)/;
        expect(problems.map(String).filter((problem) => !isLate.test(problem))).toEqual([]);
      }),
      runs,
    );
  });
});

/** What may be granted at each time: the largest of what was declared within the time of a share before it. */
function ratesOf(
  changes: readonly { readonly at: bigint; readonly permits: number; readonly burst: number }[],
  ttlNs: bigint,
): RatePeriod[] {
  const instants = [...new Set(changes.flatMap(({ at }) => [at, at + ttlNs]))].sort((a, b) => Number(a - b));
  return instants.map((from) => {
    const valid = changes.filter(({ at }, i) => at <= from && (changes[i + 1]?.at ?? from) + ttlNs >= from);
    const permits = Math.max(...valid.map((change) => change.permits));
    const burst = Math.max(...valid.map((change) => change.burst));
    // Shares of two budgets may be there at one time, which add up to no more than the larger of each.
    return { from, burst, nsPerPermit: BigInt(Math.floor(1e9 / permits)) };
  });
}
