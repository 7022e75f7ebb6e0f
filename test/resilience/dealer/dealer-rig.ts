import { Random } from '../../../src/core/random.js';
import { BudgetLeases } from '../../../src/resilience/budget-leases.js';
import type { BudgetPort } from '../../../src/resilience/budget-port.js';
import { BudgetDealer, type OwnerPort } from '../../../src/resilience/dealer/budget-dealer.js';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

export const ref = { provider: 'x' };

/** How messages go from a child to its parent and back: in order, none lost, but slow; cut by its death. */
export interface Way {
  readonly random: Random;
  readonly delayMsMax: number;
}

/** The way of one direction: what is sent comes later, and never before what was sent before. */
function lane(clock: SimulatedClock, { random, delayMsMax }: Way, isCut: () => boolean) {
  let last = 0n;
  return (deliver: () => void) => {
    const at = clock.now() + BigInt(Math.floor(random.next() * delayMsMax * 1e6));
    last = at > last ? at : last;
    clock.setTimeout(() => isCut() || deliver(), Number(last - clock.now()) / 1e6);
  };
}

export function portOver(
  port: OwnerPort,
  clock: SimulatedClock,
  way: Way,
  isDead: () => boolean,
): BudgetPort {
  const [there, back] = [lane(clock, way, () => false), lane(clock, way, isDead)];
  return {
    isShared: true,
    renew: (request) =>
      new Promise((resolve, reject) =>
        there(() => {
          port.renew(request).then(
            (share) => back(() => resolve(share)),
            (error) => back(() => reject(error)),
          );
        }),
      ),
    onNudge: (nudged) => port.onNudge((scope) => back(() => nudged(scope))),
  };
}

interface FamilyOptions {
  readonly seed?: number;
  readonly delayMsMax?: number;
  readonly ttlMs?: number;
  /** Room for windows in the parent. */
  readonly rollingPermitsMax?: number;
}

/** A parent whose threads spend from a budget, and children that it deals shares to. */
export function startFamily(
  budget: BudgetInput,
  { seed = 1, delayMsMax = 0, ttlMs = 2_000, ...table }: FamilyOptions = {},
) {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const way = { random: new Random(seed), delayMsMax };
  const rates = new RateCoordinator({ clock, providers: { x: budget }, ...table });
  const dealer = new BudgetDealer({ rates, clock, ttlMs });
  let started = 0;
  const problems: unknown[] = [];
  dealer.onProblem(({ error }) => void problems.push(error));
  const startChild = (declared: BudgetInput = budget) => {
    const owner = `child-${++started}`;
    const port = dealer.portOf(owner);
    let isDead = false;
    const own = new RateCoordinator({ clock, providers: { x: declared } });
    const leases = new BudgetLeases({
      port: portOver(port, clock, way, () => isDead),
      rates: own,
      budgets: [{ ref }],
      owner,
      clock,
      onProblem: ({ error }) => void problems.push(error),
    });
    void leases.start();
    return {
      rates: own,
      limiter: own.limiter(ref),
      get isDead() {
        return isDead;
      },
      /** It is killed: it spends no more, and the parent learns of it. */
      kill() {
        isDead = true;
        leases.close();
        own.close();
        port.close();
      },
    };
  };
  return { clock, rates, dealer, limiter: rates.limiter(ref), startChild, problems };
}

export type Child = ReturnType<ReturnType<typeof startFamily>['startChild']>;
