import type { Nanos } from '../../core/units.js';
import type { BudgetOptions } from '../rate/budget-options.js';
import { isQuota, sizeOf } from './parts.js';

/** What is known at one time of those who spend from a budget, here or in another process. */
export interface SpenderReport {
  /** Permits granted since the budget was declared there. */
  readonly permits: number;
  /** Whether calls wait, or were refused since the last report. */
  readonly isShort: boolean;
  /** The largest cost that the share was too small for since then; 0: none. */
  readonly wanted: number;
}

/** The part of the usage that is remembered from one report to the next. */
const REMEMBERED = 0.7;
/** What is given above the usage, so that it can grow without being refused. */
const HEADROOM = 1.5;
const INTERVAL_NS_MIN = 50_000_000n;

/** One who spends from a budget: how much of it it can use, and since when it lacks something. */
export class Spender {
  /** As of when its usage was last looked at. */
  #permits: number | undefined;
  #spent = 0;
  #at: Nanos;
  /** Part of the budget that it uses. */
  #usage = 0;
  #shortUntil = 0n;
  #wanted = 0;
  /** How often it was granted something: those that were not for the longest time have their turn. */
  turnedAt = 0n;

  constructor(now: Nanos) {
    this.#at = now;
  }

  /** @param calmNs - For how long one that lacked something counts as one that does. */
  report(
    { permits, isShort, wanted }: SpenderReport,
    budget: BudgetOptions,
    now: Nanos,
    calmNs: bigint,
  ): void {
    this.#spent = Math.max(this.#spent, permits);
    const granted = this.#permits === undefined ? 0 : Math.max(0, permits - this.#permits);
    const elapsed = now - this.#at;
    if (this.#permits === undefined) this.#permits = permits;
    if (elapsed >= INTERVAL_NS_MIN) {
      this.#permits = permits;
      this.#at = now;
      this.#usage = Math.max(usageOf(granted, Number(elapsed), budget), REMEMBERED * this.#usage);
    }
    if (granted > 0) this.#wanted = 0; // it was served
    if (wanted > this.#wanted) this.#wanted = wanted;
    if (isShort || wanted > 0) this.#shortUntil = now + calmNs;
    if (!this.isShort(now)) this.#wanted = 0;
  }

  isShort(now: Nanos): boolean {
    return this.#shortUntil > now;
  }

  /** Permits that a call of it needs at once. */
  get need(): number {
    return Math.max(1, this.#wanted);
  }

  /** Permits granted, as last reported. */
  get permits(): number {
    return this.#spent;
  }

  /** The part of the budget that it can use, 0 to 1. */
  demand(now: Nanos): number {
    return this.isShort(now) ? 1 : Math.min(1, HEADROOM * this.#usage);
  }
}

/** The part of a budget that permits are which were granted in a time. A quota is used up by a part of it. */
function usageOf(permits: number, elapsedNs: number, { limits }: BudgetOptions): number {
  if (permits === 0) return 0;
  return Math.max(
    0,
    ...limits.map((limit) =>
      isQuota(limit)
        ? permits / Math.max(1, sizeOf(limit))
        : (permits * limit.per) / (limit.permits * elapsedNs),
    ),
  );
}
