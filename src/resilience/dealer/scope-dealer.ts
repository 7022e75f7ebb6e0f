import { InvalidOptionsError } from '../../core/errors.js';
import type { Nanos } from '../../core/units.js';
import type { BudgetShare, ShareRequest } from '../budget-port.js';
import type { BudgetOptions } from '../rate/budget-options.js';
import { ScopeUnknownError } from '../rate/rate-errors.js';
import { exactParts, fairParts } from './fair-parts.js';
import { isLess, larger, less, settle } from './part-arithmetic.js';
import {
  budgetOfPart,
  declaredBudget,
  isNothing,
  isQuota,
  type Part,
  partOf,
  sizesOf,
  wholeOf,
} from './parts.js';
import type { ScopeDealerParts } from './scope-dealer-parts.js';
import { ShareOwner } from './share-owner.js';
import { Spender } from './spender.js';
import { Turns } from './turns.js';

/** Owners of one budget. */
const OWNERS_MAX = 4_096;
const NUDGE_NS = 50_000_000n;
/** A holder that has to confirm that it has less asks again after this time. */
const CONFIRM_MS = 10;
/** One that got less than its part asks again after this time. */
const SHORT_AGAIN_MS = 50;
/** Clocks that run differently: a share counts as held for this part of its time longer. */
const LONGER = 0.01;
const LONGER_MS = 5;
/** The part of an equal part that is given to one that uses nothing, so that its first call need not wait. */
const IDLE_PART = 0.25;

/**
 * Deals one budget out to other processes, while threads of this one spend from it too: what they may spend is a share
 * in the table, without an end. At any instant that and what others have, or may still take, come to no more than the
 * budget. Once nobody else has anything of it, the threads have the whole again.
 */
export class ScopeDealer {
  readonly #parts: ScopeDealerParts;
  readonly #owners = new Map<string, ShareOwner>();
  readonly #threads: Spender;
  readonly #turns: Turns;
  readonly #ttlNs: bigint;
  /** What the threads of this process may spend; `undefined`: all of it, since nothing is dealt. */
  #own: Part | undefined;
  /** The budget that `#own` is a part of. */
  #budget: BudgetOptions | undefined;
  #inFlightHere = 0;
  #refusedHere = 0;
  #lookedAt = -1n;
  /** Of quotas: what owners that are gone may have spent, by limit. */
  #lost: number[] = [];
  #cooledUntil = 0n;
  /** Instant from which on nothing is reserved in this process any more. */
  #reservedUntil = 0n;

  constructor(parts: ScopeDealerParts) {
    this.#parts = parts;
    this.#ttlNs = BigInt(Math.ceil(parts.ttlMs * 1e6));
    this.#threads = new Spender(parts.clock.now());
    this.#turns = new Turns(this.#ttlNs);
  }

  /** Whether somebody has, or may still take, a part of it. */
  get isDealing(): boolean {
    return this.#own !== undefined;
  }

