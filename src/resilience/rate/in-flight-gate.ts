import type { RateMemory, ScopeParameters } from '../../shared-memory/rate-memory.js';

/** Where the lease words lie, and which gate of the table they belong to: words are used again. */
type GateSite = Pick<ScopeParameters, 'gateAt' | 'gateLife' | 'leasesMax'>;

/** No lease: the gate is full. */
export const GATE_FULL = -1;

const MEMBER_BITS = 13;
/** Lives of lease words that are told apart. */
export const GATE_LIVES = 2 ** (31 - MEMBER_BITS);

/**
 * A cap on calls in flight. Each call holds one of `leases` words, which says whose it is and in
 * which life of the words: so a take is one compare-and-swap, what is taken is exactly what can be
 * given back, what a dead thread held is found and given back once, and a call that ends long after
 * its scope was removed frees nothing of the scope that has the words then.
 */
export class InFlightGate {
  readonly callsMax: number;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #leases: number;
  readonly #life: number;
  /** Where the next search begins: behind the last lease, since those before it are likely held. */
  #next: number | undefined;

  /** @param callsMax - The cap. Leases past it may still be held, from when it was higher. */
  constructor(memory: RateMemory, { gateAt, gateLife, leasesMax }: GateSite, callsMax: number) {
    this.callsMax = callsMax;
    this.#words = memory.i32;
    this.#at = memory.arenaAt(gateAt) * 2;
    this.#leases = leasesMax;
    this.#life = (gateLife % GATE_LIVES) << MEMBER_BITS;
  }

  /**
   * @param member - Who takes it.
   * @returns The lease, to be given back by the same member; or `GATE_FULL`.
   */
  enter(member: number): number {
    const open = this.#open();
    // Members begin at different places, so that they seldom want the same word.
    const first = this.#next ?? member * 17;
    for (let tried = 0; tried < open; tried++) {
      const lease = (first + tried) % open;
      if (Atomics.load(this.#words, this.#at + lease) !== 0) continue;
      if (Atomics.compareExchange(this.#words, this.#at + lease, 0, this.#holder(member)) !== 0) continue;
      this.#next = lease + 1;
      return lease;
    }
    return GATE_FULL;
  }

  isFull(): boolean {
    return this.inFlight() >= this.callsMax;
  }

  /** @returns Whether it was the member's: a lease is given back once. */
  leave(member: number, lease: number): boolean {
    const holder = this.#holder(member);
    return Atomics.compareExchange(this.#words, this.#at + lease, holder, 0) === holder;
  }

  /** Gives back all that a member holds. */
  leaveAll(member: number): number {
    let left = 0;
    for (let lease = 0; lease < this.#leases; lease++) if (this.leave(member, lease)) left++;
    return left;
  }

  inFlight(): number {
    let held = 0;
    for (let lease = 0; lease < this.#leases; lease++) if (this.#isHeld(lease)) held++;
    return held;
  }

  /**
   * How many of the first words may be taken: so few that, all of them taken, no more than the cap is
   * held with those past them. After the cap was lowered the latter count; they only get fewer, since
   * nobody takes one.
   */
  #open(): number {
    let open = this.#leases;
    let heldPast = 0;
    while (open > 0 && open + heldPast > this.callsMax) if (this.#isHeld(--open)) heldPast++;
    return open;
  }

  #isHeld(lease: number): boolean {
    return Atomics.load(this.#words, this.#at + lease) !== 0;
  }

  #holder(member: number): number {
    return this.#life | (member + 1);
  }
}
