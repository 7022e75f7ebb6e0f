import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { PERMITS_MAX as COST_MAX, readScope, setOf } from '../../shared-memory/scope-record.js';
import { InFlightCap } from './in-flight-cap.js';
import type { Limit } from './limit.js';
import { openLimit } from './open-limit.js';
import { ScopeRemovedError } from './rate-errors.js';
import { ScopeStatistics } from './scope-statistics.js';
import { leaveSeat, NO_SEAT, takeSeat } from './seats.js';
import { toNumber } from './to-number.js';
import { BLOCKED, GRANTED, NEVER, STALE, type Verdict } from './verdict.js';

/**
 * A scope as one thread sees it: its parameters, read once for each version. Everything that a call needs
 * is in fields, so that the hot path reads shared memory only for the cells.
 */
export class ScopeView {
  readonly name: string;
  readonly scope: number;
  readonly memory: RateMemory;
  /** The thread that it belongs to. */
  readonly member: number;
  limits: readonly Limit[] = [];
  cap: InFlightCap | undefined;
  /** A tenant's share. */
  weight = 1;
  /** The largest cost that can ever be granted. */
  permitsMax = COST_MAX;
  /** Whether it is a share of a budget, which may end or grow: what it cannot grant now, it may be able to later. */
  isShare = false;
  /** The largest cost that can be granted before the next change: less than `permitsMax` at a share that is small. */
  permitsNow = COST_MAX;
  /** Ns that one permit takes at the steady rate of the slowest limit. */
  nsPerPermit = 1_000n;
  /** Number of the declaration. */
  life = 0;
  /** Slot of this thread's seat at the scope. */
  seat = NO_SEAT;
  #statistics: ScopeStatistics | undefined;
  #version = 0;
  /** Index of the word that holds the version of the scope. */
  readonly #versionAt: number;
  readonly #blockedUntilAt: number;

  /** @throws {ScopeRemovedError} */
  constructor(memory: RateMemory, scope: number, name: string, member: number) {
    this.memory = memory;
    this.scope = scope;
    this.name = name;
    this.member = member;
    this.#versionAt = memory.versionAt(scope);
    this.#blockedUntilAt = memory.blockedUntilAt(scope);
    this.refresh();
  }

  /**
   * Takes a seat, which is needed to spend and to wait.
   *
   * @throws {RateTableFullError}
   */
  sit(): ScopeStatistics {
    if (this.#statistics === undefined) {
      this.seat = takeSeat(this.memory, this.scope, this.member);
      this.#statistics = new ScopeStatistics(this.memory, this.seat);
    }
    return this.#statistics;
  }

  /** Gives the seat back. The view must not be used any more. */
  leave(): void {
    if (this.seat !== NO_SEAT) leaveSeat(this.memory, this.scope, this.member, this.life);
  }

  /** Version of the parameters read last, by any limiter of this thread. */
  get version(): number {
    return this.#version;
  }

