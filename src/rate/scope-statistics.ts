import type { RateMemory } from '../protocol/rate-memory.js';

/** Places of the counters, two words each. */
const CELLS = {
  granted: 0,
  /** Permits beyond one a call: most calls take one, and then there is one counter to move. */
  permitsMore: 2,
  refused: 4,
  waited: 6,
  waitedUs: 8,
  timedOut: 10,
  aborted: 12,
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
 * A member's counters on one scope: 64 bits in two words, written by its thread alone with plain
 * stores (an atomic add would cost more than the rest of a take), so a reader may see them a moment late.
 */
export class ScopeStatistics {
  readonly #words: Uint32Array;
  readonly #at: number;

  constructor(memory: RateMemory, member: number, scope: number) {
    this.#words = memory.u32;
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
    const at = this.#at + cell;
    const sum = this.#words[at]! + amount;
    this.#words[at] = sum;
    if (sum > 0xffff_ffff) this.#words[at + 1]! += Math.floor(sum / 0x1_0000_0000);
  }
}

/** Sums over all members. */
export function readCounters(memory: RateMemory, scope: number): ScopeCounters {
  const sum = (cell: number) => {
    let total = 0;
    for (let member = 0; member < memory.sizes.threadsMax; member++) {
      total += readWide(memory.u32, memory.statisticsAt(member, scope) + cell);
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

function readWide(words: Uint32Array, at: number): number {
  for (;;) {
    const high = Atomics.load(words, at + 1);
    const low = Atomics.load(words, at);
    if (Atomics.load(words, at + 1) === high) return high * 0x1_0000_0000 + low;
  }
}
