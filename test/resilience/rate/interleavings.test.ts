import { describe, expect, it, vi } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { BudgetOptions } from '../../../src/resilience/rate/budget-options.js';
import { CAP_FULL, type InFlightCap, leaveCaps } from '../../../src/resilience/rate/in-flight-cap.js';
import { leaveTable } from '../../../src/resilience/rate/reclaim-thread.js';
import { ScopeTable } from '../../../src/resilience/rate/scope-table.js';
import { findSeat, leaveSeat, NO_SEAT, seatsAt, takeSeat } from '../../../src/resilience/rate/seats.js';
import { TableSpace } from '../../../src/resilience/rate/table-space.js';
import { TenantShares } from '../../../src/resilience/rate/tenant-shares.js';
import { GRANTED, MOVED } from '../../../src/resilience/rate/verdict.js';
import { WaitingThreads } from '../../../src/resilience/rate/waiting-threads.js';
import { glance } from '../../../src/shared-memory/glance.js';
import { type Admission, checkRolling, checkSmooth } from '../../support/admission-checker.js';
import {
  type Exploration,
  type Explored,
  explore as exploreAll,
  exploredGlances,
  KILLED,
  ScheduleError,
} from '../../support/interleavings.js';
import { rateMemory, START } from './rate-rig.js';

vi.mock(
  '../../../src/shared-memory/glance.js',
  async () => (await import('../../support/interleavings.js')).exploredGlances,
);

type Cas = NonNullable<Exploration['cas']>;
const SCOPE = 'provider:x';
type Rig = ReturnType<typeof rateMemory>;

/**
 * Versions and cooldowns that nobody changes during the exploration are no steps, nor what a thread says for
 * the owner, who is not there.
 */
function explore(rig: Rig, exploration: Omit<Exploration, 'memory'>): Explored {
  const { memory, buffer } = rig;
  const still = new Set<number>();
  for (let scope = 0; scope < memory.sizes.scopesMax; scope++) {
    still.add(4 * memory.versionAt(scope));
    still.add(8 * memory.blockedUntilAt(scope));
  }
  for (let member = 0; member < memory.sizes.threadsMax; member++) {
    still.add(4 * memory.ringInUseAt(member));
  }
  return exploreAll({ memory: buffer, unobserved: (byte) => still.has(byte), ...exploration });
}

const everyStep = (rig: Rig, exploration: Omit<Exploration, 'memory'>): Explored =>
  exploreAll({ memory: rig.buffer, ...exploration });

const admissionsOf = (results: readonly unknown[]): Admission[] =>
  results.filter((result) => result !== KILLED).flatMap((result) => result as Admission[]);

/** Takes until it is refused: what a later caller gets. */
function drain(rig: Rig, at: bigint, name = SCOPE, permits = 9): Admission[] {
  const admissions: Admission[] = [];
  const view = rig.view(name);
  for (let i = 0; i < permits && view.take(at, 1) === GRANTED; i++) admissions.push({ at, cost: 1 });
  return admissions;
}

const costOf = (admissions: readonly Admission[]): number =>
  admissions.reduce((sum, { cost }) => sum + cost, 0);

/** Holds for atomic steps, and is found broken without them. */
function provenBy(title: string, exploration: (cas: Cas) => Explored, schedulesMin = 2n): void {
  it(title, () => {
    expect(exploration('atomic').schedules).toBeGreaterThanOrEqual(schedulesMin);
  });
  it(`${title}: found broken when compare-and-swap is a load and a store`, () => {
    expect(() => exploration('load-then-store')).toThrow(ScheduleError);
  });
}

