import type { Clock } from '../../core/clock.js';
import { type RateMemory, STATISTICS_COUNTERS } from '../../shared-memory/rate-memory.js';
import {
  type LimitParameters,
  readName,
  readScope,
  type ScopeParameters,
  setOf,
  writeName,
  writeParameters,
} from '../../shared-memory/scope-record.js';
import type { BudgetOptions, LimitOptions } from './budget-options.js';
import {
  type ChangeTimes,
  carryByIndex,
  carryOver,
  earnedBackAt,
  instantsOf,
  retire,
  type Spent,
} from './carry-over.js';
import { openLimit } from './open-limit.js';
import { RateTableFullError, ScopeUnknownError } from './rate-errors.js';
import { RollingLimit } from './rolling-permit-swap.js';
import { ScopeDirectory } from './scope-directory.js';
import { asShareOf, costMaxOf, grantsNothing, isOfOtherLimits } from './share-of-budget.js';
import { TableSpace } from './table-space.js';

/** A budget as it was declared. */
interface Declared {
  readonly whole: BudgetOptions;
  /** What was dealt last, if it is a share. */
  readonly share?: BudgetOptions;
  /** Whether the next share has other limits than the one that is here: it begins with nothing saved up. */
  readonly isAnew?: boolean;
}

/** How a budget changes. */
interface Change {
  /** Of a share: what it is a share of. */
  readonly whole?: BudgetOptions;
  /** Whether each limit goes on from the one of its index, as those of shares do. */
  readonly isByIndex?: boolean;
  /** Whether nothing is saved up. */
  readonly isEmpty?: boolean;
}

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
  readonly #space: TableSpace;
  /** Slots that were never used begin here. */
  #slotsUsed = 0;
  /** Slots of removed scopes by their names: one that is declared again gets the same slot. */
  readonly #freeSlots = new Map<string, number>();
  #lives = 0;
  /** By scope and limit: permits that still count but did not fit into a window that was made smaller. */
  readonly #older = new Map<number, readonly (readonly bigint[])[]>();
  /** By scope. */
  readonly #budgets = new Map<number, Declared>();
  /** Names that were removed while they were shares: one that is declared again is a share of nothing at first. */
  readonly #sharesRemoved = new Set<string>();

  constructor(memory: RateMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    this.#directory = new ScopeDirectory(memory);
    this.#space = new TableSpace(memory);
  }

  /**
   * Declares or changes a budget. What is a share stays the share that it is.
   *
   * @throws {RateTableFullError} when there is no room; then nothing has changed.
   */
  set(name: string, budget: BudgetOptions): void {
    const scope = this.#directory.find(name);
    if (scope === undefined) {
      this.#declare(name, budget);
      return;
    }
    const known = this.#budgets.get(scope);
    if (known?.share === undefined) {
      this.#change(scope, name, budget);
      this.#budgets.set(scope, { whole: budget });
      return;
    }
    const { whole, share, isAnew = false } = known;
    this.#change(scope, name, asShareOf(budget, share), { whole: budget, isByIndex: true });
    this.#budgets.set(scope, { whole: budget, share, isAnew: isAnew || isOfOtherLimits(budget, whole) });
  }

  /**
   * Makes a budget a share of what it was declared as, or changes its share. Its limits go on from those of the same
   * index; one that has none before it begins with nothing saved up.
   *
   * @param end - Instant from which on nothing is granted; 0n: there is none. One that has passed, or comes first,
   *   begins with nothing saved up: what others were given meanwhile could be spent twice.
   * @throws {ScopeUnknownError} if it was not declared.
   * @throws {RateTableFullError} when there is no room; then nothing has changed.
   */
  share(name: string, budget: BudgetOptions, end: bigint): void {
    const scope = this.#find(name);
    const { b64 } = this.#memory;
    const endAt = this.#memory.shareEndAt(scope);
    const endBefore = Atomics.load(b64, endAt);
    const { whole, share, isAnew = false } = this.#budgets.get(scope)!;
    // The limits stay, so that those of the next share have something to go on from.
    const isNothing = grantsNothing(budget);
    const dealt = isNothing ? (share ?? whole) : budget;
    const isEmpty = share === undefined ? end !== 0n : isAnew || this.#isOver(endBefore);
    if (isEmpty || isNothing) Atomics.store(b64, endAt, OVER); // until it begins
    try {
      this.#change(scope, name, asShareOf(whole, dealt), { whole, isByIndex: true, isEmpty });
    } catch (error) {
      Atomics.store(b64, endAt, endBefore);
      throw error;
    }
    this.#budgets.set(scope, { whole, share: dealt });
    Atomics.store(b64, endAt, isNothing ? OVER : end);
  }

  /**
   * Makes a share the whole budget again, with nothing saved up by that.
   *
   * @throws {ScopeUnknownError} if it was not declared.
   * @throws {RateTableFullError} when there is no room; then nothing has changed.
   */
  unshare(name: string): void {
    const scope = this.#find(name);
    const { whole, share, isAnew = false } = this.#budgets.get(scope)!;
    if (share === undefined) return;
    const endAt = this.#memory.shareEndAt(scope);
    const isEmpty = isAnew || this.#isOver(Atomics.load(this.#memory.b64, endAt));
    this.#change(scope, name, whole, { isByIndex: true, isEmpty });
    this.#budgets.set(scope, { whole });
    Atomics.store(this.#memory.b64, endAt, 0n);
  }

  isShare(name: string): boolean {
    const scope = this.#directory.find(name);
    return scope !== undefined && this.#budgets.get(scope)?.share !== undefined;
  }

  /** A budget as it was declared last; `undefined` if it was not, or was removed. */
  declared(name: string): BudgetOptions | undefined {
    const scope = this.#directory.find(name);
    return scope === undefined ? undefined : this.#budgets.get(scope)?.whole;
  }

  /** All budgets as they were declared last, by their names. */
  *allDeclared(): IterableIterator<[string, BudgetOptions]> {
    for (const name of this.#directory.names()) {
      const whole = this.declared(name);
      if (whole) yield [name, whole];
    }
  }

  /**
   * Removes a budget. Threads that have it open get an error on their next call.
   *
   * @returns Whether it existed.
   */
  remove(name: string): boolean {
    const scope = this.#directory.find(name);
    if (scope === undefined) return false;
    const parameters = this.#parameters(scope);
    this.#retire(scope, parameters);
    Atomics.add(this.#memory.i32, this.#memory.versionAt(scope), 1);
    this.#directory.remove(scope, name);
    this.#freeSlots.set(name, scope);
    this.#older.delete(scope);
    if (this.#budgets.get(scope)?.share !== undefined) this.#sharesRemoved.add(name);
    this.#budgets.delete(scope);
    this.#giveRings(parameters);
    this.#space.giveSegments(parameters.segments);
    return true;
  }

  #declare(name: string, budget: BudgetOptions): void {
    const { i32, b64 } = this.#memory;
    const scope = this.#freeSlot(name);
    const isShare = this.#sharesRemoved.has(name);
    const parameters = this.#allocate(name, budget, undefined, isShare ? budget : undefined);
    this.#sharesRemoved.delete(name);
    this.#budgets.set(scope, { whole: budget, ...(isShare && { share: budget }) });
    const freed = scope < this.#slotsUsed ? readName(this.#memory, scope) : undefined;
    if (freed === undefined) this.#slotsUsed = scope + 1;
    else this.#freeSlots.delete(freed);

    writeName(this.#memory, scope, name);
    this.#lives = (this.#lives % LIVES_MAX) + 1;
    Atomics.store(i32, this.#memory.lifeAt(scope), this.#lives);
    Atomics.store(b64, this.#memory.blockedUntilAt(scope), 0n);
    Atomics.store(b64, this.#memory.shareEndAt(scope), isShare ? OVER : 0n);
    Atomics.store(i32, this.#memory.wantedAt(scope), 0);
    Atomics.store(b64, this.#memory.virtualTimeAt(scope), 0n);
    Atomics.store(b64, this.#memory.ownLaneAt(scope), 0n);
    for (let word = 0; word < this.#memory.maskWords; word++) {
      Atomics.store(i32, this.#memory.waitingAt(scope) + word, 0);
      Atomics.store(i32, this.#memory.lateAt(scope) + word, 0);
    }
    for (let counter = 0; counter < STATISTICS_COUNTERS; counter++) {
      Atomics.store(b64, this.#memory.totalsAt(scope) + counter, 0n);
    }
    this.#directory.add(scope, name);
    this.#publish(scope, parameters, []);
  }

  #change(scope: number, name: string, budget: BudgetOptions, how: Change = {}): void {
    const before = this.#parameters(scope);
    const after = this.#allocate(name, budget, before, how.whole);
    // No more than it has places for until the new version, or other threads take the record for garbage.
    const inFlightMax = Math.min(after.inFlightMax, before.leasesMax);
    // A cell that is closed ends the takes of a version. Without one, only the next version does.
    if (before.limits.length === 0) this.#publish(scope, { ...before, inFlightMax }, []);
    const spent = this.#retire(scope, before, how);
    const cap = this.#space.narrowCap(after);
    this.#publish(scope, { ...after, ...cap }, spent, how);
    this.#giveRings(before);
    this.#space.giveSegments(after.segments, cap.segments.length);
  }

  /** Writes cells and parameters, then the version that puts them into effect. */
  #publish(
    scope: number,
    parameters: ScopeParameters,
    spent: readonly Spent[],
    { isByIndex = false, isEmpty: areAllEmpty = false }: Change = {},
  ): void {
    const { b64, i32 } = this.#memory;
    const last = Atomics.load(i32, this.#memory.versionAt(scope));
    const version = last + ((last & 1) === 1 ? 2 : 1);
    const times = this.#times(scope);
    const carried = (isByIndex ? carryByIndex : carryOver)(parameters.limits, spent);
    const older: (readonly bigint[])[] = [];
    for (const [index, limit] of parameters.limits.entries()) {
      const cell = this.#memory.cellAt(scope, setOf(version), index);
      const from = carried[index]!;
      const isEmpty = areAllEmpty || (isByIndex && from.spent === undefined);
      if (limit.kind !== 'rolling') {
        const earned = earnedBackAt(limit, from, times);
        // A quota earns nothing: it keeps what is left, unless nothing is known of it.
        const isSpent = isEmpty && (limit.kind === 'gcra' || from.spent === undefined);
        const empty = (limit.kind === 'gcra' ? times.now : 0n) + limit.burstNs;
        Atomics.store(b64, cell, isSpent && earned < empty ? empty : earned);
        continue;
      }
      const ring = b64.subarray(
        this.#memory.ringAt(limit.ringAt),
        this.#memory.ringAt(limit.ringAt + limit.permits),
      );
      const known = instantsOf(limit, from, times.now);
      const instants = isEmpty ? filledUp(known, limit.permits, times.now) : known;
      older[index] = instants.slice(0, -limit.permits).filter((instant) => instant > times.now - limit.ns);
      Atomics.store(b64, cell, RollingLimit.fill(ring, instants.slice(-limit.permits), version));
    }
    this.#older.set(scope, older);
    writeParameters(this.#memory, scope, setOf(version), parameters);
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
      const site = { scope, set: setOf(version), index, version, parameters, member: NOBODY };
      openLimit(this.#memory, site).spendBurstUntil(blockedUntil);
    }
  }

  #retire(scope: number, { limits }: ScopeParameters, { isByIndex = false }: Change = {}): Spent[] {
    const version = Atomics.load(this.#memory.i32, this.#memory.versionAt(scope));
    const times = this.#times(scope);
    // Whatever a share is enlarged by, others may have spent meanwhile, and later than its own permits were granted that
    // it has no room for any more. So it counts as granted now, and those do not stand for it.
    const older = isByIndex ? undefined : this.#older.get(scope);
    return limits.map((parameters, index) => {
      const site = { scope, set: setOf(version), index, version, parameters, member: NOBODY };
      return retire(openLimit(this.#memory, site), parameters, times, older?.[index]);
    });
  }

  /** @throws {ScopeUnknownError} */
  #find(name: string): number {
    const scope = this.#directory.find(name);
    if (scope === undefined) throw new ScopeUnknownError(name, [...this.#directory.names()]);
    return scope;
  }

  #isOver(end: bigint): boolean {
    return end !== 0n && end <= this.#clock.now();
  }

  #times(scope: number): ChangeTimes {
    const blockedUntil = Atomics.load(this.#memory.b64, this.#memory.blockedUntilAt(scope));
    return { now: this.#clock.now(), blockedUntil };
  }

  #parameters(scope: number): ScopeParameters {
    return readScope(this.#memory, scope).parameters;
  }

  /** @throws {RateTableFullError} and then nothing was taken. */
  #allocate(
    name: string,
    budget: BudgetOptions,
    before: ScopeParameters | undefined,
    whole: BudgetOptions | undefined,
  ): ScopeParameters {
    const what = `the budget "${name}"`;
    const { weight, inFlight = 0 } = budget;
    const limits: LimitParameters[] = [];
    try {
      for (const [index, limit] of budget.limits.entries()) {
        limits.push(this.#limit(limit, what, whole?.limits[index]));
      }
      const shareOfMax = whole ? costMaxOf(whole) : 0;
      return { limits, weight, shareOfMax, ...this.#space.widenCap(inFlight, before, what) };
    } catch (error) {
      this.#giveRings({ limits });
      throw error;
    }
  }

  /** @param of - The limit that it is a share of. */
  #limit({ permits, per, burst, algorithm }: LimitOptions, what: string, of?: LimitOptions): LimitParameters {
    const most = burst ?? permits;
    const permitsOfWhole = of ? (of.burst ?? of.permits) : 0;
    const plain = { permits: most, ringAt: 0, permitsOfWhole };
    if (permits === 0) return { ...plain, kind: 'quota', ns: 1n, burstNs: BigInt(most) };
    if (algorithm === 'rolling') {
      const ringAt = this.#space.takeRing(permits, what);
      return { ...plain, kind: 'rolling', permits, ringAt, ns: BigInt(per), burstNs: 0n };
    }
    // The interval of a permit is rounded up, never down.
    const ns = BigInt(Math.ceil(per / permits));
    return { ...plain, kind: 'gcra', ns, burstNs: ns * BigInt(most) };
  }

  #giveRings({ limits }: Pick<ScopeParameters, 'limits'>): void {
    for (const { kind, ringAt, permits } of limits) {
      if (kind === 'rolling') this.#space.giveRing(ringAt, permits);
    }
  }

  /** A slot for the name, without taking it. */
  #freeSlot(name: string): number {
    const { scopesMax } = this.#memory.sizes;
    const own = this.#freeSlots.get(name);
    if (own !== undefined) return own;
    if (this.#slotsUsed < scopesMax) return this.#slotsUsed;
    for (const slot of this.#freeSlots.values()) return slot;
    throw new RateTableFullError('another budget', 'scopesMax', scopesMax);
  }
}

/** An end that has passed, whatever time it is. */
const OVER = -1n;

/** A window with as many permits granted now as it has room for. */
const filledUp = (instants: readonly bigint[], permits: number, now: bigint): readonly bigint[] => {
  const reserved = instants.filter((instant) => instant > now).slice(-permits);
  return [...new Array<bigint>(permits - reserved.length).fill(now), ...reserved];
};

/** The owner takes nothing itself. */
const NOBODY = -1;
/** Numbers of declarations have 31 bits. */
const LIVES_MAX = 2 ** 31 - 1;
