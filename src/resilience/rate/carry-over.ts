import type { LimitParameters } from '../../shared-memory/rate-memory.js';
import { GcraLimit } from './gcra-limit.js';
import type { Limit } from './limit.js';
import type { RollingLimit } from './rolling-limit.js';

/** What was spent from a limit, for the one that takes its place. */
export interface Spent {
  readonly kind: LimitParameters['kind'];
  /** Permits that are not earned back, as a fraction. */
  readonly ns: bigint;
  readonly nsPerPermit: bigint;
  /** When the last reservation may be, or now. */
  readonly reservedUntil: bigint;
  /** Of `ns`: what is not earned back by then. */
  readonly nsThen: bigint;
  /** Ns that a permit takes at the steady rate. */
  readonly interval: bigint;
  /** Of `ns`: what was reserved behind a cooldown under way, which fills the cell with a burst itself. */
  readonly behindCooldown?: bigint;
  /** Of a rolling window: when its permits were given, oldest first. */
  readonly instants: readonly bigint[];
}

/** The instants that count at a change. */
export interface ChangeTimes {
  readonly now: bigint;
  /** Until when a cooldown lasts. */
  readonly blockedUntil: bigint;
}

/** Closes a limit. */
export function retire(
  limit: Limit,
  parameters: LimitParameters,
  { now, blockedUntil }: ChangeTimes,
  /** Of a rolling window: permits that its ring had no room for from the beginning. */
  older: readonly bigint[] = [],
): Spent {
  const { kind, ns, burstNs } = parameters;
  const none = { kind, interval: limit.nsPerPermit, reservedUntil: now, instants: [] };
  if (limit instanceof GcraLimit) {
    const earnedBackAt = limit.retire();
    if (kind === 'gcra' && blockedUntil > now) {
      const spent = later(0n, earnedBackAt - blockedUntil);
      const behindCooldown = later(0n, spent - (burstNs - ns));
      return { ...none, ns: spent, nsPerPermit: ns, nsThen: spent, behindCooldown };
    }
    const start = kind === 'quota' ? 0n : now;
    // No more than the burst is spent ahead at once: what is further off was reserved, or is a debt.
    const reservedUntil = later(start, earnedBackAt - burstNs);
    const spent = later(0n, earnedBackAt - start);
    return {
      ...none,
      ns: spent,
      nsPerPermit: ns,
      reservedUntil,
      nsThen: later(0n, earnedBackAt - reservedUntil),
    };
  }
  const instants = [...older, ...(limit as RollingLimit).retire()];
  const counting = instants.filter((instant) => instant > now - ns);
  const spent = BigInt(counting.length);
  const reservedUntil = later(now, counting.at(-1) ?? now);
  return { ...none, ns: spent, nsPerPermit: 1n, reservedUntil, nsThen: spent, instants };
}

/**
 * Which of the old limits each new one goes on from: the one most like it, so that limits may be
 * added, removed and written in another order. One that is left over goes on from what is spent
 * most, as far as it has a burst: too few is safe.
 */
export function carryOver(
  limits: readonly LimitParameters[],
  before: readonly Spent[],
): readonly { readonly spent: Spent | undefined; readonly isOwn: boolean }[] {
  const pairs = limits
    .flatMap((limit, to) => before.map((spent, of) => ({ to, of, distance: distance(limit, spent) })))
    .sort((a, b) => a.distance - b.distance);
  const found = new Map<number, number>();
  const taken = new Set<number>();
  for (const { to, of } of pairs) {
    if (found.has(to) || taken.has(of)) continue;
    found.set(to, of);
    taken.add(of);
  }
  const [most] = [...before].sort((a, b) => Number(b.ns * a.nsPerPermit - a.ns * b.nsPerPermit));
  return limits.map((_, to) => {
    const of = found.get(to);
    return of === undefined ? { spent: most, isOwn: false } : { spent: before[of], isOwn: true };
  });
}

/** What the cell of a new limit begins with. */
export function earnedBackAt(
  limit: LimitParameters,
  { spent, isOwn }: { readonly spent: Spent | undefined; readonly isOwn: boolean },
  { now, blockedUntil }: ChangeTimes,
): bigint {
  const isQuota = limit.kind === 'quota';
  const inNewTime = (ns: bigint) => (spent === undefined ? 0n : roundUp(ns * limit.ns, spent.nsPerPermit));
  const isCooling = !isQuota && blockedUntil > now;
  // A cooldown under way is in the cell, too, by the burst and the rate that it has now.
  const cooledUntil = isCooling ? blockedUntil + limit.burstNs - limit.ns : 0n;
  if (isCooling && spent?.behindCooldown !== undefined) return cooledUntil + inNewTime(spent.behindCooldown);

  const owed = inNewTime(spent?.ns ?? 0n);
  const at = (isQuota ? 0n : now) + (isOwn || owed < limit.burstNs ? owed : limit.burstNs);
  if (isQuota || spent === undefined) return later(at, cooledUntil);
  // A reservation keeps its instant, so what follows it does so at the new rate.
  const isReserved = spent.reservedUntil > now;
  return later(later(at, cooledUntil), isReserved ? spent.reservedUntil + inNewTime(spent.nsThen) : 0n);
}

/** The permits that a new rolling window begins with, oldest first; its ring may have no room for all. */
export function instantsOf(limit: LimitParameters, spent: Spent | undefined, now: bigint): readonly bigint[] {
  if (spent === undefined) return [];
  if (spent.kind === 'rolling') return spent.instants;
  const permits = Number(roundUp(spent.ns, spent.nsPerPermit));
  return new Array<bigint>(Math.min(permits, limit.permits)).fill(later(now, spent.reservedUntil));
}

/** How unlike a new limit is to an old one. */
function distance(limit: LimitParameters, { kind, interval }: Spent): number {
  const own = limit.kind === 'rolling' ? Number(limit.ns) / limit.permits : Number(limit.ns);
  return Math.abs(Math.log(own / Number(interval))) + (limit.kind === kind ? 0 : 1);
}

const roundUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
