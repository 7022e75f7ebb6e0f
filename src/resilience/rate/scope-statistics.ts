import { type RateMemory, STATISTICS_COUNTERS } from '../../shared-memory/rate-memory.js';
import { seatsAt } from './seats.js';

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
 * A member's counters for one scope, in its seat. Only its own thread writes them, with plain stores (an
 * atomic add would cost more than the rest of a take), so a reader may see them a moment late. Each is one
 * double, exact up to 2⁵³ and stored whole; with two words, a reader could see one word with the carry and
 * the other without it.
 */
export class ScopeStatistics {
  readonly #memory: RateMemory;
  readonly #counters: Float64Array;
  #at: number;

  /** @param seat - Slot of the member's seat at the scope. */
  constructor(memory: RateMemory, seat: number) {
    this.#memory = memory;
    this.#counters = memory.f64;
    this.#at = memory.countersAt(seat);
  }

  /** Goes on in another seat, since the scope was removed and declared again. */
  moveTo(seat: number): void {
    this.#at = this.#memory.countersAt(seat);
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

/** Sums the counters over all members, those that have left included. */
export function readCounters(memory: RateMemory, scope: number): ScopeCounters {
  const sums = Array.from({ length: STATISTICS_COUNTERS }, (_, cell) =>
    Number(Atomics.load(memory.b64, memory.totalsAt(scope) + cell)),
  );
  for (const seat of seatsAt(memory, scope)) {
    const at = memory.countersAt(seat);
    for (let cell = 0; cell < STATISTICS_COUNTERS; cell++) sums[cell]! += memory.f64[at + cell]!;
  }
  const of = (name: keyof typeof CELLS) => sums[CELLS[name]]!;
  return {
    permits: of('granted') + of('permitsMore'),
    granted: of('granted'),
    refused: of('refused'),
    waited: of('waited'),
    waitedUs: of('waitedUs'),
    timedOut: of('timedOut'),
    aborted: of('aborted'),
  };
}
