import type { Clock } from '../../core/clock.js';
import {
  GATE_ARENA_WORDS,
  type LimitParameters,
  type RateMemory,
  type ScopeParameters,
  STATISTICS_COUNTERS,
} from '../../shared-memory/rate-memory.js';
import { Arena } from './arena.js';
import type { BudgetOptions, LimitOptions } from './budget-options.js';
import { type ChangeTimes, carryOver, earnedBackAt, instantsOf, retire, type Spent } from './carry-over.js';
import { openLimit } from './open-limit.js';
import { RateTableFullError } from './rate-errors.js';
import { RollingLimit } from './rolling-limit.js';
import { ScopeDirectory } from './scope-directory.js';
import { setOf } from './scope-view.js';

/**
 * Declares, changes and removes budgets in shared memory. Its one owner is the thread that created the
 * memory; all other threads only spend.
 *
 * A change closes the old cells, carries what was spent over to new cells, and then publishes a new
 * version. A take in progress fails on the closed cell and tries again, so what it spends is counted
 * once, by either the old or the new parameters.
 */
export class ScopeTable {
  readonly #memory: RateMemory;
  readonly #clock: Clock;
  readonly #directory: ScopeDirectory;
  readonly #arena: Arena;
  #gates = 0;
  /** By scope and limit: permits that still count but did not fit into a window that was made smaller. */
  readonly #older = new Map<number, readonly (readonly bigint[])[]>();

  constructor(memory: RateMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    this.#directory = new ScopeDirectory(memory);
    this.#arena = new Arena(memory.sizes.arenaWords, clock);
  }

  /**
   * Declares or changes a budget.
   *
   * @throws {RateTableFullError} when there is no room; then nothing has changed.
   */
  set(name: string, budget: BudgetOptions): void {
    const known = this.#directory.find(name);
    if (known === undefined) this.#declare(name, budget);
    else this.#change(known, name, budget);
  }

