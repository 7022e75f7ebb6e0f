import { glance, glanceLong } from '../../shared-memory/glance.js';
import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { Limit, LimitSite } from './limit.js';
import { differenceOf, toNumber } from './to-number.js';
import { BLOCKED, GRANTED, MOVED, NEVER, STALE, type Verdict } from './verdict.js';

/**
 * A rate with a burst, in one 64-bit cell of shared memory. The cell holds the instant at which
 * everything spent so far will have been earned back (the theoretical arrival time), so that check and
 * take are one compare-and-swap and nothing has to be refilled. Over any time `t`, granted ≤ burst + rate
 * × t.
 *
 * For a quota (rate 0) the clock stands still, so it grants the burst once. Without a burst it grants
 * nothing, which blocks the budget.
 *
 * @see ITU-T I.371, generic cell rate algorithm, virtual scheduling form.
 */
export class GcraLimit implements Limit {
  readonly permits: number;
  readonly permitsOfWhole: number;
  readonly nsPerPermit: bigint;
  readonly #cells: BigInt64Array;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #versionAt: number;
  readonly #version: number;
  readonly #burst: bigint;
  /** How far ahead of now the cell may be for one more permit to be granted. */
  readonly #slackOfOne: bigint;
  /** The same in doubles; `NaN` if that is not exact. */
  readonly #slackOfOneNs: number;
  /** A quota: its clock stands still. */
  readonly isQuota: boolean;
  /** What a quota answers that has not enough. */
  readonly #refusal: Verdict;
  /** The last undoable take: the cell before and after it. */
  #before = MOVED;
  #after = MOVED;

