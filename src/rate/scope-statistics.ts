import type { RateMemory } from '../protocol/rate-memory.js';

const COUNTERS = ['permits', 'granted', 'refused', 'waited', 'waitedUs', 'timedOut', 'aborted'] as const;
type Counter = (typeof COUNTERS)[number];

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
    this.#add(0, cost);
    this.#add(1, 1);
  }

  add(counter: Exclude<Counter, 'permits' | 'granted'>, amount = 1): void {
    this.#add(COUNTERS.indexOf(counter), amount);
  }

  #add(counter: number, amount: number): void {
    const at = this.#at + 2 * counter;
    const sum = this.#words[at]! + amount;
    this.#words[at] = sum;
    if (sum > 0xffff_ffff) this.#words[at + 1]! += Math.floor(sum / 0x1_0000_0000);
  }
}

/** Sums over all members. */
export function readCounters(memory: RateMemory, scope: number): ScopeCounters {
  const sums = COUNTERS.map((_, counter) => {
    let sum = 0;
    for (let member = 0; member < memory.sizes.threadsMax; member++) {
      sum += readWide(memory.u32, memory.statisticsAt(member, scope) + 2 * counter);
    }
    return sum;
  });
  return Object.fromEntries(COUNTERS.map((name, i) => [name, sums[i]!])) as unknown as ScopeCounters;
}

function readWide(words: Uint32Array, at: number): number {
  for (;;) {
    const high = Atomics.load(words, at + 1);
    const low = Atomics.load(words, at);
    if (Atomics.load(words, at + 1) === high) return high * 0x1_0000_0000 + low;
  }
}
