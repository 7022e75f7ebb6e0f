import { type RateMemory, STATISTICS_COUNTERS } from '../../shared-memory/rate-memory.js';
import { RateTableFullError } from './rate-errors.js';

/** No such seat. */
export const NO_SEAT = -1;

/** A seat is in one of this many slots from the hash of its key on. */
const REACH = 64;
const MEMBER_BITS = 12;
const MEMBER_MASK = 2 ** MEMBER_BITS - 1;
const GOLDEN = 0x9e37_79b1;

const keyOf = (scope: number, member: number): number => ((scope << MEMBER_BITS) | member) + 1;

/**
 * A seat is what a thread has to itself at one scope: its counters, and its entry among the waiting threads. A
 * thread takes one for each scope that it opens, and gives it back when it leaves. So there are as many as
 * are in use, not one for each thread and scope that there are.
 *
 * The seats are a hash table of scope and member in shared memory. Only the member itself takes a seat, so
 * no two threads take the same one.
 *
 * @returns The slot of the seat, with counters of 0.
 * @throws {RateTableFullError}
 */
export function takeSeat(memory: RateMemory, scope: number, member: number): number {
  const slot = findSeat(memory, scope, member);
  const taken = slot === NO_SEAT ? takeFreeSlot(memory, keyOf(scope, member)) : slot;
  const counters = memory.countersAt(taken);
  memory.f64.fill(0, counters, counters + STATISTICS_COUNTERS);
  const life = Atomics.load(memory.i32, memory.lifeAt(scope));
  Atomics.store(memory.i32, memory.seatLifeAt(taken), life);
  Atomics.or(memory.i32, memory.seatedAt(scope) + (member >> 5), 1 << (member & 31));
  return taken;
}

export function findSeat(memory: RateMemory, scope: number, member: number): number {
  const key = keyOf(scope, member);
  for (let step = 0; step < reachIn(memory); step++) {
    const slot = slotOf(memory, key, step);
    if (Atomics.load(memory.i32, memory.seatKeyAt(slot)) === key) return slot;
  }
  return NO_SEAT;
}

/**
 * Gives a seat back. What was counted in it is added to the totals of the scope, if it still exists.
 *
 * @param life - Only if the seat is at this declaration of the scope.
 */
export function leaveSeat(memory: RateMemory, scope: number, member: number, life?: number): void {
  const slot = findSeat(memory, scope, member);
  if (slot === NO_SEAT || (life !== undefined && memory.i32[memory.seatLifeAt(slot)] !== life)) return;
  const { i32, f64, b64 } = memory;
  const bit = 1 << (member & 31);
  // First: who reads the counters meanwhile may miss some, but counts none twice.
  for (const maskAt of [memory.waitingAt(scope), memory.lateAt(scope), memory.seatedAt(scope)]) {
    Atomics.and(i32, maskAt + (member >> 5), ~bit);
  }
  const isOfScope = i32[memory.seatLifeAt(slot)] === Atomics.load(i32, memory.lifeAt(scope));
  for (let counter = 0; isOfScope && counter < STATISTICS_COUNTERS; counter++) {
    const counted = f64[memory.countersAt(slot) + counter]!;
    Atomics.add(b64, memory.totalsAt(scope) + counter, BigInt(Math.trunc(counted) || 0));
  }
  Atomics.store(i32, memory.seatKeyAt(slot), 0);
}

/** Gives back every seat of a member. */
export function leaveSeats(memory: RateMemory, member: number): void {
  for (let slot = 0; slot < memory.seatSlots; slot++) {
    const key = memory.i32[memory.seatKeyAt(slot)]!;
    if (key === 0 || ((key - 1) & MEMBER_MASK) !== member) continue;
    const scope = (key - 1) >> MEMBER_BITS;
    if (scope >= 0 && scope < memory.sizes.scopesMax) leaveSeat(memory, scope, member);
  }
}

/** Slots of the members that have a seat at this declaration of the scope. */
export function* seatsAt(memory: RateMemory, scope: number): Generator<number> {
  const life = Atomics.load(memory.i32, memory.lifeAt(scope));
  for (let word = 0; word < memory.maskWords; word++) {
    let bits = Atomics.load(memory.i32, memory.seatedAt(scope) + word);
    while (bits !== 0) {
      const slot = findSeat(memory, scope, word * 32 + 31 - Math.clz32(bits & -bits));
      bits &= bits - 1;
      if (slot !== NO_SEAT && memory.i32[memory.seatLifeAt(slot)] === life) yield slot;
    }
  }
}

function takeFreeSlot(memory: RateMemory, key: number): number {
  for (let step = 0; step < reachIn(memory); step++) {
    const slot = slotOf(memory, key, step);
    if (Atomics.compareExchange(memory.i32, memory.seatKeyAt(slot), 0, key) === 0) return slot;
  }
  throw new RateTableFullError('another open budget of a thread', 'seatsMax', memory.sizes.seatsMax);
}

const reachIn = ({ seatSlots }: RateMemory): number => Math.min(REACH, seatSlots);

/** By the upper bits of the product, which depend on all bits of the key. */
const slotOf = ({ seatSlots }: RateMemory, key: number, step: number): number =>
  ((Math.imul(key, GOLDEN) >>> Math.clz32(seatSlots - 1)) + step) & (seatSlots - 1);
