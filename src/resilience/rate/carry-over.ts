import { FAR_NS, type LimitParameters } from '../../shared-memory/scope-record.js';
import { GcraLimit } from './gcra-permit-swap.js';
import type { Limit } from './limit.js';
import type { RollingLimit } from './rolling-permit-swap.js';

/** What was spent from a limit, for the limit that replaces it. */
export interface Spent {
  readonly kind: LimitParameters['kind'];
  /** Permits that are not yet earned back, times `nsPerPermit`; may be a fraction of a permit. */
  readonly ns: bigint;
  readonly nsPerPermit: bigint;
  /** What could still be spent at once, times `nsPerPermit`. */
  readonly leftNs: bigint;
  /** Instant of the last reservation, or now if there is none. */
  readonly reservedUntil: bigint;
  /** The part of `ns` that is not earned back by `reservedUntil`. */
  readonly nsThen: bigint;
  /** Ns that a permit takes at the steady rate. */
  readonly interval: bigint;
  /**
   * The part of `ns` that was reserved behind a cooldown in progress; the cooldown itself fills the cell
   * with a burst.
   */
  readonly behindCooldown?: bigint;
  /** Rolling window only: when its permits were granted, oldest first. */
  readonly instants: readonly bigint[];
}

/** What a new limit continues from. */
export interface Carried {
  readonly spent: Spent | undefined;
  /** Whether it is the same limit, as it was before. */
  readonly isOwn: boolean;
  /** Whether only what is left counts, and what was reserved; not how much was spent. */
  readonly hasNoDebt?: boolean;
}

/** The instants that matter when a budget changes. */
export interface ChangeTimes {
  readonly now: bigint;
  /** When the cooldown ends. */
  readonly blockedUntil: bigint;
}

/** Closes a limit and returns what was spent from it. */
export function retire(
  limit: Limit,
  parameters: LimitParameters,
  { now, blockedUntil }: ChangeTimes,
  /** Rolling window only: permits that its ring never had room for. */
  older: readonly bigint[] = [],
): Spent {
  const { kind, ns, burstNs } = parameters;
  const none = { kind, interval: limit.nsPerPermit, reservedUntil: now, instants: [] };
  if (limit instanceof GcraLimit) {
    const earnedBackAt = limit.retire();
    if (kind === 'gcra' && blockedUntil > now) {
      const spent = later(0n, earnedBackAt - blockedUntil);
      const behindCooldown = later(0n, spent - (burstNs - ns));
      const leftNs = later(0n, burstNs - spent);
      return { ...none, ns: spent, nsPerPermit: ns, leftNs, nsThen: spent, behindCooldown };
    }
    const start = kind === 'quota' ? 0n : now;
    // At most the burst can be spent ahead at once; anything beyond it was reserved or is a debt.
    const reservedUntil = later(start, earnedBackAt - burstNs);
    const spent = later(0n, earnedBackAt - start);
    return {
      ...none,
      ns: spent,
      nsPerPermit: ns,
      leftNs: later(0n, burstNs - spent),
      reservedUntil,
      nsThen: later(0n, earnedBackAt - reservedUntil),
    };
  }
  const instants = [...older, ...(limit as RollingLimit).retire()];
  const counting = instants.filter((instant) => instant > now - ns);
  const spent = BigInt(counting.length);
  const reservedUntil = later(now, counting.at(-1) ?? now);
  const leftNs = later(0n, BigInt(parameters.permits) - spent);
  return { ...none, ns: spent, nsPerPermit: 1n, leftNs, reservedUntil, nsThen: spent, instants };
}

/**
 * Decides which old limit each new one continues from: the most similar one, so that limits may be added,
 * removed and reordered. A new limit without a counterpart continues from the most spent one, up to its
 * own burst: granting too few is safe.
 */