describe('a smooth limit, in every interleaving', () => {
  const BUDGET: BudgetInput = { permits: 1, per: '1ms', burst: 2 };
  const LAW = [{ from: 0n, burst: 2, nsPerPermit: 1_000_000n }];

  /** Each thread takes once for each of its costs, at an instant of its own. */
  const takes = (cas: Cas, threads: readonly { skew: bigint; costs: readonly number[] }[], kill = false) => {
    const rig = rateMemory({ [SCOPE]: BUDGET });
    return explore(rig, {
      cas,
      kill,
      threads: threads.map(({ skew, costs }) => () => {
        const view = rig.view(SCOPE);
        const at = START + skew;
        return costs.flatMap((cost) => (view.take(at, cost) === GRANTED ? [{ at, cost }] : []));
      }),
      check: (results) => {
        const granted = admissionsOf(results);
        const all = [...granted, ...drain(rig, START + 500n)];
        checkSmooth(all, LAW);
        if (!kill) expect(costOf(all)).toBe(2); // nothing is lost either
        expect(drain(rig, START + 10_000_000n)).toHaveLength(2); // whoever died, it is earned back
      },
    });
  };

  const one = (skew: bigint) => ({ skew, costs: [1] });
  provenBy('gives its burst to two threads that take twice each', (cas) =>
    takes(cas, [
      { skew: 0n, costs: [1, 1] },
      { skew: 7n, costs: [1, 1] },
    ]),
  );
  provenBy('gives its burst to two of three threads', (cas) => takes(cas, [one(0n), one(9n), one(4n)]));
  provenBy('gives a heavy cost whole or not at all', (cas) =>
    takes(cas, [{ skew: 0n, costs: [2] }, one(3n), one(3n)]),
  );
  it('over-admits nothing whoever of three dies, and wherever', () => {
    expect(takes('atomic', [one(0n), one(9n), one(4n)], true).schedules).toBeGreaterThan(100n);
  });

  provenBy('gives a quota once', (cas) => {
    const rig = rateMemory({ [SCOPE]: { permits: 0, burst: 2 } });
    return explore(rig, {
      cas,
      threads: [0, 1, 2].map((id) => () => {
        const at = START + BigInt(id) * 1_000_000_000n;
        return rig.view(SCOPE).take(at, 1) === GRANTED ? [{ at, cost: 1 }] : [];
      }),
      check: (results) => expect(costOf(admissionsOf(results))).toBe(2),
    });
  });

  const undone = (cas: Cas, takers: number) => {
    const rig = rateMemory({ [SCOPE]: BUDGET });
    return explore(rig, {
      cas,
      threads: [
        () => {
          const view = rig.view(SCOPE);
          const [limit] = view.limits;
          if (limit!.take(START, 2, true) !== GRANTED) return [];
          return limit!.undo() ? [] : [{ at: START, cost: 2 }];
        },
        ...Array.from({ length: takers }, () => () => {
          const at = START + 1n;
          return rig.view(SCOPE).take(at, 1) === GRANTED ? [{ at, cost: 1 }] : [];
        }),
      ],
      check: (results) => {
        const all = [...admissionsOf(results), ...drain(rig, START + 2n)];
        checkSmooth(all, LAW);
        expect(costOf(all)).toBe(2); // given back exactly, or not at all
      },
    });
  };
  provenBy('takes back a take exactly or not at all, with one that takes', (cas) => undone(cas, 1));
  provenBy('takes back a take exactly or not at all, with two that take', (cas) => undone(cas, 2));

  provenBy('keeps the order of reservations, and a cancelled one away from later ones', (cas) => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1ms', burst: 1 } });
    const reserve = (cancelled: boolean) => () => {
      const path = rig.path(0, SCOPE);
      for (;;) {
        const wait = Math.max(0, path.peek(START, 1));
        const at = START + BigInt(wait);
        if (path.take(at, 1, false) !== GRANTED) continue;
        return cancelled && path.undoLater()() ? [] : [{ at, cost: 1 }];
      }
    };
    return explore(rig, {
      cas,
      threads: [reserve(true), reserve(false), reserve(false)],
      check: (results) => {
        const granted = admissionsOf(results);
        const later = drain(rig, START + 5_000_000n);
        checkSmooth([...granted, ...later], [{ from: 0n, burst: 1, nsPerPermit: 1_000_000n }]);
      },
    });
  });

  provenBy('counts the higher of what a provider says and what is taken', (cas) => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1ms', burst: 4 } });
    return explore(rig, {
      cas,
      threads: [
        () => rig.view(SCOPE).limits[0]!.raiseUsed(START, 2),
        () => rig.view(SCOPE).take(START, 1),
        () => rig.view(SCOPE).take(START, 1),
      ],
      check: () => {
        const left = rig.view(SCOPE).left(START);
        // Seen before them, between, or after both.
        expect([0, 1, 2]).toContain(left);
      },
    });
  });
});