  /**
   * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` if the budget was removed.
   * @throws {InvalidOptionsError} if too many processes share it.
   */
  renew(request: ShareRequest): BudgetShare {
    const { clock, ttlMs, rates, ref } = this.#parts;
    const now = clock.now();
    const budget = this.#begin(now);
    const owner = this.#ownerOf(request.owner, now);
    owner.holds(request.holds, request.inFlight);
    const { demand = { permits: 0, isShort: false, wanted: 0 } } = request;
    owner.spender.report(demand, budget, now, this.#ttlNs);
    this.#cool(request.cooldownMs, request.owner);
    const before = owner.last;
    const targets = this.#targets(budget, now);
    const target = this.#targetOf(owner, targets, budget, now);
    const part = this.#give(owner, target, targets.get(this.#threads)!, budget);
    const endNs = now + BigInt(Math.ceil((ttlMs * (1 + LONGER) + LONGER_MS) * 1e6));
    owner.give({ ...part, of: budget, request: request.request, endNs });
    this.#grow(budget, targets);
    const isShort = isLess(part, target);
    if (isShort) this.#nudgeOthers(targets, budget, now, request.owner);
    this.#nudgeTurn(targets, budget, now, owner);
    const isTurn = this.#turns.spender === owner.spender;
    const mustConfirm = before !== undefined && isLess(part, before);
    return {
      budget: budgetOfPart(budget, part),
      declared: declaredBudget(budget),
      ttlMs,
      cooldownMs: rates.status(ref).cooldownMs,
      ...((mustConfirm || isShort || isTurn) && { againMs: mustConfirm ? CONFIRM_MS : SHORT_AGAIN_MS }),
    };
  }

  /** An owner has ended, and asks no more. What it has ends with its time. */
  leave(name: string): void {
    const owner = this.#owners.get(name);
    if (!owner) return;
    owner.isGone = true;
    this.#turns.leave(owner.spender);
    this.look();
  }

  /**
   * Sees what the threads of this process need, and what has ended or changed. To be called a few times a second, and
   * after each change of the budget.
   */
  look(): void {
    if (!this.isDealing) return;
    const now = this.#parts.clock.now();
    const budget = this.#parts.rates.declared(this.#parts.name);
    for (const [name, owner] of this.#owners) {
      owner.expire(now);
      if (owner.isGone && !owner.hasGiven) this.#forget(name, owner);
    }
    if (!budget) return; // declared again, it grants nothing before it is dealt again
    this.#follow(budget);
    this.#lookHere(budget, now);
    this.#cool(0, undefined);
    if (this.#owners.size === 0) {
      this.#grow(budget, new Map());
      this.#end();
      return;
    }
    const targets = this.#targets(budget, now);
    this.#grow(budget, targets);
    if (this.#threads.isShort(now) && isLess(this.#own!, targets.get(this.#threads)!)) {
      this.#nudgeOthers(targets, budget, now, undefined);
    }
    this.#nudgeTurn(targets, budget, now, undefined);
  }

  #begin(now: Nanos): BudgetOptions {
    const { rates, ref, name } = this.#parts;
    const budget = rates.declared(name);
    if (!budget) throw new ScopeUnknownError(name, []);
    if (!this.#own) {
      // As a share it takes no more reservations; those that it has are waited for.
      const own = wholeOf(budget);
      rates.share(ref, { budget: budgetOfPart(budget, own), endNs: 0n }); // throws without room for its windows
      this.#budget = budget;
      this.#own = own;
    }
    for (const owner of this.#owners.values()) owner.expire(now);
    this.#follow(budget);
    this.#lookHere(budget, now);
    return budget;
  }

  /** Takes in a changed budget: what others have of it counts as what that comes to in the new one. */
  #follow(budget: BudgetOptions): void {
    if (budget === this.#budget) return;
    const whole = wholeOf(budget);
    const own = partOf(whole, (size, index) => Math.max(0, size - this.#takenByOthers(budget, index)));
    this.#share(budget, own);
  }

  #lookHere(budget: BudgetOptions, now: Nanos): void {
    if (this.#lookedAt === now) return;
    this.#lookedAt = now;
    const need = this.#parts.rates.need(this.#parts.ref);
    const { permits, refused, isWaitedFor, wanted, inFlight } = need;
    this.#reservedUntil = need.reservedUntilNs;
    const isShort = isWaitedFor || refused > this.#refusedHere;
    this.#refusedHere = refused;
    this.#inFlightHere = inFlight;
    this.#threads.report({ permits, isShort, wanted }, budget, now, this.#ttlNs);
  }

  #ownerOf(name: string, now: Nanos): ShareOwner {
    const known = this.#owners.get(name);
    if (known) return known;
    if (this.#owners.size >= OWNERS_MAX) {
      throw new InvalidOptionsError(this.#parts.name, [
        `owner: expected at most ${OWNERS_MAX} processes that share it, found one more`,
      ]);
    }
    const owner = new ShareOwner(now);
    this.#owners.set(name, owner);
    return owner;
  }

  /** What everybody should have, by what they can use. */
  #targets(budget: BudgetOptions, now: Nanos): Map<Spender, Part> {
    const whole = wholeOf(budget);
    const others = [...this.#owners.values()].filter(({ isGone }) => !isGone).map(({ spender }) => spender);
    const idle = IDLE_PART / (others.length + 1);
    const claims = [this.#threads, ...others]
      .map((spender) => {
        const demand = spender.demand(now);
        return { spender, demand: spender === this.#threads ? demand : Math.max(demand, idle) };
      })
      .sort((a, b) => Number(a.spender.turnedAt - b.spender.turnedAt));
    const free = partOf(whole, (size, index) => size - this.#spentOfQuota(budget, index));
    const divide = (of: typeof claims, sizes: Part, by = fairParts) => {
      const divided = sizesOf(sizes).map((size) => by(Math.max(0, size), of));
      return new Map(
        of.map(({ spender }, at) => [spender, partOf(sizes, (_, index) => divided[index]![at]!)]),
      );
    };
    const needOf = (spender: Spender) =>
      partOf(free, (size, index) => Math.min(size, index < whole.limits.length ? spender.need : 1));
    let targets = divide(claims, free);
    const exact = divide(claims, free, exactParts);
    const starved = claims
      .filter(({ spender }) => spender.isShort(now) && isLess(exact.get(spender)!, needOf(spender)))
      .map(({ spender }) => spender);
    const first = this.#turns.next(starved, budget, now);
    const fair = first && targets.get(first);
    if (first && fair) {
      const part = larger(needOf(first), fair);
      const rest = claims.filter(({ spender }) => spender !== first);
      // Who has nothing of one limit, or no place, can use nothing of the others: that is for the one whose turn it is.
      targets = divide(rest, less(free, part));
      let left = free;
      for (const [spender, own] of targets) {
        if (isNothing(own))
          targets.set(
            spender,
            partOf(own, () => 0),
          );
        else left = less(left, own);
      }
      targets.set(first, larger(part, left));
    }
    return new Map(
      [...targets].map(([spender, part]) => [
        spender,
        partOf(part, (size, index) => size + this.#spentOfQuota(budget, index, spender)),
      ]),
    );
  }

  /** What was spent for good: of limits that are quotas, by one or by all. */
  #spentOfQuota({ limits }: BudgetOptions, index: number, of?: Spender): number {
    const limit = limits[index];
    if (!limit || !isQuota(limit)) return 0;
    const spent = [...this.#owners.values()].map((owner) => ({
      spender: owner.spender,
      permits: owner.spentOf(index),
    }));
    const all = [...spent, { spender: this.#threads, permits: this.#threads.permits }];
    const mine = all.filter(({ spender }) => of === undefined || spender === of);
    const lost = of === undefined ? (this.#lost[index] ?? 0) : 0;
    return mine.reduce((sum, { permits }) => sum + permits, lost);
  }

  /** What one who asks should have. */
  #targetOf(owner: ShareOwner, targets: ReadonlyMap<Spender, Part>, budget: BudgetOptions, now: Nanos): Part {
    const whole = wholeOf(budget);
    const nothing = partOf(whole, () => 0);
    // What was reserved before this was a share would be spent beside what is dealt now.
    if (this.#reservedUntil > now) return nothing;
    const target = targets.get(owner.spender) ?? nothing;
    const last = owner.last?.of === budget ? sizesOf(owner.last) : [];
    const settled = partOf(target, (size, index) => settle(size, last[index] ?? 0, budget, index));
    return isNothing(settled) ? nothing : settled;
  }

  /** Gives one as much of its target as is sure not to be anybody else's. */
  #give(owner: ShareOwner, target: Part, targetHere: Part, budget: BudgetOptions): Part {
    const whole = wholeOf(budget);
    const free = partOf(whole, (size, index) => size - this.#takenByOthers(budget, index, owner));
    if (!isNothing(target)) {
      // The threads give up what is not theirs, which takes effect at once.
      const [most, here] = [sizesOf(less(free, target)), sizesOf(targetHere)];
      this.#apply(
        partOf(this.#own!, (size, index) => Math.min(size, Math.max(here[index]!, most[index]!, 0))),
      );
    }
    const [left, own] = [sizesOf(free), sizesOf(this.#own!)];
    const part = partOf(target, (size, index) => {
      const here = index < budget.limits.length ? own[index]! : Math.max(own[index]!, this.#inFlightHere);
      return Math.max(0, Math.min(size, left[index]! - here));
    });
    return isNothing(part) ? partOf(part, () => 0) : part;
  }

  /** The threads of this process have whatever nobody else has, or is about to get. */
  #grow(budget: BudgetOptions, targets: ReadonlyMap<Spender, Part>): void {
    const own = sizesOf(this.#own!);
    const owners = [...this.#owners.values()].filter(({ isGone }) => !isGone);
    const wanted = owners.map((owner) => sizesOf(targets.get(owner.spender)!));
    this.#apply(
      partOf(wholeOf(budget), (size, index) => {
        const taken = this.#takenByOthers(budget, index);
        const lacking = owners.reduce((sum, owner, at) => {
          const has = index < budget.limits.length ? owner.taken(budget, index) : owner.places();
          return sum + Math.max(0, wanted[at]![index]! - has);
        }, 0);
        return Math.max(own[index]!, size - taken - lacking);
      }),
    );
  }

  #apply(own: Part): void {
    const before = sizesOf(this.#own!);
    if (sizesOf(own).some((size, index) => size !== before[index])) this.#share(this.#budget!, own);
  }

  /**
   * Makes a part of a budget that of the threads.
   *
   * @throws {RateTableFullError} and then they have what they had.
   */
  #share(budget: BudgetOptions, own: Part): void {
    const { rates, ref } = this.#parts;
    rates.share(ref, { budget: budgetOfPart(budget, own), endNs: 0n });
    this.#budget = budget;
    // They may have spent more of a quota than its part is now, up to the instant at which that took effect.
    const { quotaSpent } = rates.need(ref);
    this.#own = { ...own, limits: own.limits.map((size, index) => Math.max(size, quotaSpent[index] ?? 0)) };
  }

  /** @param index - Of a limit; behind the last, the places in flight. */
  #takenByOthers(budget: BudgetOptions, index: number, except?: ShareOwner): number {
    const isLimit = index < budget.limits.length;
    let taken = isLimit && isQuota(budget.limits[index]!) ? (this.#lost[index] ?? 0) : 0;
    for (const owner of this.#owners.values()) {
      if (owner !== except) taken += isLimit ? owner.taken(budget, index) : owner.places();
    }
    return taken;
  }

  #forget(name: string, owner: ShareOwner): void {
    this.#owners.delete(name);
    const { limits } = this.#budget!;
    this.#lost = limits.map((limit, index) =>
      isQuota(limit) ? (this.#lost[index] ?? 0) + owner.spentOf(index) : 0,
    );
  }

  /** The threads have the whole again, unless something of it was spent elsewhere for good. */
  #end(): void {
    if (this.#lost.some((permits) => permits > 0)) return;
    this.#own = undefined;
    this.#budget = undefined;
    this.#parts.rates.unshare(this.#parts.ref);
  }

  /**
   * Begins a cooldown of another process here, and lets all others know of one that is new.
   *
   * @param cooldownMs - What is left of one that began at an owner.
   */
  #cool(cooldownMs: number, from: string | undefined): void {
    const { rates, ref, clock } = this.#parts;
    if (cooldownMs > rates.status(ref).cooldownMs + SAME_COOLDOWN_MS) rates.cooldown(ref, cooldownMs);
    const until = clock.now() + BigInt(Math.round(rates.status(ref).cooldownMs * 1e6));
    if (until <= this.#cooledUntil + BigInt(SAME_COOLDOWN_MS * 1e6)) return;
    const isNew = rates.status(ref).cooldownMs > 0;
    this.#cooledUntil = until;
    if (!isNew) return;
    for (const [name, { isGone }] of this.#owners) if (!isGone && name !== from) this.#parts.onNudge(name);
  }

  /** Asks the one to ask whose turn it is, and who has not yet what it needs. */
  #nudgeTurn(
    targets: ReadonlyMap<Spender, Part>,
    budget: BudgetOptions,
    now: Nanos,
    except: ShareOwner | undefined,
  ): void {
    const { spender } = this.#turns;
    for (const [name, owner] of this.#owners) {
      if (owner.spender !== spender || owner === except || now - owner.nudgedAt < NUDGE_NS) continue;
      const target = targets.get(owner.spender);
      if (!target || !isLess(this.#has(owner, budget), target)) continue;
      owner.nudgedAt = now;
      this.#parts.onNudge(name);
    }
  }

  #has(owner: ShareOwner, budget: BudgetOptions): Part {
    return partOf(wholeOf(budget), (_, index) =>
      index < budget.limits.length ? owner.taken(budget, index) : owner.places(),
    );
  }

  /** Asks those to ask again that have more than their part, so that they give it up before its time is over. */
  #nudgeOthers(
    targets: ReadonlyMap<Spender, Part>,
    budget: BudgetOptions,
    now: Nanos,
    except: string | undefined,
  ): void {
    for (const [name, owner] of this.#owners) {
      const target = targets.get(owner.spender);
      if (owner.isGone || name === except || !target || now - owner.nudgedAt < NUDGE_NS) continue;
      if (!isLess(target, this.#has(owner, budget))) continue;
      owner.nudgedAt = now;
      this.#parts.onNudge(name);
    }
  }
}

const SAME_COOLDOWN_MS = 2;
