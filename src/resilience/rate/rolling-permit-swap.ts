import { InvalidHandleError } from '../../core/invalid-handle-error.js';
import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { Limit, LimitSite } from './limit.js';
import { toNumber } from './to-number.js';
import { GRANTED, MOVED, STALE, type Verdict } from './verdict.js';

/** No permit was ever granted: free since before all instants. */
const ALWAYS: Verdict = Number.MIN_SAFE_INTEGER;

/** Low bits of a slot, which hold the lap of the ring that it belongs to. */
const LAP_BITS = 2;
const LAPS = [0n, 1n, 2n, 3n] as const;
const LAP_MASK = 3n;
const SHIFT = BigInt(LAP_BITS);
/** Permits of a ring over its lifetime. Numbers beyond cannot be told apart. */
const PERMITS_MAX = 2 ** 52 - 1_000_000;
/**
 * Heads of different versions differ, so that a take that slept through two changes, after which the same
 * cell has a head again, does not take it for its own.
 */
const VERSIONS = 2_048;
const baseOf = (version: number): number => (((version >>> 2) % VERSIONS) * 2 ** 52) / VERSIONS;

/**
 * At most `permits` in any window of time, exactly. For venues that meter this way, where a rate with a
 * burst would let up to twice the burst into one window.
 *
 * A ring keeps the instant of each of the last `permits` permits. Permit number `n` is stored at `n mod
 * permits`, and may be granted once permit `n − permits` has left the window. A take first raises the
 * slots of its permits to its own instant, then moves the head (a counter of permits granted) by
 * compare-and-swap. So a thread that moves the head has written its instants before: nobody reads an
 * instant that is too early, and no thread waits for another. A thread that dies or loses the race leaves
 * behind only instants that the next take of these slots raises to its own.
 *
 * The low bits of a slot hold its lap of the ring. A slot already on the next lap was written by a take
 * whose instant was past the window of the permit stored there before.
 *
 * A thread that may write to a ring says so in shared memory before it looks at the head for the last time.
 * So once the owner has closed the head, it knows whether the ring may be used for something else.
 */
export class RollingLimit implements Limit {
  readonly permits: number;
  readonly permitsOfWhole: number;
  readonly nsPerPermit: bigint;
  readonly #cells: BigInt64Array;
  readonly #words: Int32Array;
  readonly #headAt: number;
  readonly #ringAt: number;
  readonly #versionAt: number;
  readonly #version: number;
  readonly #base: number;
  readonly #window: bigint;
  readonly #ringInUseAt: number;
  readonly #ringInUse: number;

  constructor(memory: RateMemory, { scope, set, index, version, parameters, member }: LimitSite) {
    this.permits = parameters.permits;
    this.permitsOfWhole = parameters.permitsOfWhole;
    this.nsPerPermit = (parameters.ns + BigInt(parameters.permits) - 1n) / BigInt(parameters.permits);
    this.#cells = memory.b64;
    this.#words = memory.i32;
    this.#headAt = memory.cellAt(scope, set, index);
    this.#ringAt = memory.ringAt(parameters.ringAt);
    this.#ringInUseAt = memory.ringInUseAt(member);
    this.#ringInUse = parameters.ringAt + 1;
    this.#versionAt = memory.versionAt(scope);
    this.#version = version;
    this.#base = baseOf(version);
    this.#window = parameters.ns;
  }

  /**
   * Writes the instants of permits granted so far into a ring, oldest first.
   *
   * @param version - Of the scope, at which the ring is used.
   * @returns The value for the cell.
   */
  static fill(ring: BigInt64Array, instants: readonly bigint[], version: number): bigint {
    ring.fill(0n);
    for (const [permit, instant] of instants.entries()) ring[permit] = (instant << SHIFT) | 1n;
    return BigInt(baseOf(version) + instants.length);
  }

  peek(instant: bigint, cost: number): Verdict {
    const head = this.#head();
    return head === undefined ? STALE : this.#waitAt(head, instant, cost);
  }