describe('a rolling window, in every interleaving', () => {
  const WINDOW = 1_000_000n;
  const rolling = (permits: number) =>
    rateMemory({ [SCOPE]: { permits, per: '1ms', algorithm: 'rolling' } }, { rollingPermitsMax: permits });

  const takes = (
    cas: Cas,
    permits: number,
    threads: readonly (readonly { at: bigint; cost: number }[])[],
    { kill = false, spent = 0 } = {},
  ) => {
    const rig = rolling(permits);
    const before = drain(rig, START, SCOPE, spent);
    const end = threads
      .flat()
      .sort((a, b) => Number(a.at - b.at))
      .at(-1)!.at;
    return explore(rig, {
      cas,
      kill,
      threads: threads.map((calls) => () => {
        const view = rig.view(SCOPE);
        return calls.filter(({ at, cost }) => view.take(START + at, cost) === GRANTED);
      }),
      check: (results) => {
        const granted = admissionsOf(results).map(({ at, cost }) => ({ at: START + at, cost }));
        const soon = START + end + 1n;
        const all = [...before, ...granted, ...drain(rig, soon), ...drain(rig, soon + WINDOW / 2n)];
        checkRolling([...all, ...drain(rig, START + WINDOW + 3n)], { permits, windowNs: WINDOW });
        expect(drain(rig, START + 10n * WINDOW)).toHaveLength(permits); // nothing is lost for good
      },
    });
  };
  const at = (instant: bigint, cost = 1) => ({ at: instant, cost });

  provenBy('of one permit', (cas) => takes(cas, 1, [[at(2n)], [at(5n)], [at(0n)]]));
  provenBy('of two permits', (cas) => takes(cas, 2, [[at(2n)], [at(5n)], [at(0n)]]));
  provenBy('of two permits, with two takes each', (cas) =>
    takes(cas, 2, [
      [at(2n), at(3n)],
      [at(5n), at(6n)],
    ]),
  );
  provenBy('of three permits, with weights', (cas) => takes(cas, 3, [[at(2n, 2), at(3n)], [at(5n, 2)]]));
  provenBy('of two permits, in its second lap', (cas) =>
    takes(cas, 2, [[at(WINDOW)], [at(WINDOW + 5n)], [at(WINDOW + 2n)]], { spent: 2 }),
  );
  provenBy('of two permits, a heavy take against light ones in its second lap', (cas) =>
    takes(cas, 2, [[at(WINDOW, 2)], [at(WINDOW + 5n), at(WINDOW + 6n)]], { spent: 2 }),
  );
  provenBy('of one permit, over two laps', (cas) =>
    takes(cas, 1, [
      [at(0n), at(WINDOW)],
      [at(3n), at(WINDOW + 3n), at(2n * WINDOW + 3n)],
    ]),
  );
  it.each([1, 2, 3])('of %s permits: whoever dies, and wherever, nothing is given too early', (permits) => {
    const threads = [
      [at(9n), at(10n)],
      [at(0n, Math.min(2, permits)), at(4n)],
    ];
    expect(takes('atomic', permits, threads, { kill: true }).schedules).toBeGreaterThan(50n);
  });
  it('holds for a clock that was read long before the take', () => {
    // A thread that sleeps between its look at the clock and the take.
    takes('atomic', 1, [[at(WINDOW / 2n)], [at(0n)], [at(WINDOW + 1n)]]);
  });
});

describe('several limits of a budget, in every interleaving', () => {
  const limits: BudgetInput = {
    limits: [
      { permits: 1, per: '1ms', burst: 2 },
      { permits: 1, per: '10ms', burst: 2 },
    ],
  };
  provenBy('holds both', (cas) => {
    const rig = rateMemory({ [SCOPE]: limits });
    return explore(rig, {
      cas,
      threads: [0n, 3n, 6n].map((skew) => () => {
        const at = START + skew;
        return rig.view(SCOPE).take(at, 1) === GRANTED ? [{ at, cost: 1 }] : [];
      }),
      check: (results) => {
        const all = [...admissionsOf(results), ...drain(rig, START + 8n)];
        checkSmooth(all, [{ from: 0n, burst: 2, nsPerPermit: 1_000_000n }]);
        checkSmooth(all, [{ from: 0n, burst: 2, nsPerPermit: 10_000_000n }]);
      },
    });
  });
});

