import { glance } from '../../shared-memory/glance.js';
import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { ScopeView } from './scope-view.js';
import { findSeat, NO_SEAT } from './seats.js';
import { NEVER, STALE } from './verdict.js';

/** Later than every waiter: for calls that do not wait and must not overtake those that do. */
export const BEHIND_ALL = 9_223_372_036_854_775_807n;

/** A thread that leaves permits untaken for this long has missed its turn. Timers may be this late. */
const GRACE_NS = 10_000_000n;
/**
 * Waiters whose places are this close may be served in either order. So a thread that wakes up serves
 * several of its own waiters before it hands over to another thread; otherwise high rates would starve on
 * timers of 1 ms.
 */
export const TIE_NS = 5_000_000n;
/** Time before a thread checks again whether the waiters ahead are gone. */
const TURN_NS = 1_000_000;

/**
 * The waiters at a scope, over all threads. Each member publishes, in its seat, the waiter that it would
 * serve next: its place in the order (a virtual time; smaller is sooner) and its cost. Members with a
 * smaller place go first. A member that is blocked or dead is passed over once it is overdue, or has left
 * its permits untaken, for longer than a timer may be late. After that, nobody waits for it again.
 *
 * Each entry has one writer. The masks hold one bit per member that waits. A thread that dies at any
 * point leaves behind only a bit, which is cleared with its seat.
 */
export class WaitingThreads {
  readonly #memory: RateMemory;
  readonly #view: ScopeView;
  readonly #waitingAt: number;
  readonly #lateAt: number;
  /** Of this thread: its word of the masks, and its bit there. */
  readonly #word: number;
  readonly #bit: number;

  constructor(view: ScopeView) {
    const { memory, scope, member } = view;
    this.#memory = memory;
    this.#view = view;
    this.#waitingAt = memory.waitingAt(scope);
    this.#lateAt = memory.lateAt(scope);
    this.#word = member >> 5;
    this.#bit = 1 << (member & 31);
  }

  /**
   * Whether no thread waits. A waiter that begins to wait at the same time may be missed, as it would be by
   * a call that came just before it.
   */
  isEmpty(): boolean {
    const { i32, maskWords } = this.#memory;
    for (let word = 0; word < maskWords; word++) {
      if (glance(i32, this.#waitingAt + word) !== 0) return false;
    }
    return true;
  }

  /**
   * Publishes the next waiter of this thread, in the place of the one before.
   *
   * @param dueAt - When the thread will check again, if it is not blocked.
   */
  publish({ place, cost, dueAt }: { place: bigint; cost: number; dueAt: bigint }): void {
    const { i32, b64 } = this.#memory;
    const { seat } = this.#view;
    Atomics.store(b64, this.#memory.entryPlaceAt(seat), place);
    Atomics.store(i32, this.#memory.entryCostAt(seat), cost);
    Atomics.store(b64, this.#memory.entryDueAt(seat), dueAt);
    Atomics.and(i32, this.#lateAt + this.#word, ~this.#bit);
    Atomics.or(i32, this.#waitingAt + this.#word, this.#bit);
  }

  /** Nobody of this thread waits here any more. */
  withdraw(): void {
    const { i32 } = this.#memory;
    Atomics.and(i32, this.#waitingAt + this.#word, ~this.#bit);
    Atomics.and(i32, this.#lateAt + this.#word, ~this.#bit);
  }

  /**
   * Ns until it may be the turn of a waiter of this thread, given those of other threads ahead of it; 0 if
   * it is its turn.
   *
   * @param isWaiting - Whether it waits. A call that does not is also behind the waiters of this thread.
   */
  wait(place: bigint, cost: number, instant: bigint, isWaiting = true): number {
    const { i32, b64, maskWords } = this.#memory;
    const view = this.#view;
    const own = isWaiting ? view.member : NOBODY;
    for (;;) {
      let front = NO_SEAT;
      let frontMember = NOBODY;
      let frontPlace = place - TIE_NS;
      let costs = cost;
      for (let word = 0; word < maskWords; word++) {
        let bits = Atomics.load(i32, this.#waitingAt + word) & ~Atomics.load(i32, this.#lateAt + word);
        while (bits !== 0) {
          const member = word * 32 + 31 - Math.clz32(bits & -bits);
          bits &= bits - 1;
          if (member === own) continue;
          const seat = findSeat(this.#memory, view.scope, member);
          if (seat === NO_SEAT) continue;
          const otherPlace = Atomics.load(b64, this.#memory.entryPlaceAt(seat));
          if (otherPlace >= place - TIE_NS) continue;
          const otherCost = Atomics.load(i32, this.#memory.entryCostAt(seat));
          if (otherCost > view.permitsNow) continue; // it waits for the share to grow
          costs += otherCost;
          if (otherPlace < frontPlace) {
            front = seat;
            frontMember = member;
            frontPlace = otherPlace;
          }
        }
      }
      if (front === NO_SEAT) return 0;
      if (this.#isLate(front, instant)) {
        Atomics.or(i32, this.#lateAt + (frontMember >> 5), 1 << (frontMember & 31));
        continue;
      }
      const behindAll = view.peek(instant, Math.min(costs, view.permitsNow));
      // There will never be enough for all of them, but those ahead may give up.
      return behindAll === NEVER ? TURN_NS : Math.max(TURN_NS, behindAll);
    }
  }

  /** Whether a member missed its turn: its thread is blocked or dead. */
  #isLate(seat: number, instant: bigint): boolean {
    const { i32, b64 } = this.#memory;
    const view = this.#view;
    if (instant - Atomics.load(b64, this.#memory.entryDueAt(seat)) > GRACE_NS) return true;
    // With a cap on calls in flight, permits may be untaken because the cap is reached.
    if (view.cap !== undefined) return false;
    const cost = Atomics.load(i32, this.#memory.entryCostAt(seat));
    const lying = -view.peek(instant, Math.min(cost, view.permitsNow));
    return lying > Number(GRACE_NS) && lying !== -STALE;
  }
}

const NOBODY = -1;
