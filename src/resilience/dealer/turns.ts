import type { Nanos } from '../../core/units.js';
import type { BudgetOptions } from '../rate/budget-options.js';
import { isQuota, isWindow, sizeOf } from './parts.js';
import type { Spender } from './spender.js';

/** Whose turn it is to get what it needs, though that is more than its fair part. */
interface Turn {
  readonly spender: Spender;
  readonly need: number;
  readonly permits: number;
  readonly fromNs: bigint;
  readonly untilNs: bigint;
}

/**
 * Those whose fair part is less than a call of theirs costs would never be served: they get what they need one after
 * the other, those first that had no turn for the longest time.
 */
export class Turns {
  readonly #ttlNs: bigint;
  #turn: Turn | undefined;

  constructor(ttlNs: bigint) {
    this.#ttlNs = ttlNs;
  }

  /**
   * @param starved - Those whose fair part is too small for what they need.
   * @returns Whose turn it is.
   */
  next(starved: readonly Spender[], budget: BudgetOptions, now: Nanos): Spender | undefined {
    if (this.#turn && this.#isOver(this.#turn, now)) {
      this.#turn.spender.turnedAt = now;
      this.#turn = undefined;
    }
    if (!this.#turn && starved.length > 0) {
      const spender = starved.reduce((first, one) => (one.turnedAt < first.turnedAt ? one : first));
      const { need, permits } = spender;
      const untilNs = now + 3n * this.#ttlNs + 2n * earnNs(need, budget);
      this.#turn = { spender, need, permits, fromNs: now, untilNs };
    }
    return this.#turn?.spender;
  }

  /** Ends the turn of one that is gone. */
  leave(spender: Spender): void {
    if (this.#turn?.spender === spender) this.#turn = undefined;
  }

  /** Whose turn it is. */
  get spender(): Spender | undefined {
    return this.#turn?.spender;
  }

  #isOver({ spender, need, permits, fromNs, untilNs }: Turn, now: Nanos): boolean {
    if (now >= untilNs || !spender.isShort(now) || spender.need < need) return true;
    // Small calls of the same process say nothing of a large one. With each turn, what was saved up is lost.
    return need === 1 && spender.permits > permits && now - fromNs >= this.#ttlNs / TURNS_PER_TTL;
  }
}

const TURNS_PER_TTL = 4n;

/** Ns in which a budget earns so many permits. */
function earnNs(permits: number, { limits }: BudgetOptions): bigint {
  const longest = limits.map((limit) => {
    if (isQuota(limit)) return 0;
    return isWindow(limit) ? limit.per : (Math.min(permits, sizeOf(limit)) * limit.per) / limit.permits;
  });
  return BigInt(Math.ceil(Math.max(0, ...longest)));
}