describe('a tenant and its provider, in every interleaving', () => {
  const names = ['tenant:t', SCOPE] as const;
  const budgets = (tenant: number, provider: number): Record<string, BudgetInput> => ({
    [names[0]]: { permits: 1, per: '1ms', burst: tenant },
    [names[1]]: { permits: 1, per: '1ms', burst: provider },
  });

  const takes = (
    cas: Cas,
    threads: readonly (readonly string[])[],
    { tenant = 2, provider = 1, kill = false } = {},
  ) => {
    const rig = rateMemory(budgets(tenant, provider));
    return explore(rig, {
      cas,
      kill,
      threads: threads.map((scopes, member) => () => {
        const granted = rig.path(member, ...scopes).take(START, 1) === GRANTED;
        return granted ? [{ at: START, cost: 1, scopes }] : [];
      }),
      check: (results) => {
        const granted = admissionsOf(results) as (Admission & { scopes: readonly string[] })[];
        const tenants = granted.filter(({ scopes }) => scopes.includes(names[0]));
        const spent = { tenant: tenant - drain(rig, START, names[0]).length, provider: granted.length };
        expect(spent.provider + drain(rig, START, SCOPE).length).toBeLessThanOrEqual(provider);
        // A charge that could not be given back stays: never less than what was granted.
        expect(spent.tenant).toBeGreaterThanOrEqual(tenants.length);
        expect(spent.tenant).toBeLessThanOrEqual(tenant);
        expect(tenants.length).toBeLessThanOrEqual(tenant);
        if (kill || threads.length > 2) return;
        const losers = threads.length - granted.length;
        expect(spent.tenant).toBeLessThanOrEqual(tenants.length + losers);
      },
    });
  };

  provenBy('two of one tenant for one permit of the provider', (cas) => takes(cas, [names, names]));
  provenBy('a tenant against calls of the provider alone', (cas) => takes(cas, [names, [SCOPE], [SCOPE]]));
  it('spends at most what it may, whoever dies', () => {
    expect(takes('atomic', [names, names], { kill: true }).schedules).toBeGreaterThan(100n);
  });
  it('costs the tenant nothing when the provider had nothing from the beginning', () => {
    const rig = rateMemory(budgets(2, 1));
    rig.view(SCOPE).take(START, 1);
    explore(rig, {
      threads: [0, 1].map((member) => () => rig.path(member, ...names).take(START, 1)),
      check: () => expect(drain(rig, START, names[0])).toHaveLength(2),
    });
  });
  it('gives a lost race back to the tenant unless somebody spent from it meanwhile', () => {
    const rig = rateMemory(budgets(3, 1));
    explore(rig, {
      threads: [
        () => rig.path(0, ...names).take(START, 1) === GRANTED,
        () => rig.path(1, SCOPE).take(START, 1) === GRANTED,
      ],
      check: ([granted]) => expect(drain(rig, START, names[0])).toHaveLength(granted ? 2 : 3),
    });
  });
});

describe('a cap on calls in flight, in every interleaving', () => {
  const capped = (inFlight: number) =>
    rateMemory({ [SCOPE]: { inFlight } }, { inFlightPlacesMax: 4, threadsMax: 3 });
  const capOf = (rig: Rig): InFlightCap => rig.view(SCOPE).cap!;

  const enters = (cas: Cas, calls: number, kill = false) => {
    const rig = capped(2);
    return explore(rig, {
      cas,
      kill,
      threads: [0, 1, 2].slice(0, calls).map((member) => () => {
        const cap = capOf(rig);
        const leases = [cap.enter(member), cap.enter(member)].filter((lease) => lease !== CAP_FULL);
        if (member > 0) return leases.length;
        for (const lease of leases) expect(cap.leave(member, lease)).toBe(true);
        return 0;
      }),
      check: (results) => {
        const cap = capOf(rig);
        const held = results.reduce<number>(
          (sum, result) => sum + (result === KILLED ? 0 : (result as number)),
          0,
        );
        if (!kill) expect(cap.inFlight()).toBe(held);
        expect(cap.inFlight()).toBeLessThanOrEqual(2);
        for (let member = 0; member < 3; member++) leaveCaps(rig.memory, member);
        expect(cap.inFlight()).toBe(0); // what the dead held is found
      },
    });
  };
  provenBy('lets in two calls at most of two threads', (cas) => enters(cas, 2));
  it('holds with three threads', () => {
    expect(enters('atomic', 3).schedules).toBeGreaterThan(100n);
  });
  it('finds what any dead thread held', () => {
    expect(enters('atomic', 2, true).schedules).toBeGreaterThan(100n);
  });

  it('counts what is held past a cap that was lowered, wherever it is', () => {
    for (let held = 0; held < 16; held++) {
      const rig = capped(4);
      const before = capOf(rig);
      const leases = [0, 1, 2, 3].map(() => before.enter(0));
      for (const [i, lease] of leases.entries()) if (((held >> i) & 1) === 0) before.leave(0, lease);
      rig.set(SCOPE, { inFlight: 3 });
      explore(rig, {
        threads: [1, 2].map((member) => () => [capOf(rig).enter(member), capOf(rig).enter(member)]),
        check: () => expect(capOf(rig).inFlight()).toBeLessThanOrEqual(Math.max(3, before.inFlight())),
      });
      while (capOf(rig).enter(1) !== CAP_FULL);
      expect(capOf(rig).inFlight()).toBe(Math.max(3, held === 15 ? 4 : 3));
    }
  });
});

