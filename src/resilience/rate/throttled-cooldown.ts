import type { RateMemory } from '../../shared-memory/rate-memory.js';
import type { ScopeDirectory } from './scope-directory.js';
import { endpointScope, scopeName, type ThrottledScope } from './scope-ref.js';
import type { ScopeView } from './scope-view.js';

/**
 * The scope that a throttled call (status 429) cools down: its endpoint's if that has a budget of its own,
 * otherwise its provider's.
 *
 * @returns Its name; `undefined` if there is neither.
 * @throws {InvalidScopeError} for a provider that is no text.
 */
export function scopeToCool(
  directory: ScopeDirectory,
  { provider, endpoint }: ThrottledScope,
): string | undefined {
  const own = endpoint === undefined ? undefined : directory.find(endpointScope(provider, endpoint));
  const name = scopeName(own === undefined ? { provider } : { provider, endpoint });
  return directory.find(name) === undefined ? undefined : name;
}

/**
 * Starts a cooldown: no thread is granted anything from the scope before `until`, and there is no burst
 * when it ends. The end of a cooldown only moves forward, since several threads may ask for one at the
 * same time.
 *
 * @param until - Instant on the clock of the budgets, in ns.
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
  // After the swap: a change published before it is seen here. A change published after it has its cells
  // cooled down by the thread that publishes.
  if (!view.isCurrent()) view.refresh();
  for (const limit of view.limits) limit.spendBurstUntil(until);
}
