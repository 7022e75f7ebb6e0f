import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { ScopeView } from './scope-view.js';

/**
 * Nothing is granted from a scope before `until`, in any thread, and there is no burst at its end. Only ever
 * moves the end of a cooldown forward: threads may ask for several at one time.
 *
 * @param until - On the clock of the budgets, ns.
 */
export function coolDown(memory: RateMemory, view: ScopeView, until: bigint): void {
  Atomics.add(memory.i32, memory.toldAt(view.scope), 1);
  const at = memory.blockedUntilAt(view.scope);
  let found = Atomics.load(memory.b64, at);
  while (found < until) {
    const before = Atomics.compareExchange(memory.b64, at, found, until);
    if (before === found) break;
    found = before;
  }
  // After the swap: a change that was published before it is seen here, and the cells of one that is
  // published after it are cooled down by whoever publishes.
  if (!view.isCurrent()) view.refresh();
  for (const limit of view.limits) limit.spendBurstUntil(until);
}
