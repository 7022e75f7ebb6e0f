import type { RateMemory } from '../protocol/rate-memory.js';
import type { Limit, LimitSite } from './limit.js';
import { toNumber } from './to-number.js';
import { GRANTED, MOVED, STALE, type Verdict } from './verdict.js';

/** Nothing was ever given: free since before all instants. */
const ALWAYS: Verdict = Number.MIN_SAFE_INTEGER;

/** Enough that no thread sleeps through all laps and takes an old one for its own. */
const LAP_BITS = 6n;
const LAPS = 2 ** Number(LAP_BITS);

/**
 * At most `permits` in any window of time, exactly: for venues that meter that way, where a rate
 * with a burst would let twice the burst into one window.
 *
 * A ring keeps the instant of each of the last `permits` permits. Permit number `n` lies at
 * `n mod permits` and may be given once permit `n − permits` has left the window. The head, a
 * counter of the permits given, is moved by compare-and-swap: that is the take. The instants are
 * written after it; the low bits of each say which lap of the ring it is of, so that a thread that
 * comes upon one not yet written (its thread is slow, or dead) writes it itself, with its own later
 * instant. So no thread waits for another, nothing leaks, and an instant is never too early.
 */
export class RollingLimit implements Limit {
  readonly permits: number;
  readonly nsPerPermit: bigint;
  readonly #cells: BigInt64Array;
  readonly #words: Int32Array;
  readonly #headAt: number;
  readonly #ringAt: number;
  readonly #versionAt: number;
  readonly #version: number;
  readonly #window: bigint;

  constructor(memory: RateMemory, { scope, set, index, version, parameters }: LimitSite) {
    this.permits = parameters.permits;
    this.nsPerPermit = (parameters.ns + BigInt(parameters.permits) - 1n) / BigInt(parameters.permits);
    this.#cells = memory.b64;
    this.#words = memory.i32;
    this.#headAt = memory.cellAt(scope, set, index);
    this.#ringAt = memory.arenaAt(parameters.arenaAt);
    this.#versionAt = memory.versionAt(scope);
    this.#version = version;
    this.#window = parameters.ns;
  }

  /**
   * Writes the instants of permits given so far, oldest first, into a ring.
   *
   * @returns What the cell has to hold.
   */
  static fill(ring: BigInt64Array, instants: readonly bigint[]): bigint {
    ring.fill(0n);
    for (const [permit, instant] of instants.entries()) ring[permit] = (instant << LAP_BITS) | 1n;
    return BigInt(instants.length);
  }

  peek(instant: bigint, cost: number): Verdict {
    const head = this.#head();
    return head === undefined ? STALE : this.#waitAt(head, instant, cost);
  }

  take(instant: bigint, cost: number): Verdict {
    for (;;) {
      const head = this.#head();
      if (head === undefined) return STALE;
      const wait = this.#waitAt(head, instant, cost);
      if (wait > 0) return wait;
      // What is about to be written over must have been written: a place skips no lap. The last of
      // it is what the look went by.
      for (let left = Math.max(0, head - this.permits); left < head + cost - 1 - this.permits; left++) {
        this.#settle(left, instant);
      }
      if (!this.#swapHead(head, head + cost)) continue; // another thread took: look again
      for (let permit = head; permit < head + cost; permit++) this.#settle(permit, instant);
      return GRANTED;
    }
  }

  /** What was given stays given: the instants of later permits may rest on it. */
  undo(): boolean {
    return false;
  }

  undoLater(): () => boolean {
    return () => false;
  }

  raiseUsed(instant: bigint, permits: number): void {
    // Permit by permit: the longest take that fits is not known, and this is rare.
    for (let used = this.permits - this.left(instant); used < permits; used++) {
      if (this.take(instant, 1) !== GRANTED) return;
    }
  }

  /** A window has no burst beyond what it may give at any time. */
  spendBurstUntil(): void {}

  left(instant: bigint): number {
    const head = this.#head();
    if (head === undefined) return 0;
    // The permits that have left the window are the oldest ones: the ring is in order of time.
    let left = 0;
    for (let step = 2 ** Math.floor(Math.log2(this.permits)); step >= 1; step /= 2) {
      if (left + step <= this.permits && this.#waitAt(head, instant, left + step) <= 0) left += step;
    }
    return left;
  }

  /**
   * The instants of the permits that count, oldest first, for the ring that takes this one's place.
   * Closes this one: from now on it answers `STALE`.
   */
  retire(instant: bigint): readonly bigint[] {
    const found = Atomics.exchange(this.#cells, this.#headAt, MOVED);
    const head = Number(found);
    const instants: bigint[] = [];
    for (let permit = Math.max(0, head - this.permits); permit < head; permit++) {
      instants.push(this.#settle(permit, instant));
    }
    return instants;
  }

  #head(): number | undefined {
    const head = Atomics.load(this.#cells, this.#headAt);
    // After the load: were the parameters old, so would the cell be, and a swap must fail.
    if (Atomics.load(this.#words, this.#versionAt) !== this.#version || head === MOVED) return undefined;
    return Number(head);
  }

  #waitAt(head: number, instant: bigint, cost: number): Verdict {
    if (head === 0) return ALWAYS;
    const sinceNewest = toNumber(BigInt.asIntN(64, this.#settle(head - 1, instant) - instant));
    const mustHaveLeft = head + cost - 1 - this.permits;
    if (mustHaveLeft < 0) return sinceNewest;
    const untilLeft = toNumber(
      BigInt.asIntN(64, this.#settle(mustHaveLeft, instant) + this.#window - instant),
    );
    return Math.max(sinceNewest, untilLeft);
  }

  #swapHead(from: number, to: number): boolean {
    const before = BigInt(from);
    return Atomics.compareExchange(this.#cells, this.#headAt, before, BigInt(to)) === before;
  }

  /** Sees to it that the instant of a permit is written; answers with it. */
  #settle(permit: number, instant: bigint): bigint {
    const at = this.#ringAt + (permit % this.permits);
    const lap = (Math.floor(permit / this.permits) + 1) % LAPS;
    const found = Atomics.load(this.#cells, at);
    const lapBefore = (lap + LAPS - 1) % LAPS;
    // Any other lap than the one before: it is written, or this thread was asleep and its swap will fail.
    if (Number(BigInt.asUintN(Number(LAP_BITS), found)) !== lapBefore)
      return BigInt.asIntN(64, found >> LAP_BITS);
    const written = (instant << LAP_BITS) | BigInt(lap);
    const before = Atomics.compareExchange(this.#cells, at, found, written);
    return before === found ? instant : BigInt.asIntN(64, before >> LAP_BITS);
  }
}
