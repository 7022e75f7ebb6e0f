import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { leaveCaps } from './in-flight-cap.js';
import { leaveLanes } from './lanes.js';
import { leaveSeats } from './seats.js';

/**
 * Reclaims, once, what the clients of a dead thread held: their places among waiting threads, their places in
 * flight, and their seats. Permits that they spent stay spent: granting too few is safe.
 */
export function reclaimThread(memory: RateMemory, thread: number): void {
  const { i32, sizes } = memory;
  const used = Math.min(Atomics.load(i32, memory.membersUsedAt), sizes.threadsMax);
  for (let member = 0; member < used; member++) {
    if (Atomics.load(i32, memory.memberAt(member)) === thread + 1) leaveTable(memory, member);
  }
}

/**
 * Frees what a member holds: its places in flight, the lanes that it was handing over, and its seats, at which
 * it may be waiting. Then frees its slot for another thread.
 */
export function leaveTable(memory: RateMemory, member: number): void {
  leaveCaps(memory, member);
  leaveLanes(memory, member);
  leaveSeats(memory, member);
  Atomics.store(memory.i32, memory.ringInUseAt(member), 0);
  Atomics.store(memory.i32, memory.memberAt(member), 0);
}
