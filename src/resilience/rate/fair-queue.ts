import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { ScopeView } from './scope-view.js';
import { TIE_NS } from './waiting-line.js';

/** Of a waiter, in ns of virtual time. */
export interface QueuePlace {
  readonly start: bigint;
  /** What its lane moved on by. */
  readonly length: bigint;
}

/**
 * The order in which waiters are served at a scope, as start-time fair queueing: a waiter's place is
 * the later of the scope's virtual time (that of the last one served) and the end of the last one of
 * its own lane; a lane's end moves on by the cost of each waiter over the lane's weight. So lanes
 * that want more than there is get shares by weight, and one lane alone is served in order.
 *
 * A tenant is a lane; callers without one share a lane of weight 1. All threads use the same lanes.
 *
 * @see P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing", SIGCOMM 1996.
 */
export class FairQueue {
  readonly #cells: BigInt64Array;
  readonly #timeAt: number;
  readonly #laneAt: number;
  readonly #root: ScopeView;
  readonly #tenant: ScopeView | undefined;

  constructor(memory: RateMemory, root: ScopeView, tenant: ScopeView | undefined) {
    this.#cells = memory.b64;
    this.#timeAt = memory.virtualTimeAt(root.scope);
    this.#laneAt = memory.laneAt(root.scope, tenant?.scope ?? -1);
    this.#root = root;
    this.#tenant = tenant;
  }

  /** Takes a place for a waiter, behind those of its lane. */
  enter(cost: number): QueuePlace {
    const length = this.#length(cost);
    let end = Atomics.load(this.#cells, this.#laneAt);
    for (;;) {
      const time = Atomics.load(this.#cells, this.#timeAt);
      let start = end;
      if (time > start) start = time;
      const found = Atomics.compareExchange(this.#cells, this.#laneAt, end, start + length);
      if (found === end) return { start, length };
      end = found;
    }
  }

  /** Gives back the place of a waiter that was not served, so that its lane does not pay for it. */
  leave({ length }: QueuePlace): void {
    Atomics.sub(this.#cells, this.#laneAt, length);
  }

  /**
   * Moves the scope's time on to the place of a waiter that was served; but for a tie, since others
   * that are as much behind may still wait, and a lane of theirs that is short in time (many permits
   * a second, a high weight) would lose what it is behind each time that it enters.
   *
   * @param turn - Its place in the order of service. One of a high priority goes before those that its
   *   lane has still to be served: its place in virtual time would put newcomers of other lanes behind
   *   them all.
   */
  serve(turn: bigint, { start }: QueuePlace): void {
    const to = (turn < start ? turn : start) - TIE_NS;
    let time = Atomics.load(this.#cells, this.#timeAt);
    while (time < to) {
      const found = Atomics.compareExchange(this.#cells, this.#timeAt, time, to);
      if (found === time) return;
      time = found;
    }
  }

  #length(cost: number): bigint {
    return (this.#root.nsPerPermit * BigInt(cost)) / BigInt(this.#tenant?.weight ?? 1);
  }
}
