import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { findLane, isLaneOf, type LaneOwner, NO_LANE, takeLane } from './lanes.js';
import type { ScopeView } from './scope-view.js';
import { TIE_NS } from './waiting-threads.js';

/** A waiter's place in virtual time, in ns. */
export interface StartTag {
  readonly start: bigint;
  /** How far the waiter moved the end of its lane. */
  readonly length: bigint;
}

/** How often a lane may be handed to another tenant while a waiter enters it. */
const LOST_MAX = 8;

/**
 * The order in which a scope serves its waiters, so that tenants get shares by weight: start-time fair
 * queueing. A waiter's place is the later of two virtual times: that of the scope (the place of the last
 * waiter served) and the end of the last waiter in its own lane. Each waiter moves the end of its lane by its
 * cost divided by the lane's weight. So lanes that want more than there is get shares by weight, and a single
 * lane is served in order.
 *
 * A tenant is a lane; callers without one share a lane of weight 1. All threads use the same lanes.
 *
 * @see P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing", SIGCOMM 1996.
 */
export class TenantShares {
  readonly #memory: RateMemory;
  readonly #cells: BigInt64Array;
  readonly #timeAt: number;
  readonly #root: ScopeView;
  readonly #tenant: ScopeView | undefined;

  constructor(root: ScopeView, tenant: ScopeView | undefined) {
    this.#memory = root.memory;
    this.#cells = root.memory.b64;
    this.#timeAt = root.memory.virtualTimeAt(root.scope);
    this.#root = root;
    this.#tenant = tenant;
  }

  /** Takes a place for a waiter, at the end of its lane. */
  enter(cost: number): StartTag {
    const length = this.#length(cost);
    const owner = this.#laneOwner();
    for (let lost = 0; lost < LOST_MAX; ) {
      const lane = owner && takeLane(this.#memory, owner, this.#root.member);
      if (lane === NO_LANE) break;
      const endAt =
        lane === undefined ? this.#memory.ownLaneAt(this.#root.scope) : this.#memory.laneEndAt(lane);
      const end = Atomics.load(this.#cells, endAt);
      // Checked after the load: the end of another lane is in the virtual time of another provider.
      if (lane !== undefined && !isLaneOf(this.#memory, lane, owner!)) {
        lost++;
        continue;
      }
      const time = Atomics.load(this.#cells, this.#timeAt);
      const start = later(time, end);
      if (Atomics.compareExchange(this.#cells, endAt, end, start + length) === end) return { start, length };
    }
    // No lane to be had: served as the first of its tenant.
    return { start: Atomics.load(this.#cells, this.#timeAt), length: 0n };
  }

  /** Returns the place of a waiter that was not served, so that its lane does not pay for it. */
  leave({ length }: StartTag): void {
    const owner = this.#laneOwner();
    if (owner === undefined) {
      Atomics.sub(this.#cells, this.#memory.ownLaneAt(this.#root.scope), length);
      return;
    }
    const lane = findLane(this.#memory, owner);
    if (lane !== NO_LANE) Atomics.sub(this.#cells, this.#memory.laneEndAt(lane), length);
  }

  /**
   * Moves the scope's virtual time to the place of a served waiter, less a tie. Without the tie, other
   * lanes that are equally far behind would lose their arrears each time they enter; this hurts lanes
   * whose places are close together (many permits per second, a high weight).
   *
   * @param turn - The waiter's place in the order of service. A waiter with a high priority is served
   *   before earlier waiters of its lane; its place in virtual time would put newcomers of other lanes
   *   behind all of those.
   */
  serve(turn: bigint, { start }: StartTag): void {
    const to = (turn < start ? turn : start) - TIE_NS;
    let time = Atomics.load(this.#cells, this.#timeAt);
    while (time < to) {
      const found = Atomics.compareExchange(this.#cells, this.#timeAt, time, to);
      if (found === time) return;
      time = found;
    }
  }

  #laneOwner(): LaneOwner | undefined {
    const { scope: root, life: rootLife } = this.#root;
    return this.#tenant && { root, rootLife, tenantLife: this.#tenant.life };
  }

  #length(cost: number): bigint {
    return (this.#root.nsPerPermit * BigInt(cost)) / BigInt(this.#tenant?.weight ?? 1);
  }
}

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
