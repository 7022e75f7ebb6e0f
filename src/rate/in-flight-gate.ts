import type { RateMemory } from '../protocol/rate-memory.js';

/** No lease: the gate is full. */
export const GATE_FULL = -1;

/**
 * A cap on calls in flight. Each call holds one of `callsMax` lease words, which says whose it is:
 * so a take is one compare-and-swap, what is taken is exactly what can be given back, and what a
 * dead thread held is found and given back once.
 */
export class InFlightGate {
  readonly callsMax: number;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #leases: number;

  /** @param gateAt - First arena word of the leases. */
  constructor(memory: RateMemory, gateAt: number, callsMax: number, leases: number) {
    this.callsMax = callsMax;
    this.#words = memory.i32;
    this.#at = memory.arenaAt(gateAt) * 2;
    this.#leases = leases;
  }

  /**
   * @param member - Who takes it.
   * @returns The lease, to be given back by the same member; or `GATE_FULL`.
   */
  enter(member: number): number {
    // After the cap was lowered, leases past it are still held: they count.
    const open = this.callsMax - this.#heldFrom(this.callsMax);
    for (let tried = 0; tried < open; tried++) {
      // Members begin at different places, so that they seldom want the same word.
      const lease = (member * 17 + tried) % open;
      if (Atomics.load(this.#words, this.#at + lease) !== 0) continue;
      if (Atomics.compareExchange(this.#words, this.#at + lease, 0, member + 1) === 0) return lease;
    }
    return GATE_FULL;
  }

  isFull(): boolean {
    return this.inFlight() >= this.callsMax;
  }

  /** @returns Whether it was the member's: a lease is given back once. */
  leave(member: number, lease: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at + lease, member + 1, 0) === member + 1;
  }

  /** Gives back all that a member holds. */
  leaveAll(member: number): number {
    let left = 0;
    for (let lease = 0; lease < this.#leases; lease++) if (this.leave(member, lease)) left++;
    return left;
  }

  inFlight(): number {
    return this.#heldFrom(0);
  }

  #heldFrom(first: number): number {
    let held = 0;
    for (let lease = first; lease < this.#leases; lease++) {
      if (Atomics.load(this.#words, this.#at + lease) !== 0) held++;
    }
    return held;
  }
}
