import type { RateMemory, ScopeParameters } from '../../shared-memory/rate-memory.js';

/** Where the lease words are and which gate of the table they belong to, since words are reused. */
type GateSite = Pick<ScopeParameters, 'gateAt' | 'gateLife' | 'leasesMax'>;

/** Returned instead of a lease when the gate is full. */
export const GATE_FULL = -1;

const MEMBER_BITS = 13;
/** How many lives of lease words can be told apart. */
export const GATE_LIVES = 2 ** (31 - MEMBER_BITS);

/**
 * A cap on calls in flight. Each call holds one of the `leases` words. The word says which member holds
 * it and in which life of the words, so that a take is one compare-and-swap and can be returned exactly
 * once. What a dead thread held can be found and freed. A call that ends long after its scope was removed
 * frees nothing of the scope that uses the words then.
 */
export class InFlightGate {
  readonly callsMax: number;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #leases: number;
  readonly #life: number;
  /** Where the next search begins: after the last lease, since the ones before it are likely held. */
  #next: number | undefined;

  /** @param callsMax - The cap. Leases beyond it may still be held from a time when it was higher. */
  constructor(memory: RateMemory, { gateAt, gateLife, leasesMax }: GateSite, callsMax: number) {
    this.callsMax = callsMax;
    this.#words = memory.i32;
    this.#at = memory.arenaAt(gateAt) * 2;
    this.#leases = leasesMax;
    this.#life = (gateLife % GATE_LIVES) << MEMBER_BITS;
  }

  /**
   * Takes a lease.
   *
   * @param member - The member that takes it.
   * @returns The lease, to be returned by the same member; or `GATE_FULL`.
   */
  enter(member: number): number {
    const open = this.#open();
    // Members start at different positions, so that they rarely compete for the same word.
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

  /** @returns Whether the member held it: a lease can be returned only once. */
  leave(member: number, lease: number): boolean {
    const holder = this.#holder(member);
    return Atomics.compareExchange(this.#words, this.#at + lease, holder, 0) === holder;
  }

  /** Frees every lease that a member holds. */
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
   * How many of the first words may be taken, so that the cap holds even if all of them are taken. After
   * the cap was lowered, leases beyond these words count against it. Their number only falls, since
   * nobody takes one there.
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
