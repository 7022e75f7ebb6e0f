import type { Clock, TimerHandle } from '../core/clock.js';
import { SYNC_PERMITS, type SyncCells, syncCells } from './sync-memory.js';

/** A permit that was not renewed for this long counts as returned: its thread has died, or its loop hangs. */
export const PERMIT_NS = 100_000_000n;
/** How often a thread renews the permits that it holds: several times before one expires. */
const RENEW_MS = 25;

/** A permit that this thread holds. */
export interface SyncPermit {
  readonly cell: number;
  /** What this thread last wrote to the cell. */
  renewedAt: bigint;
}

/**
 * The permits of a process, as one of its threads takes and returns them. A thread renews the permits that
 * it holds, however long its syncs take. So a permit expires only when a thread can no longer return it.
 */
export class SyncPermits {
  readonly #cells: SyncCells;
  readonly #clock: Clock;
  readonly #held = new Set<SyncPermit>();
  #renewal: TimerHandle;

  /** @param clock - The same clock in all threads. */
  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.#cells = syncCells(memory);
    this.#clock = clock;
  }

  /** How many this thread holds. */
  get held(): number {
    return this.#held.size;
  }

  /** The cell that changes whenever a thread returns a permit. */
  get releases(): Int32Array {
    return this.#cells.releases;
  }

  take(): SyncPermit | undefined {
    const { renewedAtNs } = this.#cells;
    const now = this.#clock.now();
    for (let cell = 0; cell < SYNC_PERMITS; cell++) {
      const found = Atomics.load(renewedAtNs, cell);
      if (found !== 0n && now - found < PERMIT_NS) continue;
      if (Atomics.compareExchange(renewedAtNs, cell, found, now) !== found) continue;
      const permit = { cell, renewedAt: now };
      this.#held.add(permit);
      if (this.#held.size === 1) this.#renewSoon();
      return permit;
    }
    return undefined;
  }

  /** @returns Whether another thread, which waited for one, was woken to take it. */
  giveBack(permit: SyncPermit): boolean {
    const { renewedAtNs, releases } = this.#cells;
    this.#held.delete(permit);
    if (this.#held.size === 0) this.#clock.clearTimeout(this.#renewal);
    const { cell, renewedAt } = permit;
    // An expired permit may belong to another thread by now.
    if (Atomics.compareExchange(renewedAtNs, cell, renewedAt, 0n) !== renewedAt) return false;
    Atomics.add(releases, 0, 1);
    return Atomics.notify(releases, 0, 1) > 0;
  }

  /**
   * How long to wait at most before the next `take`: until a permit would expire. A free one is meant for
   * another thread, which may have died.
   */
  get patienceMs(): number {
    const now = this.#clock.now();
    let leftNs = PERMIT_NS;
    for (let cell = 0; cell < SYNC_PERMITS; cell++) {
      const renewedAt = Atomics.load(this.#cells.renewedAtNs, cell);
      const expiresInNs = renewedAt === 0n ? PERMIT_NS : renewedAt + PERMIT_NS - now;
      if (expiresInNs < leftNs) leftNs = expiresInNs;
    }
    return Math.max(1, Number((leftNs + 999_999n) / 1_000_000n));
  }

  #renewSoon(): void {
    this.#renewal = this.#clock.setTimeout(() => this.#renew(), RENEW_MS);
    this.#clock.unref?.(this.#renewal); // the sync keeps the thread alive
  }

  #renew(): void {
    const now = this.#clock.now();
    for (const permit of this.#held) {
      const { cell, renewedAt } = permit;
      // Fails if it has expired, and another thread has taken it.
      const found = Atomics.compareExchange(this.#cells.renewedAtNs, cell, renewedAt, now);
      if (found === renewedAt) permit.renewedAt = now;
    }
    this.#renewSoon();
  }
}
