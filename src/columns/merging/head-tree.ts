import { TWO_32 } from '../int64.js';

/** Compares the heads of two slots that have the same time: negative, 0 or positive. */
export type TieBreak = (a: number, b: number) => number;

/**
 * Finds which of many slots has the earliest head, which is the next row of a file or an input: by time,
 * then by a tie break if there is one, then by rank. A loser tree: each inner node keeps the slot that lost
 * there, so that a new head of the winner takes a single pass to the root.
 */
export class HeadTree {
  /** The slot with the earliest head; −1 if there is none. */
  winner = -1;
  /** Time of each slot's head, as words. */
  readonly high: Int32Array;
  readonly low: Uint32Array;
  readonly #breakTie: TieBreak | undefined;
  readonly #ranks: Int32Array;
  /** The time as a rounded double; equal ones are compared by words. Infinity if there is no head. */
  readonly #rough: Float64Array;
  readonly #losers: Int32Array;
  /** Used for building: the winner at each node. */
  readonly #winners: Int32Array;
  readonly #size: number;
  /** Whether the losers must be rebuilt. One rebuild covers any number of new heads. */
  #isStale = true;

  /**
   * @param slots - Rounded up to a power of two.
   * @param breakTie - Asked only of slots that have a head.
   */
  constructor(slots: number, breakTie?: TieBreak) {
    let size = 1;
    while (size < slots) size *= 2;
    this.#size = size;
    this.#breakTie = breakTie;
    this.high = new Int32Array(size);
    this.low = new Uint32Array(size);
    this.#ranks = new Int32Array(size);
    this.#rough = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    this.#losers = new Int32Array(size);
    this.#winners = new Int32Array(2 * size);
  }

  get slots(): number {
    return this.#size;
  }

  /** A tree twice as large, with the same heads. */
  grown(): HeadTree {
    const larger = new HeadTree(2 * this.#size, this.#breakTie);
    larger.high.set(this.high);
    larger.low.set(this.low);
    larger.#ranks.set(this.#ranks);
    larger.#rough.set(this.#rough);
    larger.winner = this.winner;
    return larger;
  }

  /** Gives any slot a new head: a row of times. */
  put(slot: number, rank: number, times: Int32Array, row: number): void {
    this.#ranks[slot] = rank;
    this.#set(slot, times, row);
    if (slot === this.winner) this.#settle();
    else {
      this.#isStale = true;
      if (this.winner < 0 || this.#isBefore(slot, this.winner)) this.winner = slot;
    }
  }

  /** Gives the winner its next head, and finds the new winner. */
  next(times: Int32Array, row: number): void {
    this.#set(this.winner, times, row);
    this.#settle();
  }

  /** Removes the head of the winner, which has no more rows. */
  remove(): void {
    this.#rough[this.winner] = Number.POSITIVE_INFINITY;
    this.#settle();
  }

  /** The slot that would win without the winner; −1 if there is no other. */
  runnerUp(): number {
    if (this.#isStale) this.#build();
    let best = -1;
    for (let node = (this.winner + this.#size) >> 1; node > 0; node >>= 1) {
      const loser = this.#losers[node]!;
      if (best < 0 || this.#isBefore(loser, best)) best = loser;
    }
    return best >= 0 && this.#rough[best] !== Number.POSITIVE_INFINITY ? best : -1;
  }

  /** Whether slot `a` comes first if both heads have the same time. */
  ranksBefore(a: number, b: number): boolean {
    return this.#ranks[a]! < this.#ranks[b]!;
  }

  #set(slot: number, times: Int32Array, row: number): void {
    const high = times[2 * row + 1]!;
    const low = times[2 * row]! >>> 0;
    this.high[slot] = high;
    this.low[slot] = low;
    this.#rough[slot] = high * TWO_32 + low;
  }

  #settle(): void {
    if (this.#isStale) {
      this.#build();
      return;
    }
    const losers = this.#losers;
    const rough = this.#rough;
    let winner = this.winner;
    let best = rough[winner]!;
    for (let node = (winner + this.#size) >> 1; node > 0; node >>= 1) {
      const other = losers[node]!;
      const found = rough[other]!;
      if (found > best || (found === best && !this.#isBefore(other, winner))) continue;
      losers[node] = winner;
      winner = other;
      best = found;
    }
    // If no slot has a head, the next `put` marks the tree as stale.
    this.winner = best === Number.POSITIVE_INFINITY ? -1 : winner;
  }

  #build(): void {
    const size = this.#size;
    const winners = this.#winners;
    this.#isStale = false;
    for (let slot = 0; slot < size; slot++) winners[size + slot] = slot;
    for (let node = size - 1; node > 0; node--) {
      const a = winners[2 * node]!;
      const b = winners[2 * node + 1]!;
      const isFirst = this.#isBefore(a, b);
      winners[node] = isFirst ? a : b;
      this.#losers[node] = isFirst ? b : a;
    }
    const winner = winners[1]!;
    this.winner = this.#rough[winner] === Number.POSITIVE_INFINITY ? -1 : winner;
  }

  #isBefore(a: number, b: number): boolean {
    const roughA = this.#rough[a]!;
    const roughB = this.#rough[b]!;
    if (roughA !== roughB) return roughA < roughB;
    if (this.high[a] !== this.high[b]) return this.high[a]! < this.high[b]!;
    if (this.low[a] !== this.low[b]) return this.low[a]! < this.low[b]!;
    if (this.#breakTie && roughA !== Number.POSITIVE_INFINITY) {
      const tied = this.#breakTie(a, b);
      if (tied !== 0) return tied < 0;
    }
    return this.#ranks[a]! < this.#ranks[b]!;
  }
}