  constructor(memory: RateMemory, site: LimitSite) {
    const { scope, set, index, version, parameters } = site;
    this.permits = parameters.permits;
    this.permitsOfWhole = parameters.permitsOfWhole;
    this.nsPerPermit = parameters.ns;
    this.#cells = memory.b64;
    this.#words = memory.i32;
    this.#at = memory.cellAt(scope, set, index);
    this.#versionAt = memory.versionAt(scope);
    this.#version = version;
    this.#burst = parameters.burstNs;
    this.#slackOfOne = parameters.burstNs - parameters.ns;
    const slackNs = Number(this.#slackOfOne);
    this.#slackOfOneNs = Number.isSafeInteger(slackNs) ? slackNs : Number.NaN;
    this.isQuota = parameters.kind === 'quota';
    this.#refusal = parameters.permits === 0 ? BLOCKED : NEVER;
  }

  peek(instant: bigint, cost: number): Verdict {
    const now = this.isQuota ? 0n : instant;
    const earnedBackAt = Atomics.load(this.#cells, this.#at);
    if (Atomics.load(this.#words, this.#versionAt) !== this.#version) return STALE;
    if (earnedBackAt === MOVED) return STALE;
    const slack = cost === 1 ? this.#slackOfOne : this.#burst - this.nsPerPermit * BigInt(cost);
    const wait = BigInt.asIntN(64, earnedBackAt - now - slack);
    return this.isQuota && wait > 0n ? this.#refusal : toNumber(wait);
  }

  /**
   * `take(now, 1)` of a rate, for callers that do little else: in doubles as far as that is exact, 30 ns
   * less than with bigints (bench `try-acquire`).
   */
  takeOne(now: bigint): Verdict {
    const earnedBackAt = glanceLong(this.#cells, this.#at);
    // After the cell: see `take`.
    if (glance(this.#words, this.#versionAt) !== this.#version) return STALE;
    const ahead = differenceOf(earnedBackAt, now);
    const slack = this.#slackOfOneNs;
    if (ahead > slack && ahead <= Number.MAX_SAFE_INTEGER) return ahead - slack;
    // `take` also knows the cases that are left: a closed cell, and what is too far away for doubles.
    if (!(ahead <= slack) || earnedBackAt === MOVED) return this.take(now, 1);
    const next = BigInt.asIntN(64, (ahead > 0 ? earnedBackAt : now) + this.nsPerPermit);
    const found = Atomics.compareExchange(this.#cells, this.#at, earnedBackAt, next);
    return found === earnedBackAt ? GRANTED : this.take(now, 1); // another thread was faster
  }

  take(instant: bigint, cost: number, undoable = false): Verdict {
    const now = this.isQuota ? 0n : instant;
    let price = this.nsPerPermit;
    let slack = this.#slackOfOne;
    if (cost !== 1) {
      price = BigInt.asIntN(64, this.nsPerPermit * BigInt(cost));
      slack = BigInt.asIntN(64, this.#burst - price);
    }
    // The version after the cell: if the parameters are outdated, the cell is too, and the swap below must
    // fail. It is the swap that grants. A refusal is that of a moment ago.
    let earnedBackAt = glanceLong(this.#cells, this.#at);
    if (glance(this.#words, this.#versionAt) !== this.#version) return STALE;
    for (;;) {
      if (earnedBackAt === MOVED) return STALE;
      const ahead = BigInt.asIntN(64, earnedBackAt - now);
      if (ahead > slack) return this.isQuota ? this.#refusal : toNumber(BigInt.asIntN(64, ahead - slack));
      const next = BigInt.asIntN(64, (ahead > 0n ? earnedBackAt : now) + price);
      const found = Atomics.compareExchange(this.#cells, this.#at, earnedBackAt, next);
      if (found === earnedBackAt) {
        if (undoable) {
          this.#before = earnedBackAt;
          this.#after = next;
        }
        return GRANTED;
      }
      earnedBackAt = found; // lost the race to another thread; the system as a whole still makes progress
    }
  }

  /**
   * Works only if nobody has spent since: the cell is then restored exactly. Subtracting the price from a
   * cell that has moved on would over-admit, since part of the price may be earned back, or a later
   * reservation may have been placed behind it.
   */
  undo(): boolean {
    const after = this.#after;
    if (after === MOVED) return false;
    this.#after = MOVED; // once
    return Atomics.compareExchange(this.#cells, this.#at, after, this.#before) === after;
  }

  undoLater(): () => boolean {
    const before = this.#before;
    let after = this.#after;
    return () => {
      if (after === MOVED) return false;
      const found = Atomics.compareExchange(this.#cells, this.#at, after, before);
      const isUndone = found === after;
      after = MOVED; // once
      return isUndone;
    };
  }

  raiseUsed(instant: bigint, permits: number): void {
    const used = this.nsPerPermit * BigInt(permits);
    this.#raise((this.isQuota ? 0n : instant) + (used < this.#burst ? used : this.#burst));
  }

  spendBurstUntil(instant: bigint): void {
    if (!this.isQuota) this.#raise(instant + this.#slackOfOne);
  }

  #raise(to: bigint): void {
    let earnedBackAt = Atomics.load(this.#cells, this.#at);
    while (earnedBackAt !== MOVED && earnedBackAt < to) {
      if (Atomics.load(this.#words, this.#versionAt) !== this.#version) return;
      const found = Atomics.compareExchange(this.#cells, this.#at, earnedBackAt, to);
      if (found === earnedBackAt) return;
      earnedBackAt = found;
    }
  }

  /** Closes the cell, which answers `STALE` from now on, and returns what it held. */
  retire(): bigint {
    return Atomics.exchange(this.#cells, this.#at, MOVED);
  }

  reservedUntil(instant: bigint): bigint {
    // At most the burst can be spent ahead at once; anything beyond it was reserved. A quota reserves nothing.
    const until = Atomics.load(this.#cells, this.#at) - this.#burst;
    return this.isQuota || until < instant ? instant : until;
  }

  /** Permits of a quota that are spent, which may be more than it has since it was made smaller; 0 of a rate. */
  get quotaSpent(): number {
    const earnedBackAt = Atomics.load(this.#cells, this.#at);
    if (!this.isQuota || earnedBackAt === MOVED || earnedBackAt <= 0n) return 0;
    return Number((earnedBackAt + this.nsPerPermit - 1n) / this.nsPerPermit);
  }

  left(instant: bigint): number {
    const now = this.isQuota ? 0n : instant;
    const earnedBackAt = Atomics.load(this.#cells, this.#at);
    if (earnedBackAt === MOVED || this.nsPerPermit === 0n) return 0;
    const ahead = earnedBackAt > now ? earnedBackAt - now : 0n;
    const left = (this.#burst - ahead) / this.nsPerPermit;
    return left > 0n ? Number(left) : 0;
  }
}