  take(instant: bigint, cost: number): Verdict {
    for (;;) {
      const cell = Atomics.load(this.#cells, this.#headAt);
      if (!this.#isOfVersion(cell)) return STALE;
      const head = this.#permitsOf(cell);
      const wait = this.#waitAt(head, instant, cost);
      if (wait > 0) return wait;
      Atomics.store(this.#words, this.#ringInUseAt, this.#ringInUse);
      const isTaken = this.#write(cell, head, cost, instant) && this.#swapHead(cell, head + cost);
      // Seen late, it only keeps the ring from being used again for longer.
      this.#words[this.#ringInUseAt] = 0;
      if (isTaken) return GRANTED;
      // Another thread took permits first: try again.
    }
  }

  /** A granted permit is never returned: the instants of later permits may depend on it. */
  undo(): boolean {
    return false;
  }

  undoLater(): () => boolean {
    return () => false;
  }

  raiseUsed(instant: bigint, permits: number): void {
    // One permit at a time, since the largest take that fits is unknown. This is rare.
    for (let used = this.permits - this.left(instant); used < permits; used++) {
      if (this.take(instant, 1) !== GRANTED) return;
    }
  }

  /** A window has no burst that a cooldown would have to remove. */
  spendBurstUntil(): void {}

  reservedUntil(instant: bigint): bigint {
    const head = this.#head();
    const newest = head === undefined || head === 0 ? instant : this.#givenAt(head - 1);
    return newest > instant ? newest : instant;
  }

  left(instant: bigint): number {
    const head = this.#head();
    if (head === undefined) return 0;
    // The permits that have left the window are the oldest ones, since the ring is ordered by time.
    let left = 0;
    for (let step = 2 ** Math.floor(Math.log2(this.permits)); step >= 1; step /= 2) {
      if (left + step <= this.permits && this.#waitAt(head, instant, left + step) <= 0) left += step;
    }
    return left;
  }

  /**
   * Closes this ring, which answers `STALE` from now on.
   *
   * @returns The instants of the permits that count, oldest first, for the ring that replaces it.
   */
  retire(): readonly bigint[] {
    const head = this.#permitsOf(Atomics.exchange(this.#cells, this.#headAt, MOVED));
    const instants: bigint[] = [];
    for (let permit = Math.max(0, head - this.permits); permit < head; permit++) {
      instants.push(this.#givenAt(permit));
    }
    return instants;
  }

  #head(): number | undefined {
    const cell = Atomics.load(this.#cells, this.#headAt);
    return this.#isOfVersion(cell) ? this.#permitsOf(cell) : undefined;
  }

  /** For a cell that was just loaded: if the parameters are outdated, the cell is too, and a swap must fail. */
  #isOfVersion(cell: bigint): boolean {
    return Atomics.load(this.#words, this.#versionAt) === this.#version && cell !== MOVED;
  }

  /**
   * Permits granted since the ring is used.
   *
   * @throws {InvalidHandleError} for a value that no take writes, which loops might not get past.
   */
  #permitsOf(head: bigint): number {
    const permits = Number(head) - this.#base;
    if (permits >= 0 && permits <= PERMITS_MAX) return permits;
    throw new InvalidHandleError('budgets', 'memory that was overwritten (the head of a rolling window)');
  }

  #waitAt(head: number, instant: bigint, cost: number): Verdict {
    if (head === 0) return ALWAYS;
    const sinceNewest = toNumber(BigInt.asIntN(64, this.#givenAt(head - 1) - instant));
    const mustHaveLeft = head + cost - 1 - this.permits;
    if (mustHaveLeft < 0) return sinceNewest;
    const untilLeft = toNumber(BigInt.asIntN(64, this.#givenAt(mustHaveLeft) + this.#window - instant));
    return Math.max(sinceNewest, untilLeft);
  }

  #swapHead(cell: bigint, to: number): boolean {
    return Atomics.compareExchange(this.#cells, this.#headAt, cell, BigInt(this.#base + to)) === cell;
  }

  /** When a permit was granted, or later; never earlier. */
  #givenAt(permit: number): bigint {
    const found = Atomics.load(this.#cells, this.#placeAt(permit));
    const instant = BigInt.asIntN(64, found >> SHIFT);
    return (found & LAP_MASK) === this.#lapOf(permit) ? instant : BigInt.asIntN(64, instant - this.#window);
  }

  /**
   * Raises the slots of permits that are about to be taken to an instant.
   *
   * @returns `false` if the head has moved.
   */
  #write(cell: bigint, head: number, cost: number, instant: bigint): boolean {
    for (let permit = head; permit < head + cost; permit++) {
      const at = this.#placeAt(permit);
      const lap = this.#lapOf(permit);
      const written = BigInt.asIntN(64, (instant << SHIFT) | lap);
      for (;;) {
        const found = Atomics.load(this.#cells, at);
        if ((found & LAP_MASK) === lap && found >= written) break;
        // Checked after the load: the value found belongs to this lap, and the swap replaces only that
        // value.
        if (Atomics.load(this.#cells, this.#headAt) !== cell || !this.#isOfVersion(cell)) return false;
        if (Atomics.compareExchange(this.#cells, at, found, written) === found) break;
      }
    }
    return true;
  }

  #placeAt(permit: number): number {
    return this.#ringAt + (permit % this.permits);
  }

  #lapOf(permit: number): bigint {
    return LAPS[(Math.floor(permit / this.permits) + 1) % LAPS.length]!;
  }
}