  isCurrent(): boolean {
    return Atomics.load(this.memory.i32, this.#versionAt) === this.#version;
  }

  /**
   * Reads the parameters again.
   *
   * @throws {ScopeRemovedError} when the scope is gone, or another one has taken its slot.
   */
  refresh(): void {
    const { memory, scope, member } = this;
    const { version, life, name, parameters } = readScope(memory, scope);
    if (name !== this.name) throw new ScopeRemovedError(this.name);
    const { limits, weight, inFlightMax, shareOfMax } = parameters;
    this.#version = version;
    this.weight = weight;
    this.limits = limits.map((own, index) =>
      openLimit(memory, { scope, set: setOf(version), index, version, parameters: own, member }),
    );
    this.cap = inFlightMax > 0 ? new InFlightCap(memory, parameters, inFlightMax) : undefined;
    // One that blocks has no permits, but may have some later: its calls wait.
    this.isShare = shareOfMax > 0;
    this.permitsNow = Math.min(
      COST_MAX,
      ...limits.map(({ permits }) => (permits === 0 ? COST_MAX : permits)),
    );
    this.permitsMax = this.isShare ? shareOfMax : this.permitsNow;
    // Without a rate, waiters are placed a millisecond apart, so that few of them tie.
    this.nsPerPermit = limits.some(({ kind }) => kind !== 'quota') ? 1_000n : 1_000_000n;
    for (const { nsPerPermit } of this.limits) {
      if (nsPerPermit > this.nsPerPermit) this.nsPerPermit = nsPerPermit;
    }
    this.#live(life);
  }

  /** Instant before which nothing is granted. */
  blockedUntil(): bigint {
    return Atomics.load(this.memory.b64, this.#blockedUntilAt);
  }

  /**
   * Why a share grants the cost at no instant that is known, and `undefined` if that is not so. Nobody knows whether
   * it will be renewed, or grow.
   */
  shortage(instant: bigint, cost: number): string | undefined {
    if (!this.isShare) return undefined;
    if (this.#hasEnded(instant))
      return `the share of "${this.name}" is nothing for now, or has ended and was not renewed`;
    if (cost <= this.permitsNow) return undefined;
    return `the share of "${this.name}" gives at most ${this.permitsNow} at once now`;
  }

  /** A counter that grows with each cooldown, and with each usage that a provider reported. */
  told(): number {
    return Atomics.load(this.memory.i32, this.memory.toldAt(this.scope));
  }

  /** Ns until all limits would grant the cost or, if negative, since when they would. Takes nothing. */
  peek(instant: bigint, cost: number): Verdict {
    if (this.isShare && this.#isShort(instant, cost)) return this.isCurrent() ? BLOCKED : STALE;
    let longest = toNumber(BigInt.asIntN(64, this.blockedUntil() - instant));
    for (const limit of this.limits) {
      const wait = limit.peek(instant, cost);
      if (wait === STALE) return STALE;
      if (wait > longest) longest = wait;
    }
    if (!this.isCurrent()) return STALE;
    return longest === NEVER && this.isShare ? BLOCKED : longest;
  }

  /**
   * Takes the cost from all limits or from none. The exception: a rolling limit that had already granted
   * when another limit refused keeps its permits spent. Granting too few is safe.
   */
  take(instant: bigint, cost: number, undoable = false): Verdict {
    if (this.isShare && this.#isShort(instant, cost)) return this.isCurrent() ? BLOCKED : STALE;
    const blockedUntil = this.blockedUntil();
    if (blockedUntil > instant) return Number(blockedUntil - instant);
    const { limits } = this;
    for (let i = 0; i < limits.length; i++) {
      const wait = limits[i]!.take(instant, cost, undoable || i < limits.length - 1);
      if (wait === GRANTED) continue;
      this.#undoBefore(i);
      return wait === NEVER && this.isShare ? BLOCKED : wait;
    }
    return limits.length === 0 && !this.isCurrent() ? STALE : GRANTED;
  }

  /** Undoes the last undoable take. */
  undo(): void {
    this.#undoBefore(this.limits.length);
  }

  /** Permits that could be taken at the instant; `undefined` without a limit. */
  left(instant: bigint): number | undefined {
    if (this.isShare && this.#hasEnded(instant)) return 0;
    if (this.limits.length === 0) return undefined;
    if (this.blockedUntil() > instant) return 0;
    return Math.min(...this.limits.map((limit) => limit.left(instant)));
  }

  /** A scope that was removed and declared again begins anew, with a new seat. */
  #live(life: number): void {
    const isAnew = life !== this.life && this.#statistics !== undefined;
    this.life = life;
    if (!isAnew) return;
    this.seat = takeSeat(this.memory, this.scope, this.member);
    this.#statistics?.moveTo(this.seat);
  }

  /** Notes a cost that a share is too small for, so that whoever deals it learns of it. */
  want(cost: number): void {
    const { i32 } = this.memory;
    const at = this.memory.wantedAt(this.scope);
    for (let known = Atomics.load(i32, at); known < cost; ) {
      const found = Atomics.compareExchange(i32, at, known, cost);
      if (found === known) return;
      known = found;
    }
  }

  #isShort(instant: bigint, cost: number): boolean {
    if (cost <= this.permitsNow && !this.#hasEnded(instant)) return false;
    this.want(cost);
    return true;
  }

  #hasEnded(instant: bigint): boolean {
    const end = Atomics.load(this.memory.b64, this.memory.shareEndAt(this.scope));
    return end !== 0n && instant >= end;
  }

  #undoBefore(count: number): void {
    for (let i = count - 1; i >= 0; i--) this.limits[i]!.undo();
  }
}
