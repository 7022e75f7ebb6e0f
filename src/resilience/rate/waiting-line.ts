import { NANOS_PER_MILLI } from '../../core/units.js';
import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { ScopeView } from './scope-view.js';
import { NEVER, STALE } from './verdict.js';

/** Later than every waiter: for calls that do not wait and must not overtake those that do. */
export const BEHIND_ALL = 9_223_372_036_854_775_807n;

/** A thread that leaves permits untaken for this long has missed its turn. Timers may be this late. */
const GRACE_NS = 10_000_000;
/**
 * Waiters whose places are this close may be served in either order. So a thread that wakes up serves
 * several of its own waiters before it hands over to another thread; otherwise high rates would starve on
 * timers of 1 ms.
 */
export const TIE_NS = 5_000_000n;
/** Time before a thread checks again whether the waiters ahead are gone. */
const TURN_NS = 1_000_000;

/**
 * The waiters at a scope, over all threads. Each member publishes the waiter that it would serve next:
 * its place in the order (a virtual time; smaller is sooner) and its cost. Members with a smaller place
 * go first. A member that is blocked or dead is passed over once it is overdue, or has left its permits
 * untaken, for longer than a timer may be late. After that, nobody waits for it again.
 *
 * Each entry has one writer. The masks hold one bit per member that waits. A thread that dies at any
 * point leaves behind only a bit, which `withdraw` clears.
 */
export class WaitingLine {
  readonly #memory: RateMemory;
  readonly #scope: number;
  readonly #waitingAt: number;
  readonly #lateAt: number;

  constructor(memory: RateMemory, scope: number) {
    this.#memory = memory;
    this.#scope = scope;
    this.#waitingAt = memory.waitingAt(scope);
    this.#lateAt = memory.lateAt(scope);
  }

  isEmpty(): boolean {
    const { i32, maskWords } = this.#memory;
    for (let word = 0; word < maskWords; word++) {
      if (Atomics.load(i32, this.#waitingAt + word) !== 0) return false;
    }
    return true;
  }

  /** @param dueAt - When the member will check again, if its thread is not blocked. */
  publish(member: number, { place, cost, dueAt }: { place: bigint; cost: number; dueAt: bigint }): void {
    const { i32, b64 } = this.#memory;
    Atomics.store(b64, this.#memory.entryKeyAt(this.#scope, member), place);
    Atomics.store(i32, this.#memory.entryCostAt(this.#scope, member), cost);
    Atomics.store(i32, this.#memory.entryDueAt(this.#scope, member), toMillis32(dueAt));
    Atomics.and(i32, this.#lateAt + (member >> 5), ~(1 << (member & 31)));
    Atomics.or(i32, this.#waitingAt + (member >> 5), 1 << (member & 31));
  }

  withdraw(member: number): void {
    const { i32 } = this.#memory;
    Atomics.and(i32, this.#waitingAt + (member >> 5), ~(1 << (member & 31)));
    Atomics.and(i32, this.#lateAt + (member >> 5), ~(1 << (member & 31)));
  }

  /**
   * Ns until it may be a waiter's turn, given the waiters ahead of it; 0 if it is its turn.
   *
   * @param member - The member whose waiter it is; its own entry does not count. −1 if it belongs to
   *   none.
   */
  wait(view: ScopeView, member: number, place: bigint, cost: number, instant: bigint): number {
    const { i32, b64, maskWords } = this.#memory;
    for (;;) {
      let front = -1;
      let frontPlace = place - TIE_NS;
      let costs = cost;
      for (let word = 0; word < maskWords; word++) {
        let bits = Atomics.load(i32, this.#waitingAt + word) & ~Atomics.load(i32, this.#lateAt + word);
        while (bits !== 0) {
          const other = word * 32 + 31 - Math.clz32(bits & -bits);
          bits &= bits - 1;
          if (other === member) continue;
          const otherPlace = Atomics.load(b64, this.#memory.entryKeyAt(this.#scope, other));
          if (otherPlace >= place - TIE_NS) continue;
          costs += Atomics.load(i32, this.#memory.entryCostAt(this.#scope, other));
          if (otherPlace < frontPlace) {
            front = other;
            frontPlace = otherPlace;
          }
        }
      }
      if (front < 0) return 0;
      if (this.#isLate(view, front, instant)) {
        Atomics.or(i32, this.#lateAt + (front >> 5), 1 << (front & 31));
        continue;
      }
      const behindAll = view.peek(instant, Math.min(costs, view.permitsMax));
      // There will never be enough for all of them, but those ahead may give up.
      return behindAll === NEVER ? TURN_NS : Math.max(TURN_NS, behindAll);
    }
  }

  /** Whether a member missed its turn: its thread is blocked or dead. */
  #isLate(view: ScopeView, member: number, instant: bigint): boolean {
    const { i32 } = this.#memory;
    const dueAt = Atomics.load(i32, this.#memory.entryDueAt(this.#scope, member));
    if (((toMillis32(instant) - dueAt) | 0) * 1e6 > GRACE_NS) return true;
    // With a cap on calls in flight, permits may be untaken because the cap is reached.
    if (view.gate !== undefined) return false;
    const cost = Atomics.load(i32, this.#memory.entryCostAt(this.#scope, member));
    const lying = -view.peek(instant, Math.min(cost, view.permitsMax));
    return lying > GRACE_NS && lying !== -STALE;
  }
}

/** The low 32 bits of an instant in ms: enough to compare it with another one less than 24 days away. */
const toMillis32 = (instant: bigint): number => Number(BigInt.asIntN(32, instant / NANOS_PER_MILLI));