describe('a change of the budget, in every interleaving', () => {
  const change = (
    cas: Cas,
    from: BudgetInput,
    to: BudgetInput,
    laws: { burst: number },
    { takers = 2, rollingPermitsMax = 0 } = {},
  ) => {
    const rig = rateMemory({ [SCOPE]: from }, { rollingPermitsMax });
    // Nobody writes the cooldown or the lists of names; and once the version is out, the owner must not be
    // run again, since its plain writes would be repeated.
    const still = new Set([
      8 * rig.memory.blockedUntilAt(0),
      4 * rig.memory.directoryVersionAt,
      4 * rig.memory.bucketAt(0),
      4 * rig.memory.nextOfBucketAt(0),
      4 * rig.memory.membersUsedAt,
    ]);
    return everyStep(rig, {
      cas,
      unobserved: (byte) => still.has(byte),
      writesPlainly: true,
      weak: true,
      threads: [
        () => new ScopeTable(rig.memory, rig.clock).set(SCOPE, BudgetOptions.parse(to)),
        ...Array.from({ length: takers }, () => () => {
          const path = rig.path(0, SCOPE);
          return path.take(START, 1) === GRANTED ? [{ at: START, cost: 1 }] : [];
        }),
      ].map((body) => () => body() ?? []),
      check: (results) => {
        const all = [...admissionsOf(results), ...drain(rig, START)];
        // At one instant nothing is earned: the higher of the two bursts is all there is.
        expect(all.length).toBeLessThanOrEqual(laws.burst);
        expect(rig.view(SCOPE).isCurrent()).toBe(true);
      },
    });
  };
  const smooth = (permits: number): BudgetInput => ({ permits, per: '1s' });
  const rolling = (permits: number): BudgetInput => ({ permits, per: '1s', algorithm: 'rolling' });

  // The owner is one thread and no other writes the version: its own steps need no swap. What is
  // taken meanwhile does.
  provenBy('raised', (cas) => change(cas, smooth(1), smooth(2), { burst: 1 }, { takers: 1 })); // nothing is saved up
  it('raised, lowered, or of another kind: spends what was spent', () => {
    change('atomic', smooth(2), smooth(1), { burst: 2 }, { takers: 1 });
    change('atomic', smooth(1), { permits: 0, burst: 1 }, { burst: 1 }, { takers: 1 });
    change('atomic', smooth(1), rolling(1), { burst: 1 }, { takers: 1, rollingPermitsMax: 2 });
    change('atomic', rolling(1), smooth(1), { burst: 1 }, { takers: 1, rollingPermitsMax: 2 });
  });
});

