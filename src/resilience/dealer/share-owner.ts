import { InvalidOptionsError } from '../../core/errors.js';
import type { Nanos } from '../../core/units.js';
import type { BudgetOptions } from '../rate/budget-options.js';
import { type DealtPart, isQuota, takenOf } from './parts.js';
import { Spender } from './spender.js';

/** A part that an owner has or may still take. */
interface Given extends DealtPart {
  readonly request: number;
  readonly endNs: bigint;
}

/** Another process that spends from a budget, with all that it may still spend. */
export class ShareOwner {
  readonly spender: Spender;
  /** Whether it has ended: what it was given ends with its time. */
  isGone = false;
  /** When it was last asked to ask. */
  nudgedAt = 0n;
  #given: readonly Given[] = [];
  #holds = 0;
  /** The highest number of a request that it was given a part for. */
  #newest = 0;
  #inFlight = 0;
  /** Of quotas, which nobody gives back: what it may have spent for good, by limit. */
  #spent: readonly number[] = [];

  constructor(now: Nanos) {
    this.spender = new Spender(now);
  }

  /**
   * Notes what a request says of the parts that it has, and of its calls.
   *
   * @throws {InvalidOptionsError} if it was never given that part: what it has would be taken for given up.
   */
  holds(holds: number, inFlight: number): void {
    if (holds > this.#newest) {
      throw new InvalidOptionsError('request', [
        `holds: expected 0 to ${this.#newest}, the newest that was answered, found ${holds}`,
      ]);
    }
    this.#holds = Math.max(this.#holds, holds);
    this.#inFlight = inFlight;
    this.#given = this.#given.filter(({ request }) => request >= this.#holds);
  }

  /** Forgets what has ended. */
  expire(now: Nanos): void {
    for (const { endNs, limits } of this.#given) {
      if (endNs <= now) this.#spent = limits.map((size, index) => Math.max(size, this.#spent[index] ?? 0));
    }
    this.#given = this.#given.filter(({ endNs }) => endNs > now);
  }

  give(given: Given): void {
    this.#newest = Math.max(this.#newest, given.request);
    this.#given = [...this.#given, given];
  }

  /** The part that it was given last; `undefined` if that has ended. */
  get last(): Given | undefined {
    return this.#given.at(-1);
  }

  get hasGiven(): boolean {
    return this.#given.length > 0;
  }

  /** What it may still spend of one limit of a budget. */
  taken(budget: BudgetOptions, index: number): number {
    const given = Math.max(0, ...this.#given.map((part) => takenOf(part, budget, index)));
    return isQuota(budget.limits[index]!) ? Math.max(given, this.spentOf(index)) : given;
  }

  /** What it may have spent of a quota. */
  spentOf(index: number): number {
    return Math.max(this.spender.permits, this.#spent[index] ?? 0);
  }

  /** Places in flight that it may have, or has. */
  places(): number {
    return Math.max(0, this.isGone ? 0 : this.#inFlight, ...this.#given.map(({ places = 0 }) => places));
  }
}
