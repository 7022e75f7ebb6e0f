import type { RateMemory } from '../../shared-memory/rate-memory.js';

const CELLS = {
  granted: 0,
  /** Permits beyond the first of each call. Most calls take one, and then only one counter has to change. */
  permitsMore: 1,
  refused: 2,
  waited: 3,
  waitedUs: 4,
  timedOut: 5,
  aborted: 6,
} as const;

/** Counters of a scope since it was declared, over all threads. */
export interface ScopeCounters {
  /** Permits granted. */
  readonly permits: number;
  /** Calls that got their permits. */
  readonly granted: number;
  /** Calls of `tryAcquire` and `reserve` that did not get their permits. */
  readonly refused: number;
  /** Calls of `acquire` that had to wait and got their permits. */
  readonly waited: number;
  /** Microseconds that those calls waited, in total. */
  readonly waitedUs: number;
  /** Calls of `acquire` that timed out. */
  readonly timedOut: number;
  /** Calls of `acquire` that a signal aborted. */
  readonly aborted: number;
}

/**
 * A member's counters for one scope. Only its own thread writes them, with plain stores (an atomic add
 * would cost more than the rest of a take), so a reader may see them a moment late. Each is one double,
 * exact up to 2⁵³ and stored whole; with two words, a reader could see one word with the carry and the
 * other without it.
 */
export class ScopeStatistics {
  readonly #counters: Float64Array;
  readonly #at: number;

  constructor(memory: RateMemory, member: number, scope: number) {
    this.#counters = memory.f64;
    this.#at = memory.statisticsAt(member, scope);
  }

  granted(cost: number): void {
    this.#add(CELLS.granted, 1);
    if (cost > 1) this.#add(CELLS.permitsMore, cost - 1);
  }

  add(counter: Exclude<keyof ScopeCounters, 'permits' | 'granted'>, amount = 1): void {
    this.#add(CELLS[counter], amount);
  }

  #add(cell: number, amount: number): void {
    this.#counters[this.#at + cell]! += amount;
  }
}

/** Sums the counters over all members. */
export function readCounters(memory: RateMemory, scope: number): ScopeCounters {
  const sum = (cell: number) => {
    let total = 0;
    for (let member = 0; member < memory.sizes.threadsMax; member++) {
      total += memory.f64[memory.statisticsAt(member, scope) + cell]!;
    }
    return total;
  };
  const granted = sum(CELLS.granted);
  return {
    permits: granted + sum(CELLS.permitsMore),
    granted,
    refused: sum(CELLS.refused),
    waited: sum(CELLS.waited),
    waitedUs: sum(CELLS.waitedUs),
    timedOut: sum(CELLS.timedOut),
    aborted: sum(CELLS.aborted),
  };
}
