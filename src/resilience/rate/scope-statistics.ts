import type { RateMemory } from '../../shared-memory/rate-memory.js';

const CELLS = {
  granted: 0,
  /** Permits beyond one a call: most calls take one, and then there is one counter to move. */
  permitsMore: 1,
  refused: 2,
  waited: 3,
  waitedUs: 4,
  timedOut: 5,
  aborted: 6,
} as const;

/** What a scope has seen, over all threads, since it was declared. */
export interface ScopeCounters {
  /** Permits given. */
  readonly permits: number;
  /** Calls that got their permits. */
  readonly granted: number;
  /** Calls of `tryAcquire` and `reserve` that did not. */
  readonly refused: number;
  /** Calls of `acquire` that had to wait and got their permits. */
  readonly waited: number;
  /** Microseconds that they waited, together. */
  readonly waitedUs: number;
  /** Calls of `acquire` whose time was up. */
  readonly timedOut: number;
  /** Calls of `acquire` that were given up by a signal. */
  readonly aborted: number;
}

/**
 * A member's counters on one scope, written by its thread alone with plain stores (an atomic add would
 * cost more than the rest of a take), so a reader may see them a moment late. Each is one double, exact
 * up to 2⁵³ and stored whole: of two words, a reader could see one with the carry and one without it.
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

/** Sums over all members. */
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
