import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { type ScopeParameters, SEGMENT_FIRST, segmentPlaces } from '../../shared-memory/scope-record.js';

/** Where the places are and which cap of the table they belong to, since places are used again. */
export type CapSite = Pick<ScopeParameters, 'segments' | 'capLife' | 'leasesMax'>;

/** Returned instead of a lease when the cap is reached. */
export const CAP_FULL = -1;

const MEMBER_BITS = 13;
const MEMBER_MASK = 2 ** MEMBER_BITS - 1;
/** How many caps can be told apart. */
export const CAP_LIVES = 2 ** (31 - MEMBER_BITS);

/**
 * A cap on calls in flight. Each call holds one of the cap's places, by a lease. The place says which
 * member holds it and in which cap, so that a take is one compare-and-swap and can be returned exactly
 * once. What a dead thread held can be found and freed. A call that ends long after its scope was removed
 * frees nothing of the scope that has the place then.
 */
export class InFlightCap {
  readonly callsMax: number;
  readonly #memory: RateMemory;
  readonly #segments: readonly number[];
  readonly #leases: number;
  readonly #life: number;
  /** Where the next search begins: after the last lease, since the ones before it are likely held. */
  #next: number | undefined;

  /** @param callsMax - The cap. Leases beyond it may still be held from a time when it was higher. */
  constructor(memory: RateMemory, { segments, capLife, leasesMax }: CapSite, callsMax: number) {
    this.callsMax = callsMax;
    this.#memory = memory;
    this.#segments = segments;
    this.#leases = leasesMax;
    this.#life = (capLife % CAP_LIVES) << MEMBER_BITS;
  }

  /**
   * Takes a lease.
   *
   * @param member - The member that takes it.
   * @returns The lease, to be returned by the same member; or `CAP_FULL`.
   */
  enter(member: number): number {
    const open = this.#open();
    const { i32 } = this.#memory;
    // Members start at different positions, so that they rarely compete for the same word.
    const first = this.#next ?? member * 17;
    for (let tried = 0; tried < open; tried++) {
      const lease = (first + tried) % open;
      const at = this.#wordOf(lease);
      if (Atomics.load(i32, at) !== 0) continue;
      if (Atomics.compareExchange(i32, at, 0, this.#holder(member)) !== 0) continue;
      this.#next = lease + 1;
      return lease;
    }
    return CAP_FULL;
  }

  isFull(): boolean {
    return this.inFlight() >= this.callsMax;
  }

  /** @returns Whether the member held it: a lease can be returned only once. */
  leave(member: number, lease: number): boolean {
    const holder = this.#holder(member);
    return Atomics.compareExchange(this.#memory.i32, this.#wordOf(lease), holder, 0) === holder;
  }

  inFlight(): number {
    let held = 0;
    for (let lease = 0; lease < this.#leases; lease++) if (this.#isHeld(lease)) held++;
    return held;
  }

  /** Whether no lease from this one on is held. */
  isEmptyFrom(first: number): boolean {
    for (let lease = first; lease < this.#leases; lease++) if (this.#isHeld(lease)) return false;
    return true;
  }

  /**
   * How many of the first places may be taken, so that the cap holds even if all of them are taken. After
   * the cap was lowered, leases beyond these count against it. Their number only falls, since nobody takes
   * one there.
   */
  #open(): number {
    let open = this.#leases;
    let heldPast = 0;
    while (open > 0 && open + heldPast > this.callsMax) if (this.#isHeld(--open)) heldPast++;
    return open;
  }

  #isHeld(lease: number): boolean {
    return Atomics.load(this.#memory.i32, this.#wordOf(lease)) !== 0;
  }

  #wordOf(lease: number): number {
    const segment = lease < SEGMENT_FIRST ? 0 : 30 - Math.clz32(lease);
    const before = segment === 0 ? 0 : segmentPlaces(segment);
    return this.#memory.placeInFlightAt(this.#segments[segment]! + lease - before);
  }

  #holder(member: number): number {
    return this.#life | (member + 1);
  }
}

/** Frees every place that a member holds, in whatever cap. */
export function leaveCaps(memory: RateMemory, member: number): void {
  const { i32, sizes } = memory;
  const used = Math.min(Atomics.load(i32, memory.placesUsedAt), sizes.inFlightPlacesMax);
  for (let place = 0; place < used; place++) {
    const at = memory.placeInFlightAt(place);
    const holder = i32[at]!;
    if ((holder & MEMBER_MASK) === member + 1) Atomics.compareExchange(i32, at, holder, 0);
  }
}