  /**
   * Removes a budget. Threads that have it open get an error on their next call.
   *
   * @returns Whether it existed.
   */
  remove(name: string): boolean {
    const scope = this.#directory.find(name);
    if (scope === undefined) return false;
    const { i32 } = this.#memory;
    const parameters = this.#parameters(scope);
    this.#retire(scope, parameters);
    Atomics.add(i32, this.#memory.versionAt(scope), 1);
    Atomics.add(i32, this.#memory.directoryVersionAt, 1);
    this.#older.delete(scope);
    this.#free(parameters);
    if (parameters.leasesMax > 0) this.#arena.give(parameters.gateAt, GATE_ARENA_WORDS);
    return true;
  }

  #declare(name: string, budget: BudgetOptions): void {
    const { i32, b64, f64, sizes } = this.#memory;
    const scope = this.#freeScope();
    const version = Atomics.load(i32, this.#memory.versionAt(scope)) + 1;
    const parameters = this.#allocate(name, budget, undefined);

    this.#memory.writeName(scope, name);
    Atomics.store(b64, this.#memory.blockedUntilAt(scope), 0n);
    Atomics.store(b64, this.#memory.virtualTimeAt(scope), 0n);
    for (let tenant = -1; tenant < sizes.scopesMax; tenant++) {
      Atomics.store(b64, this.#memory.laneAt(scope, tenant), 0n);
      if (tenant >= 0) Atomics.store(b64, this.#memory.laneAt(tenant, scope), 0n);
    }
    for (let word = 0; word < this.#memory.maskWords; word++) {
      Atomics.store(i32, this.#memory.waitingAt(scope) + word, 0);
      Atomics.store(i32, this.#memory.lateAt(scope) + word, 0);
    }
    for (let member = 0; member < sizes.threadsMax; member++) {
      const at = this.#memory.statisticsAt(member, scope);
      f64.fill(0, at, at + STATISTICS_COUNTERS);
    }
    this.#publish(scope, version, parameters, []);
    Atomics.add(i32, this.#memory.directoryVersionAt, 1);
  }

  #change(scope: number, name: string, budget: BudgetOptions): void {
    const before = this.#parameters(scope);
    const parameters = this.#allocate(name, budget, before);
    const spent = this.#retire(scope, before);
    const version = Atomics.load(this.#memory.i32, this.#memory.versionAt(scope)) + 2;
    this.#publish(scope, version, parameters, spent);
    this.#free(before);
  }

  /** Writes cells and parameters, then the version that puts them into effect. */
  #publish(scope: number, version: number, parameters: ScopeParameters, spent: readonly Spent[]): void {
    const { b64, i32 } = this.#memory;
    const times = this.#times(scope);
    const carried = carryOver(parameters.limits, spent);
    const older: (readonly bigint[])[] = [];
    for (const [index, limit] of parameters.limits.entries()) {
      const cell = this.#memory.cellAt(scope, setOf(version), index);
      const from = carried[index]!;
      if (limit.kind !== 'rolling') {
        Atomics.store(b64, cell, earnedBackAt(limit, from, times));
        continue;
      }
      const ring = b64.subarray(
        this.#memory.arenaAt(limit.arenaAt),
        this.#memory.arenaAt(limit.arenaAt + limit.permits),
      );
      const instants = instantsOf(limit, from.spent, times.now);
      older[index] = instants.slice(0, -limit.permits).filter((instant) => instant > times.now - limit.ns);
      Atomics.store(b64, cell, RollingLimit.fill(ring, instants.slice(-limit.permits)));
    }
    this.#older.set(scope, older);
    this.#memory.writeParameters(scope, setOf(version), parameters);
    Atomics.store(i32, this.#memory.versionAt(scope), version);
    this.#coolDown(scope, version, parameters);
  }

  /**
   * Repeats a cooldown that another thread began while the new cells were written: it found the old ones
   * closed.
   */
  #coolDown(scope: number, version: number, { limits }: ScopeParameters): void {
    const { now, blockedUntil } = this.#times(scope);
    if (blockedUntil <= now) return;
    for (const [index, parameters] of limits.entries()) {
      const site = { scope, set: setOf(version), index, version, parameters };
      openLimit(this.#memory, site).spendBurstUntil(blockedUntil);
    }
  }

  #retire(scope: number, { limits }: ScopeParameters): Spent[] {
    const version = Atomics.load(this.#memory.i32, this.#memory.versionAt(scope));
    const times = this.#times(scope);
    return limits.map((parameters, index) => {
      const site = { scope, set: setOf(version), index, version, parameters };
      return retire(openLimit(this.#memory, site), parameters, times, this.#older.get(scope)?.[index]);
    });
  }

  #times(scope: number): ChangeTimes {
    const blockedUntil = Atomics.load(this.#memory.b64, this.#memory.blockedUntilAt(scope));
    return { now: this.#clock.now(), blockedUntil };
  }

  #parameters(scope: number): ScopeParameters {
    const version = Atomics.load(this.#memory.i32, this.#memory.versionAt(scope));
    return this.#memory.readParameters(scope, setOf(version));
  }

  #allocate(name: string, budget: BudgetOptions, before: ScopeParameters | undefined): ScopeParameters {
    const taken: { readonly at: number; readonly words: number }[] = [];
    const take = (words: number) => {
      const at = this.#arena.take(words, `the budget "${name}"`);
      taken.push({ at, words });
      return at;
    };
    try {
      const limits = budget.limits.map((limit) =>
        limit.algorithm === 'rolling'
          ? {
              kind: 'rolling' as const,
              permits: limit.permits,
              arenaAt: take(limit.permits),
              ns: BigInt(limit.per),
              burstNs: 0n,
            }
          : smoothParameters(limit),
      );
      const { weight, inFlight = 0 } = budget;
      let { gateAt, leasesMax, gateLife } = before ?? { gateAt: 0, leasesMax: 0, gateLife: 0 };
      if (inFlight > 0 && leasesMax === 0) {
        gateAt = take(GATE_ARENA_WORDS);
        gateLife = ++this.#gates;
        const words = this.#memory.arenaAt(gateAt);
        this.#memory.b64.fill(0n, words, words + GATE_ARENA_WORDS);
      }
      leasesMax = Math.max(leasesMax, inFlight);
      return { limits, weight, inFlightMax: inFlight, gateAt, leasesMax, gateLife };
    } catch (error) {
      for (const { at, words } of taken) this.#arena.giveUnused(at, words);
      throw error;
    }
  }

  #free({ limits }: ScopeParameters): void {
    for (const { kind, arenaAt, permits } of limits)
      if (kind === 'rolling') this.#arena.give(arenaAt, permits);
  }

  #freeScope(): number {
    const { i32, sizes } = this.#memory;
    for (let scope = 0; scope < sizes.scopesMax; scope++) {
      if ((Atomics.load(i32, this.#memory.versionAt(scope)) & 1) === 0) return scope;
    }
    throw new RateTableFullError('another budget', 'scopesMax', sizes.scopesMax);
  }
}

/** Parameters of a rate with a burst, in ns. The interval of a permit is rounded up, never down. */
function smoothParameters({ permits, per, burst }: LimitOptions): LimitParameters {
  const most = burst ?? permits;
  if (permits === 0) {
    return { kind: 'quota', permits: most, arenaAt: 0, ns: 1n, burstNs: BigInt(most) };
  }
  const ns = BigInt(Math.ceil(per / permits));
  return { kind: 'gcra', permits: most, arenaAt: 0, ns, burstNs: ns * BigInt(most) };
}