export function carryOver(limits: readonly LimitParameters[], before: readonly Spent[]): readonly Carried[] {
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

/**
 * Each limit of a share goes on from the one of its index, if that is of its kind. Of a rate, what is left stays, and
 * what was spent is no debt: the share covered it, and who has it now begins with nothing saved up. So a share may
 * shrink and grow again without losing more than what it had saved up.
 */
export function carryByIndex(
  limits: readonly LimitParameters[],
  before: readonly Spent[],
): readonly Carried[] {
  return limits.map(({ kind }, index) => {
    const found = before[index];
    if (found?.kind !== kind) return { spent: undefined, isOwn: false };
    return { spent: found, isOwn: true, hasNoDebt: kind === 'gcra' };
  });
}

/**
 * The initial value of a new limit's cell. A larger burst is not there at once: it is saved up as any other. Else what
 * one limit has given up and another one is given could both be spent. A quota has no rate to save up by: its burst is
 * all that it ever grants, and a larger one grants the difference.
 */
export function earnedBackAt(
  limit: LimitParameters,
  { spent, isOwn, hasNoDebt = false }: Carried,
  { now, blockedUntil }: ChangeTimes,
): bigint {
  const isQuota = limit.kind === 'quota';
  // At a far lower rate, what was reserved may take longer than there are instants.
  const inNewTime = (ns: bigint) =>
    spent === undefined ? 0n : sooner(FAR_NS, roundUp(ns * limit.ns, spent.nsPerPermit));
  const isCooling = !isQuota && blockedUntil > now;
  // A cooldown in progress is in the cell as well, with the new burst and rate.
  const cooledUntil = isCooling ? blockedUntil + limit.burstNs - limit.ns : 0n;
  if (isCooling && spent?.behindCooldown !== undefined) return cooledUntil + inNewTime(spent.behindCooldown);

  /** Of what is left, as of an instant, no more than before. */
  const spentOf = (ns: bigint, leftNs: bigint) =>
    isOwn && !isQuota && spent !== undefined
      ? later(hasNoDebt ? 0n : inNewTime(ns), limit.burstNs - (leftNs * limit.ns) / spent.nsPerPermit)
      : inNewTime(ns);
  const owed = spent === undefined ? 0n : spentOf(spent.ns, spent.leftNs);
  const at = (isQuota ? 0n : now) + (isOwn || owed < limit.burstNs ? owed : limit.burstNs);
  if (isQuota || spent === undefined) return later(at, cooledUntil);
  // A reservation keeps its instant, so whatever comes after it follows at the new rate.
  const isReserved = spent.reservedUntil > now;
  // By then, all is spent that could be at once.
  const after = isReserved ? spent.reservedUntil + spentOf(spent.nsThen, 0n) : 0n;
  return later(later(at, cooledUntil), sooner(after, now + 2n * FAR_NS));
}

/**
 * The permits that a new rolling window begins with, oldest first. Its ring may be too small for all of
 * them. What it has more than the limit before it counts as granted now, and so is there after one window.
 */
export function instantsOf(
  limit: LimitParameters,
  { spent, isOwn }: Carried,
  now: bigint,
): readonly bigint[] {
  if (spent === undefined) return [];
  const left = isOwn ? Number(spent.leftNs / spent.nsPerPermit) : limit.permits;
  if (spent.kind === 'rolling') {
    const more = limit.permits - left - Number(spent.ns);
    if (more <= 0) return spent.instants;
    const reserved = spent.instants.filter((instant) => instant > now);
    const earlier = spent.instants.slice(0, spent.instants.length - reserved.length);
    return [...earlier, ...new Array<bigint>(more).fill(now), ...reserved];
  }
  const permits = Math.max(Number(roundUp(spent.ns, spent.nsPerPermit)), limit.permits - left);
  return new Array<bigint>(Math.min(permits, limit.permits)).fill(
    later(now, sooner(spent.reservedUntil, now + FAR_NS)),
  );
}

/** How different a new limit is from an old one. */
function distance(limit: LimitParameters, { kind, interval }: Spent): number {
  const own = limit.kind === 'rolling' ? Number(limit.ns) / limit.permits : Number(limit.ns);
  return Math.abs(Math.log(own / Number(interval))) + (limit.kind === kind ? 0 : 1);
}

const roundUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function sooner(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}
