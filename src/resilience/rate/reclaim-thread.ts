import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { InFlightGate } from './in-flight-gate.js';
import { readScope } from './scope-view.js';
import { WaitingLine } from './waiting-line.js';

/**
 * Reclaims, once, what the clients of a dead thread held: their places in lines and in flight. Permits
 * that they spent stay spent: granting too few is safe.
 */
export function reclaimThread(memory: RateMemory, thread: number): void {
  for (let member = 0; member < memory.sizes.threadsMax; member++) {
    if (Atomics.load(memory.i32, memory.memberAt(member)) !== thread + 1) continue;
    leaveAll(memory, member);
  }
}

/** Takes a member out of all lines and gates, then frees its slot for another thread. */
export function leaveAll(memory: RateMemory, member: number): void {
  for (let scope = 0; scope < memory.sizes.scopesMax; scope++) {
    const { name, parameters } = readScope(memory, scope);
    if (name === undefined) continue;
    new WaitingLine(memory, scope).withdraw(member);
    // Includes gates whose cap was removed meanwhile, since it may be set again.
    if (parameters.leasesMax > 0) new InFlightGate(memory, parameters, 0).leaveAll(member);
  }
  Atomics.store(memory.i32, memory.memberAt(member), 0);
}