describe('glances of a take, in every interleaving', () => {
  it('are steps here, and may be old', () => {
    expect(glance).toBe(exploredGlances.glance);
  });

  /** The owner changes the budget; somebody who knows of it takes, beside one who does not. */
  it('takes by the new budget once the change is known, and by one of the two before', () => {
    const rig = rateMemory({ [SCOPE]: { permits: 3, per: '1s' } });
    const { memory } = rig;
    const [limit] = rig.view(SCOPE).limits;
    const known = memory.lateAt(0); // a word that nobody uses here
    const granted = new Set<string>();
    const versionAt = memory.versionAt(0);
    everyStep(rig, {
      weak: true,
      writesPlainly: true,
      unobserved: (byte) =>
        byte !== 4 * versionAt && byte !== 8 * memory.cellAt(0, 0, 0) && byte !== 4 * known,
      threads: [
        () => {
          // As `ScopeTable` does it, in short: closes the cell, then puts the next version into effect.
          Atomics.exchange(memory.b64, memory.cellAt(0, 0, 0), MOVED);
          Atomics.store(memory.i32, versionAt, 3);
          Atomics.store(memory.i32, known, 1);
        },
        () => {
          const isKnown = Atomics.load(memory.i32, known) === 1;
          return `${isKnown ? 'known' : 'not known'}: ${limit!.take(START, 1) === GRANTED}`;
        },
      ],
      check: ([, result]) => void granted.add(result as string),
    });
    expect([...granted].sort()).toEqual(['known: false', 'not known: false', 'not known: true']);
  });

  it('never overtake a waiter that is known, and may miss one that just begins to wait', () => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1s' } });
    const { memory } = rig;
    const view = rig.view(SCOPE, 0);
    view.sit();
    const line = new WaitingThreads(view);
    const known = memory.toldAt(0); // a word that nobody uses here
    const seen = new Set<string>();
    everyStep(rig, {
      weak: true,
      unobserved: (byte) => byte !== 4 * memory.waitingAt(0) && byte !== 4 * known,
      threads: [
        () => {
          line.publish({ place: 5n, cost: 1, dueAt: START });
          Atomics.store(memory.i32, known, 1);
        },
        () => `${Atomics.load(memory.i32, known)} ${line.isEmpty()}`,
      ],
      check: ([, result]) => void seen.add(result as string),
    });
    expect([...seen].sort()).toEqual(['0 false', '0 true', '1 false']);
  });
});

describe('a cooldown, in every interleaving', () => {
  const UNTIL = START + 5_000_000n;
  const cooled = (cas: Cas, takers: number) => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1ms', burst: 3 } });
    return everyStep(rig, {
      cas,
      threads: [
        () => {
          const view = rig.view(SCOPE);
          // As a client does it: `cooldown` in src/resilience/rate/rate-client.ts.
          Atomics.compareExchange(rig.memory.b64, rig.memory.blockedUntilAt(0), 0n, UNTIL);
          for (const limit of view.limits) limit.spendBurstUntil(UNTIL);
        },
        ...Array.from({ length: takers }, () => () => rig.view(SCOPE).take(START, 1) === GRANTED),
      ],
      check: ([, ...taken]) => {
        expect(drain(rig, UNTIL - 1n)).toEqual([]);
        expect(rig.view(SCOPE).limits[0]!.take(UNTIL - 1n, 1)).toBeGreaterThan(0); // its cell says so alone
        expect(drain(rig, UNTIL)).toHaveLength(1);
        expect(taken.filter(Boolean).length).toBeLessThanOrEqual(3);
      },
    });
  };
  provenBy('refuses all from then on, and ends without a burst', (cas) => cooled(cas, 1));
  it('does so with two threads that take meanwhile', () => {
    expect(cooled('atomic', 2).schedules).toBeGreaterThan(1_000n);
  });
});

describe('waiting threads, in every interleaving', () => {
  const publishes = (cas: Cas, kill = false) => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1s' } });
    const lines = [0, 1, 2].map((member) => {
      const view = rig.view(SCOPE, member);
      view.sit();
      return new WaitingThreads(view);
    });
    const [first, second, third] = lines as [WaitingThreads, WaitingThreads, WaitingThreads];
    return everyStep(rig, {
      cas,
      kill,
      threads: [
        () => first.publish({ place: 5n, cost: 1, dueAt: START }),
        () => {
          second.publish({ place: 7n, cost: 1, dueAt: START });
          second.withdraw();
        },
        () => third.publish({ place: 9n, cost: 1, dueAt: START }),
      ],
      check: (results) => {
        const waits = new Int32Array(rig.buffer)[rig.memory.waitingAt(0)]!;
        if (!kill) expect(waits).toBe(0b101);
        for (const [member, result] of results.entries()) {
          if (result === KILLED) leaveTable(rig.memory, member); // as `reclaim` does
        }
        first.withdraw();
        third.withdraw();
        expect(first.isEmpty()).toBe(true);
      },
    });
  };
  provenBy('holds those who stand in it and no others', (cas) => publishes(cas));
  it('keeps nothing of the dead once they are withdrawn', () => {
    expect(publishes('atomic', true).schedules).toBeGreaterThan(1_000n);
  });
});

describe('the lane of a tenant, in every interleaving', () => {
  const TENANT = 'tenant:t';
  const entersOf = (cas: Cas, before: boolean, kill = false) => {
    const rig = rateMemory({ [SCOPE]: { permits: 1, per: '1s' }, [TENANT]: {} });
    const orderOf = (member: number) => new TenantShares(rig.view(SCOPE, member), rig.view(TENANT, member));
    if (before) orderOf(2).enter(1);
    const from = before ? 1n : 0n;
    return explore(rig, {
      cas,
      kill,
      threads: [0, 1].map((member) => () => orderOf(member).enter(1).start / 1_000_000_000n),
      check: (results) => {
        const starts = results.filter((result) => result !== KILLED) as bigint[];
        for (const start of starts) expect([from, from + 1n]).toContain(start);
        if (before) expect(new Set(starts).size).toBe(starts.length);
        for (const [member, result] of results.entries()) {
          if (result === KILLED) leaveTable(rig.memory, member);
        }
        const ends = orderOf(2).enter(1).start / 1_000_000_000n;
        expect(ends).toBeGreaterThanOrEqual(from);
        expect(ends).toBeLessThanOrEqual(from + 2n);
      },
    });
  };
  provenBy('gives two threads places one after the other', (cas) => entersOf(cas, true));
  it('is taken by two threads at once, and never with the end of another', () => {
    expect(entersOf('atomic', false).schedules).toBeGreaterThan(100n);
  });
  it('is there for the others, whoever dies while it is taken', () => {
    expect(entersOf('atomic', false, true).schedules).toBeGreaterThan(1_000n);
  });
});

describe('a seat, in every interleaving', () => {
  const seats = (cas: Cas) => {
    const rig = rateMemory({ [SCOPE]: {} }, { threadsMax: 2, seatsMax: 1 });
    const { memory } = rig;
    // What is counted, and who waits, is not what this is about.
    const still = new Set([4 * memory.waitingAt(0), 4 * memory.lateAt(0), 4 * memory.lifeAt(0)]);
    const isTotal = (byte: number) => byte >= 8 * memory.totalsAt(0) && byte < 8 * memory.totalsAt(0) + 56;
    const isSeat = (byte: number) => byte >= 8 * memory.countersAt(0) && byte < 8 * memory.countersAt(2);
    return everyStep(rig, {
      cas,
      unobserved: (byte) => still.has(byte) || isTotal(byte) || isSeat(byte),
      threads: [
        () => {
          takeSeat(memory, 0, 0);
          leaveSeat(memory, 0, 0);
        },
        () => takeSeat(memory, 0, 1),
      ],
      check: ([, seat]) => {
        expect(findSeat(memory, 0, 1)).toBe(seat);
        expect([...seatsAt(memory, 0)]).toEqual([seat]);
        leaveTable(memory, 1);
        expect(findSeat(memory, 0, 1)).toBe(NO_SEAT);
      },
    });
  };
  provenBy('is of one thread, though both look at the same slots', (cas) => seats(cas));
});

describe('the ring of a window that is gone, in every interleaving', () => {
  it('is used again only when no thread may still write to it', () => {
    const rig = rateMemory(
      { [SCOPE]: { permits: 1, per: '1ms', algorithm: 'rolling' } },
      { rollingPermitsMax: 2, threadsMax: 1 },
    );
    const { memory } = rig;
    const { b64 } = memory;
    memory.i32[memory.membersUsedAt] = 1;
    const still = new Set([4 * memory.versionAt(0), 8 * memory.blockedUntilAt(0), 4 * memory.membersUsedAt]);
    const reused = new Set<boolean>();
    const explored = everyStep(rig, {
      writesPlainly: true,
      unobserved: (byte) => still.has(byte),
      threads: [
        () => {
          const space = new TableSpace(memory);
          const own = space.takeRing(1, SCOPE);
          Atomics.exchange(b64, memory.cellAt(0, 0, 0), MOVED); // as the owner closes it
          space.giveRing(own, 1);
          const next = space.takeRing(1, 'another');
          Atomics.store(b64, memory.ringAt(next), 0n);
          return next;
        },
        () => void rig.view(SCOPE).take(START, 1),
      ],
      check: ([next]) => {
        expect(b64[memory.ringAt(next as number)]).toBe(0n);
        reused.add(next === 0);
      },
    });
    expect(explored.schedules).toBeGreaterThan(10n);
    expect(reused).toEqual(new Set([true, false]));
  });
});
